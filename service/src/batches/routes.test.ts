import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { countTraces } from '../../../test/support/books.ts';
import { type Caller, type IssuingWorld, type Reply, startIssuing } from '../../../test/support/issuing.ts';
import { makePayment } from '../../../test/support/make.ts';
import { until } from '../stripe/test-world.ts';
import type { BatchStatus, RowStatus } from './batch.ts';

/** What answers about batches have in them. */
interface Body {
  batch_id: string;
  status: BatchStatus;
  row_count: number;
  counts: Record<RowStatus, number>;
  totals: Record<string, string | number>[];
  needs_approval_count: number;
  batches: { batch_id: string }[];
  rows: {
    row: number;
    payment_id: string | null;
    customer_id: string | null;
    amount_cents: number | null;
    remaining_cents: number | null;
    status: RowStatus;
    needs_approval: boolean;
    refusal: { code: string; message: string } | null;
    note: string | null;
  }[];
  error: string;
  message: string;
  field?: string;
}

const BATCHES = '/v1/admin/refund-batches';
const reason = 'canceled_order';

let world: IssuingWorld;
let agent: Caller;
before(async () => {
  world = await startIssuing({ approvalLimits: { agent: { usd: 5_000 } } });
  agent = await world.caller({ as: 'agent' });
});
after(() => world[Symbol.asyncDispose]());

const create = (rows: unknown[], headers?: Record<string, string>, caller = agent) =>
  caller.post<Body>(BATCHES, { rows }, headers);
const rowsOf = async (batchId: string, query = '', caller = agent) =>
  (await caller.get<Body>(`${BATCHES}/${batchId}/rows${query}`)).body.rows;
const made = ({ status, body, text }: Reply<Body>) => {
  assert.equal(status, 201, text);
  return body;
};

test('a draft says of each row what it will do, and nothing is sent', async () => {
  const paid = await world.pay({ amount_cents: 8_000, customer_id: 'customer_a' });
  const other = await world.pay({ amount_cents: 700, currency: 'jpy' });
  const before = await countTraces(world.pool);
  const batch = made(
    await create([
      { payment_id: paid.payment_id, amount_cents: 2_500, currency: 'usd', reason, note: 'by e-mail' },
      { charge_id: other.charge_id, reason },
      { payment_id: paid.payment_id, reason },
    ]),
  );
  assert.equal(batch.status, 'draft');
  assert.equal(batch.row_count, 3);
  assert.deepEqual(batch.counts, { checked: 3, cannot: 0, running: 0, issued: 0, failed: 0 });
  assert.deepEqual(batch.totals, [
    { currency: 'jpy', row_count: 1, amount_cents: 700, issued_cents: 0, failed_cents: 0 },
    { currency: 'usd', row_count: 2, amount_cents: 8_000, issued_cents: 0, failed_cents: 0 },
  ]);
  assert.equal(batch.needs_approval_count, 2, 'a currency without a limit needs approval, and so does 55.00');
  const rows = await rowsOf(batch.batch_id);
  assert.deepEqual(
    rows.map(({ row, payment_id, amount_cents, remaining_cents, status, needs_approval }) => [
      row,
      payment_id,
      amount_cents,
      remaining_cents,
      status,
      needs_approval,
    ]),
    [
      [1, paid.payment_id, 2_500, 5_500, 'checked', false],
      [2, other.payment_id, 700, 0, 'checked', true],
      [3, paid.payment_id, 5_500, 0, 'checked', true],
    ],
  );
  assert.equal(rows[0]?.customer_id, 'customer_a');
  assert.equal(world.refundsAtStripe(paid).length, 0);
  const { refunds, transitions, audits, events } = await countTraces(world.pool);
  assert.deepEqual(
    [refunds, transitions, audits, events],
    [before.refunds, before.transitions, before.audits + 1, before.events + 1],
  );
});

test('a row that cannot be issued says why, with the code and the sentence that issuing it would have', async () => {
  const paid = await world.pay({ amount_cents: 1_000 });
  const { payment_id } = paid;
  const foreign = await makePayment(world.pool, { brand_id: 'globex' });
  const disputed = await makePayment(world.pool, { disputes: [{ status: 'needs_response' }] });
  const erased = await world.pay();
  await world.pool.query('UPDATE payments SET erased_at = now() WHERE payment_id = $1', [erased.payment_id]);
  const batch = made(
    await create([
      { reason },
      { payment_id, charge_id: paid.charge_id, reason },
      { payment_id: 'payment_nowhere', reason },
      { charge_id: 'ch_nowhere', reason },
      { payment_id: foreign.payment.payment_id, reason },
      { payment_id: disputed.payment.payment_id, reason },
      { payment_id: erased.payment_id, reason },
      { payment_id, currency: 'eur', reason },
      { payment_id, amount_cents: 1_001, reason },
      { payment_id, amount_cents: 600, reason },
      { payment_id, amount_cents: 401, reason },
      { payment_id, reason },
      { payment_id, reason },
    ]),
  );
  assert.deepEqual(batch.counts, { checked: 2, cannot: 11, running: 0, issued: 0, failed: 0 });
  const rows = await rowsOf(batch.batch_id, '?limit=100');
  assert.deepEqual(
    rows.map(({ refusal }) => refusal?.code ?? null),
    [
      'validation_error',
      'validation_error',
      'not_found',
      'not_found',
      'not_found',
      'precondition_failed',
      'precondition_failed',
      'validation_error',
      'conflict',
      null,
      'conflict',
      null,
      'conflict',
    ],
  );
  const sentences = rows.map(({ refusal }) => refusal?.message ?? '');
  assert.match(sentences[6] ?? '', /was erased/);
  assert.match(sentences[7] ?? '', /in USD, not in EUR/);
  assert.equal(sentences[8], '10.01 USD is more than what is left to refund: 10.00 USD.');
  assert.match(
    sentences[10] ?? '',
    /4\.01 USD is more than what is left after the rows before it, from row 10 on: 4\.00 USD/,
  );
  assert.match(sentences[12] ?? '', /Nothing is left of the payment after the rows before it/);
  assert.equal(rows[4]?.customer_id, null);
});

test('a batch that is sent again with its key is the same batch, however often and at once', async () => {
  const { payment_id } = await world.pay();
  const headers = { 'idempotency-key': 'a-batch-sent-twice' };
  const before = await countTraces(world.pool);
  const answers = await Promise.all(
    [1, 2, 3].map(() => create([{ payment_id, amount_cents: 1, reason }], headers)),
  );
  assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
  assert.equal((await countTraces(world.pool)).audits, before.audits + 1);
  const shuffled = await create([{ reason, amount_cents: 1, payment_id }], headers);
  assert.equal(shuffled.text, answers[0]?.text);
  const another = await create([{ payment_id, amount_cents: 2, reason }], headers);
  assert.deepEqual([another.status, another.body.field], [422, 'Idempotency-Key']);
});

test('what is no batch is refused with the row and the field', async () => {
  const row = { payment_id: 'payment_1', reason };
  for (const [body, field, message] of [
    [{}, 'rows', /^rows is missing\.$/],
    [{ rows: [] }, 'rows', /^rows must not be empty\.$/],
    [{ rows: Array.from({ length: 5_001 }, () => row) }, 'rows', /more than 5000 entries/],
    [{ rows: [row, { payment_id: 'payment_1' }] }, 'rows.1.reason', /^rows\.1\.reason is missing\.$/],
    [{ rows: [{ ...row, amount_cents: 0 }] }, 'rows.0.amount_cents', /whole number from 1 to/],
    [{ rows: [{ ...row, amount: 5 }] }, 'rows.0.amount', /Known are: payment_id, charge_id/],
  ] as const) {
    const { status, body: answer } = await agent.post<Body>(BATCHES, body);
    assert.deepEqual([status, answer.error, answer.field], [422, 'validation_error', field]);
    assert.match(answer.message, message);
  }
});

test('a batch may be sent as CSV, and is judged as JSON is', async () => {
  const { payment_id } = await world.pay();
  const csv = async (text: string) => {
    const { access_token } = await world.issuer.mintToken({ as: 'agent' });
    const response = await fetch(`${world.url}${BATCHES}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${access_token}`, 'content-type': 'text/csv; charset=utf-8' },
      body: text,
    });
    return { status: response.status, body: (await response.json()) as Body };
  };
  const { status, body } = await csv(
    `payment_id,amount_cents,reason,note\r\n${payment_id},100,duplicate,"so, twice"\r\n\r\n${payment_id},,duplicate,\r\n`,
  );
  assert.equal(status, 201);
  assert.deepEqual(
    (await rowsOf(body.batch_id)).map(({ amount_cents, note }) => [amount_cents, note]),
    [
      [100, 'so, twice'],
      [9_900, null],
    ],
  );
  for (const [text, field] of [
    ['', 'rows'],
    ['payment_id,reason\r\n', 'rows'],
    ['payment_id,amount_cents,reason\r\np,1.50,duplicate\r\n', 'rows.0.amount_cents'],
    ['payment_id,amount\r\np,1\r\n', 'rows.0.reason'],
    ['payment_id,reason,amount\r\np,duplicate,1\r\n', 'rows.0.amount'],
  ] as const) {
    const refused = await csv(text);
    assert.deepEqual([refused.status, refused.body.field], [422, field], text);
  }
});

test('rows come in their order, page by page, all or those of one status', async () => {
  const { payment_id } = await world.pay();
  const batch = made(
    await create(
      Array.from({ length: 25 }, (_, index) =>
        index % 5 === 0 ? { payment_id: 'payment_nowhere', reason } : { payment_id, amount_cents: 1, reason },
      ),
    ),
  );
  const seen: number[] = [];
  let address: string | undefined = `${BATCHES}/${batch.batch_id}/rows?limit=10`;
  while (address !== undefined) {
    const { body, headers }: Reply<Body> = await agent.get<Body>(address);
    seen.push(...body.rows.map(({ row }) => row));
    address = /<([^>]+)>/.exec(headers.get('link') ?? '')?.[1];
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 25 }, (_, index) => index + 1),
  );
  const cannot = await rowsOf(batch.batch_id, '?status=cannot');
  assert.deepEqual(
    cannot.map(({ row }) => row),
    [1, 6, 11, 16, 21],
  );
});

test('batches are listed newest first, and another brand sees none of them', async () => {
  const { payment_id } = await world.pay();
  const first = made(await create([{ payment_id, reason }]));
  const second = made(await create([{ payment_id, reason }]));
  const { body, headers } = await agent.get<Body>(`${BATCHES}?limit=1`);
  assert.deepEqual(
    body.batches.map(({ batch_id }) => batch_id),
    [second.batch_id],
  );
  const next = /<([^>]+)>/.exec(headers.get('link') ?? '')?.[1] ?? '';
  assert.equal((await agent.get<Body>(next)).body.batches[0]?.batch_id, first.batch_id);
  const stranger = await world.caller({ scope: 'admin:refunds', brand: 'globex' });
  assert.deepEqual((await stranger.get<Body>(BATCHES)).body.batches, []);
  for (const path of ['', '/rows']) {
    assert.equal((await stranger.get(`${BATCHES}/${first.batch_id}${path}`)).status, 404);
  }
});

test('the pages of one batch’s rows do not lead into another’s', async () => {
  const { payment_id } = await world.pay();
  const rows = [1, 2].map((amount_cents) => ({ payment_id, amount_cents, reason }));
  const first = made(await create(rows));
  const second = made(await create(rows));
  const { headers } = await agent.get<Body>(`${BATCHES}/${first.batch_id}/rows?limit=1`);
  const next = /<([^>]+)>/.exec(headers.get('link') ?? '')?.[1] ?? '';
  assert.equal((await agent.get(next)).status, 200);
  assert.equal((await agent.get(next.replace(first.batch_id, second.batch_id))).status, 400);
});

test('that somebody has looked at a batch and its rows is in the audit log', async () => {
  const { payment_id } = await world.pay();
  const { batch_id } = made(await create([{ payment_id, reason }]));
  await rowsOf(batch_id);
  const looks = async () =>
    (
      await world.pool.query(
        `SELECT entity_type, actor_id FROM audit_log WHERE event_type = 'refund_batch.read' AND entity_id = $1`,
        [batch_id],
      )
    ).rows;
  await until(async () => (await looks()).length > 0);
  assert.deepEqual(await looks(), [{ entity_type: 'refund_batch', actor_id: 'agent' }]);
});

test('a customer who is being erased while a batch is checked is refused, and nothing that was written of them is stored', async () => {
  const { payment_id } = await world.pay();
  const client = await world.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('UPDATE payments SET customer_id = $2, erased_at = now() WHERE payment_id = $1', [
      payment_id,
      'erased_01kar2m0v5fhtb3mx9q2z8d4wn',
    ]);
    const creating = create([{ payment_id, reason: 'allergic to walnuts', note: 'called' }]);
    await until(async () => {
      const { rows } = await world.pool.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return rows.length > 0;
    });
    await client.query('COMMIT');
    const { batch_id } = made(await creating);
    const { rows } = await world.pool.query(
      'SELECT status, refusal_code, reason, note FROM refund_batch_rows WHERE batch_id = $1',
      [batch_id],
    );
    assert.deepEqual(rows, [
      { status: 'cannot', refusal_code: 'precondition_failed', reason: null, note: null },
    ]);
  } finally {
    client.release(true);
  }
});

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startTestApp } from '../../../test/support/app.ts';
import { readDeclared } from '../../../test/support/declared.ts';
import { makePayment } from '../../../test/support/make.ts';
import { withTransaction } from '../database/pool.ts';
import type { Dispute } from './dispute.ts';
import { observeDispute } from './observe.ts';

const service = await startTestApp();
after(() => service[Symbol.asyncDispose]());

const LIST = '/v1/admin/disputes';
const ONE = '/v1/admin/disputes/{id}';

type Headers = Record<string, string>;
type Filters = Record<string, string | number>;
interface Body {
  id: string;
  payment_id: string;
  status: string;
  brand_id: string;
  amount_cents: number;
  created_at: string;
  updated_at: string;
  resolved_at: string | null;
}

const address = (filters: Filters) =>
  `${LIST}?${new URLSearchParams(Object.entries(filters).map(([name, value]): [string, string] => [name, String(value)]))}`;

async function bearer(request: Parameters<typeof service.issuer.mintToken>[0]): Promise<Headers> {
  const { access_token } = await service.issuer.mintToken(request);
  return { authorization: `Bearer ${access_token}` };
}

async function list(filters: Filters, headers?: Headers): Promise<Body[][]> {
  const pages: Body[][] = [];
  for (let next: string | undefined = address(filters); next !== undefined; ) {
    const response: Response = await service.get(next, headers);
    const { disputes } = await readDeclared<{ disputes: Body[] }>(LIST, response);
    assert.equal(response.status, 200, next);
    pages.push(disputes);
    next = /^<([^>]*)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];
  }
  return pages;
}

const listIds = async (filters: Filters, headers?: Headers) =>
  (await list(filters, headers)).flat().map((dispute) => dispute.id);

async function refuse(path: string, field: string): Promise<string> {
  const response = await service.get(path);
  const body = await readDeclared<{ error: string; message: string; field?: string }>(LIST, response);
  assert.equal(response.status, 400, path);
  assert.deepEqual([body.error, body.field], ['validation_error', field], path);
  return body.message;
}

async function get(
  id: string,
  headers?: Headers,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await service.get(`${LIST}/${id}`, headers);
  return { status: response.status, body: await readDeclared<Record<string, unknown>>(ONE, response) };
}

test('a dispute is answered in full, alone and in the list, also where it is larger than its payment', async () => {
  const { payment, disputeIds } = await makePayment(service.pool, {
    brand_id: 'whole',
    amount_cents: 10_000,
    disputes: [{ amount_cents: 12_000 }],
  });
  const [id = ''] = disputeIds;
  const { rows } = await service.pool.query<Dispute>('SELECT * FROM disputes WHERE dispute_id = $1', [id]);
  const [row] = rows;
  assert.ok(row);
  const wanted = {
    id,
    payment_id: payment.payment_id,
    stripe_dispute_id: row.stripe_dispute_id,
    amount_cents: 12_000,
    currency: 'usd',
    reason: 'fraudulent',
    status: 'needs_response',
    brand_id: 'whole',
    stripe_charge_id: payment.stripe_charge_id,
    evidence_due_by: row.evidence_due_by?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    resolved_at: null,
  };
  assert.deepEqual(await get(id, { 'x-brand-id': 'whole' }), { status: 200, body: wanted });
  assert.deepEqual(await list({ brand_id: 'whole' }), [[wanted]]);
});

test('an end is told with its moment, and what has no deadline has none', async () => {
  const { payment, disputeIds } = await makePayment(service.pool, { brand_id: 'ended', disputes: [{}] });
  await withTransaction(service.pool, async (tx) => {
    const { rows } = await tx.query<Dispute>('SELECT * FROM disputes WHERE dispute_id = $1', disputeIds);
    const [known] = rows;
    assert.ok(known);
    await observeDispute(
      tx,
      payment,
      { ...known, status: 'lost', evidence_due_by: null, reason: null, observed_at: new Date() },
      'test',
    );
  });
  const { body } = await get(disputeIds[0] ?? '', { 'x-brand-id': 'ended' });
  assert.deepEqual([body.status, body.evidence_due_by, body.reason], ['lost', null, null]);
  assert.match(String(body.resolved_at), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('disputes come newest first, ties by id, each once, in pages of any size, and each filter narrows to exactly its own', async () => {
  const statuses = ['needs_response', 'warning_needs_response', 'won', 'lost', 'needs_response'];
  for (let n = 0; n < 6; n += 1)
    await makePayment(service.pool, {
      brand_id: 'paged',
      customer_id: `cus_${n % 2}`,
      disputes: statuses.map((status) => ({ status })),
    });
  const { rows } = await service.pool.query<Dispute>("SELECT * FROM disputes WHERE brand_id = 'paged'");
  assert.equal(rows.length, 30);
  const sorted = rows.toSorted(
    (a, b) => b.created_at.getTime() - a.created_at.getTime() || (a.dispute_id < b.dispute_id ? 1 : -1),
  );
  const wanted = (keep: (row: Dispute) => boolean) => sorted.filter(keep).map((row) => row.dispute_id);
  const brand_id = 'paged';
  for (const limit of [1, 7, 29, 30, 100]) {
    const pages = await list({ brand_id, limit });
    assert.deepEqual(
      pages.flat().map((dispute) => dispute.id),
      wanted(() => true),
    );
    assert.equal(pages.length, Math.ceil(30 / limit));
    assert.ok(pages.every((page) => page.length <= limit));
  }
  assert.deepEqual(
    (await list({ brand_id })).map((page) => page.length),
    [20, 10],
  );
  for (const status of new Set(statuses))
    assert.deepEqual(
      await listIds({ brand_id, status, limit: 3 }),
      wanted((row) => row.status === status),
    );
  for (const customer_id of ['cus_0', 'cus_1', 'cus_2']) {
    assert.deepEqual(
      await listIds({ brand_id, customer_id }),
      wanted((row) => row.customer_id === customer_id),
    );
  }
  for (const payment_id of new Set(rows.map((row) => row.payment_id))) {
    assert.deepEqual(
      await listIds({ brand_id, payment_id }),
      wanted((row) => row.payment_id === payment_id),
    );
    assert.deepEqual(
      await listIds({ brand_id, payment_id, status: 'won' }),
      wanted((row) => row.payment_id === payment_id && row.status === 'won'),
    );
  }
});

test('brand_id is required, once, and said so', async () => {
  assert.equal(await refuse(LIST, 'brand_id'), 'brand_id is missing.');
  assert.equal(await refuse(`${LIST}?limit=5`, 'brand_id'), 'brand_id is missing.');
  await refuse(`${LIST}?brand_id=`, 'brand_id');
  await refuse(`${LIST}?brand_id=default&brand_id=default`, 'brand_id');
});

test('brand_id opens no other brand than the token or the header names; where they name none, it chooses', async () => {
  const make = async (brand_id: string) => ({
    brand_id,
    ...(await makePayment(service.pool, { brand_id, disputes: [{}, {}] })),
    headers: await bearer({ scope: 'admin:disputes.read', brand: brand_id }),
  });
  const acme = await make('acme');
  const zen = await make('zen');
  for (const [mine, theirs] of [
    [acme, zen],
    [zen, acme],
  ] as const) {
    const { brand_id } = mine;
    assert.deepEqual((await listIds({ brand_id }, mine.headers)).toSorted(), mine.disputeIds.toSorted());
    assert.deepEqual((await listIds({ brand_id })).toSorted(), mine.disputeIds.toSorted());
    assert.deepEqual(
      (await listIds({ brand_id }, { 'x-brand-id': brand_id })).toSorted(),
      mine.disputeIds.toSorted(),
    );
    assert.deepEqual(await listIds({ brand_id, payment_id: theirs.payment.payment_id }, mine.headers), []);
    for (const headers of [mine.headers, { 'x-brand-id': brand_id }, { 'x-brand-id': 'default' }]) {
      const response = await service.get(address({ brand_id: theirs.brand_id }), headers);
      assert.equal(response.status, 403);
      assert.equal((await readDeclared<{ error: string }>(LIST, response)).error, 'forbidden');
    }
    const [other = ''] = theirs.disputeIds;
    const unknown = await get('dispute_unknown', mine.headers);
    assert.equal(unknown.status, 404);
    assert.deepEqual(await get(other, mine.headers), unknown);
    assert.deepEqual(await get(other), unknown);
    assert.equal((await get(other, theirs.headers)).status, 200);
    assert.equal((await get(other, { ...mine.headers, 'x-brand-id': theirs.brand_id })).status, 403);
  }
});

test('a brand that nobody knows has no disputes', async () => {
  assert.deepEqual(await list({ brand_id: "nobody's; drop table disputes" }), [[]]);
});

test('a token of another room opens neither list nor dispute', async () => {
  const headers = await bearer({ scope: 'admin:refunds admin:payments' });
  for (const path of [`${LIST}?brand_id=default`, `${LIST}/dispute_unknown`])
    assert.equal((await service.get(path, headers)).status, 403);
});

for (const [query, field] of [
  ['limit=0', 'limit'],
  ['limit=-1', 'limit'],
  ['limit=101', 'limit'],
  ['limit=1.5', 'limit'],
  ['limit=1e2', 'limit'],
  ['limit=abc', 'limit'],
  ['limit=', 'limit'],
  ['limit=5&limit=5', 'limit'],
  ['limit=%2B5', 'limit'],
  ['limit=+5', 'limit'],
  ['limit=0x10', 'limit'],
  ['limit=9999999999999999999', 'limit'],
  ['status=', 'status'],
  ['status=a%00', 'status'],
  ['payment_id=', 'payment_id'],
  [`payment_id=${'x'.repeat(7_000)}`, 'payment_id'],
  ['payment_id=a&payment_id=b', 'payment_id'],
  ['cursor=abc', 'cursor'],
  ['customer=ada', 'customer'],
  ['__proto__=x', '__proto__'],
] as const) {
  test(`?${query.slice(0, 40)} is refused in the list of disputes`, async () => {
    const message = await refuse(`${LIST}?brand_id=default&${query}`, field);
    if (message.startsWith('Unknown'))
      assert.match(message, /Known are: brand_id, payment_id, customer_id, status, limit, cursor\.$/);
  });
}

for (const [id, status] of [
  ['dispute_unknown', 404],
  ['%25', 404],
  ["'--", 404],
  ['a%00b', 400],
  ['%ff', 400],
  ['x'.repeat(501), 400],
] as const) {
  test(`a dispute by the name of ${id.slice(0, 30)} is a ${status}`, async () => {
    assert.equal((await get(id)).status, status);
  });
}

test('after all this nothing was an error of ours, and no query is in the log', () => {
  assert.doesNotMatch(service.logged(), /"status":5\d\d|"level":5\d|Bearer|brand_id=|drop table|customer_\d/);
});

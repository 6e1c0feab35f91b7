import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import pg from 'pg';
import { startTestApp } from '../../../test/support/app.ts';
import { readDeclared } from '../../../test/support/declared.ts';
import { type MadePayment, makePayment } from '../../../test/support/make.ts';
import { addRefunds } from '../../../test/support/rows.ts';
import { withTransaction } from '../database/pool.ts';
import type { ListedRefund } from './list.ts';
import { REFUND_STATUSES } from './refund.ts';
import { observeRefund, type RefundObservation } from './settle.ts';

const service = await startTestApp();
after(() => service[Symbol.asyncDispose]());

const LIST = '/v1/admin/refunds';
const DETAIL = '/v1/admin/refunds/{refund_id}';

type Line = Omit<ListedRefund, 'created_at'> & { created_at: string };
type Filters = Partial<Record<string, string | number>>;
type Headers = Record<string, string>;

const address = (filters: Filters) =>
  `${LIST}?${new URLSearchParams(Object.entries(filters).map(([name, value]): [string, string] => [name, String(value)]))}`;

/** The lines of one page, and the address of the next as the service gives it. */
async function readPage(
  path: string,
  headers?: Headers,
): Promise<{ lines: Line[]; next: string | undefined }> {
  const response = await service.get(path, headers);
  const { refunds } = await readDeclared<{ refunds: Line[] }>(LIST, response);
  assert.equal(response.status, 200, JSON.stringify(refunds));
  const link = response.headers.get('link');
  if (link === null) return { lines: refunds, next: undefined };
  const [, next] = /^<(\/[^>]*)>; rel="next"$/.exec(link) ?? assert.fail(link);
  return { lines: refunds, next };
}

async function readAll(filters: Filters, headers?: Headers): Promise<Line[][]> {
  const pages: Line[][] = [];
  for (let next: string | undefined = address(filters); next !== undefined; ) {
    const page: { lines: Line[]; next: string | undefined } = await readPage(next, headers);
    pages.push(page.lines);
    next = page.next;
  }
  return pages;
}

async function listIds(filters: Filters, headers?: Headers): Promise<string[]> {
  return (await readAll(filters, headers)).flat().map((line) => line.refund_id);
}

async function bearer(request: Parameters<typeof service.issuer.mintToken>[0]): Promise<Headers> {
  const { access_token } = await service.issuer.mintToken(request);
  return { authorization: `Bearer ${access_token}` };
}

async function refuse(path: string, field: string): Promise<string> {
  const response = await service.get(path);
  const body = await readDeclared<{ error: string; message: string; field?: string }>(LIST, response);
  assert.equal(response.status, 400, path);
  assert.deepEqual([body.error, body.field], ['validation_error', field], path);
  return body.message;
}

/** What a query does not wait for, or leaves along with it: whose rows are shown, what is counted and what was looked at. */
const BESIDE = ['brand.show', 'rates_exchange', 'rates_prune', 'audit.record_reads'];

/** How many queries the database is sent for `work`. */
async function countQueries(context: test.TestContext, work: () => Promise<unknown>): Promise<number> {
  const query = context.mock.method(pg.Client.prototype, 'query');
  await work();
  query.mock.restore();
  return query.mock.calls.filter(({ arguments: [asked] }) => !BESIDE.includes(Object(asked).name)).length;
}

const CUSTOMERS = ['ada', 'Ada', 'a%a', "'; drop table refunds; --", 'שלום 🧾 e\u0301'] as const;
const STATUSES = ['pending', 'requires_action', 'succeeded', 'failed', 'canceled'] as const;
const REASONS = ['duplicate', 'fraudulent', 'requested_by_customer', null] as const;
const MOMENTS_ms = Array.from({ length: 6 }, (_, index) => Date.UTC(2026, 0, 31, 23, 59, 59, 998 + index));
const AMOUNTS = [1, 2, 99, 100, 101] as const;

const drawnRefund = fc.record({
  status: fc.constantFrom(...STATUSES),
  reason: fc.constantFrom(...REASONS),
  amount_cents: fc.constantFrom(...AMOUNTS),
  created_at: fc.constantFrom(...MOMENTS_ms).map((ms) => new Date(ms)),
});
const drawnPayment: fc.Arbitrary<MadePayment> = fc.record({
  brand_id: fc.constantFrom('drawn', 'other'),
  customer_id: fc.constantFrom(...CUSTOMERS),
  refunds: fc.array(drawnRefund, { maxLength: 4 }),
});

/** Written with an offset where one is drawn, so that the same moment comes in several forms. */
const drawnMoment = fc
  .tuple(fc.constantFrom(...MOMENTS_ms), fc.constantFrom(0, 330, -210))
  .map(([ms, offset_min]) => {
    if (offset_min === 0) return new Date(ms).toISOString();
    const hours = String(Math.floor(Math.abs(offset_min) / 60)).padStart(2, '0');
    const local = new Date(ms + offset_min * 60_000).toISOString().slice(0, -1);
    return `${local}${offset_min < 0 ? '-' : '+'}${hours}:30`;
  });

test('for any refunds and any filters the list is what filtering and sorting them by hand gives, page by page', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  for (const payment of fc.sample(drawnPayment, { numRuns: 50, seed }))
    await makePayment(service.pool, payment);
  const { rows } = await service.pool.query<ListedRefund & { brand_id: string }>('SELECT * FROM refunds');
  const own = rows.filter((row) => row.brand_id === 'drawn');
  assert.ok(own.length > 0 && own.length < rows.length, `seed ${seed}`);
  const idOf = (column: 'payment_id' | 'charge_id' | 'stripe_refund_id') =>
    fc.constantFrom(...rows.map((row) => row[column] ?? '')).filter((id) => id !== '');
  const drawnFilters = fc.record(
    {
      customer_id: fc.constantFrom(...CUSTOMERS, 'nobody'),
      status: fc.constantFrom(...REFUND_STATUSES),
      payment_id: idOf('payment_id'),
      charge_id: idOf('charge_id'),
      stripe_refund_id: idOf('stripe_refund_id'),
      reason: fc.constantFrom('duplicate', 'fraudulent', 'requested_by_customer', 'null'),
      amount_cents_gte: fc.constantFrom(0, ...AMOUNTS, 999_999_999_999),
      amount_cents_lte: fc.constantFrom(0, ...AMOUNTS, 999_999_999_999),
      created_at_gte: drawnMoment,
      created_at_lt: drawnMoment,
    },
    { requiredKeys: [] },
  );
  const limits = fc.integer({ min: 1, max: 100 });
  const headers = { 'x-brand-id': 'drawn' };
  await fc.assert(
    fc.asyncProperty(drawnFilters, limits, async (filters, limit) => {
      const {
        amount_cents_gte = 0,
        amount_cents_lte = Infinity,
        created_at_gte,
        created_at_lt,
        ...equal
      } = filters;
      const wanted = own
        .filter((row) =>
          Object.entries(equal).every(([name, value]) => row[name as keyof typeof equal] === value),
        )
        .filter((row) => row.amount_cents >= amount_cents_gte && row.amount_cents <= amount_cents_lte)
        .filter((row) => created_at_gte === undefined || row.created_at >= new Date(created_at_gte))
        .filter((row) => created_at_lt === undefined || row.created_at < new Date(created_at_lt))
        .sort(
          (a, b) => b.created_at.getTime() - a.created_at.getTime() || (a.refund_id < b.refund_id ? 1 : -1),
        );
      const pages = await readAll({ ...filters, limit }, headers);
      assert.deepEqual(
        pages.flat(),
        wanted.map((row) => ({
          refund_id: row.refund_id,
          payment_id: row.payment_id,
          charge_id: row.charge_id,
          customer_id: row.customer_id,
          amount_cents: row.amount_cents,
          status: row.status,
          reason: row.reason,
          stripe_refund_id: row.stripe_refund_id,
          created_at: row.created_at.toISOString(),
        })),
      );
      assert.equal(pages.length, Math.max(1, Math.ceil(wanted.length / limit)));
      assert.ok(pages.slice(0, -1).every((page) => page.length === limit));
    }),
    { numRuns: 150, seed },
  );
});

test('without a limit a page has 20 refunds, and the largest has 100', async () => {
  await addRefunds(service.pool, { customer_id: 'many', count: 101 });
  assert.deepEqual(
    (await readAll({ customer_id: 'many' })).map((page) => page.length),
    [20, 20, 20, 20, 20, 1],
  );
  assert.deepEqual(
    (await readAll({ customer_id: 'many', limit: 100 })).map((page) => page.length),
    [100, 1],
  );
});

test('a list call is one query, with filters or without, on the first page and on a later one', async (context) => {
  await addRefunds(service.pool, { customer_id: 'counted', count: 5 });
  const { next } = await readPage(address({ customer_id: 'counted', limit: 2 }));
  for (const path of [LIST, address({ customer_id: 'counted', status: 'succeeded' }), next ?? '']) {
    assert.equal(await countQueries(context, () => readPage(path)), 1, path);
  }
});

test('a refused list call asks the database nothing', async (context) => {
  assert.equal(await countQueries(context, () => refuse(`${LIST}?limit=0`, 'limit')), 0);
});

test('refunds made while somebody pages, newer and older, neither repeat a line nor hide one that was there', async () => {
  const made = (at: string) => ({ created_at: new Date(at) });
  const there = await makePayment(service.pool, {
    customer_id: 'moving',
    refunds: [5, 4, 3, 2, 1].map((second) => made(`2026-05-05T00:00:0${second}Z`)),
  });
  const seen: string[] = [];
  const older: string[] = [];
  for (let next: string | undefined = address({ customer_id: 'moving', limit: 1 }); next !== undefined; ) {
    const page: { lines: Line[]; next: string | undefined } = await readPage(next);
    seen.push(...page.lines.map((line) => line.refund_id));
    await makePayment(service.pool, { customer_id: 'moving', refunds: [made(new Date().toISOString())] });
    if (older.length < 2) {
      const at = `2026-05-04T00:00:0${9 - older.length}Z`;
      older.push(
        ...(await makePayment(service.pool, { customer_id: 'moving', refunds: [made(at)] })).refundIds,
      );
    }
    next = page.next;
  }
  assert.deepEqual(seen, [...there.refundIds.toReversed(), ...older]);
});

test('a refund that changes its status while somebody pages keeps its place', async () => {
  const { payment, refundIds } = await makePayment(service.pool, {
    customer_id: 'settling',
    refunds: [1, 2, 3].map(() => ({ status: 'pending' })),
  });
  const first = await readPage(address({ customer_id: 'settling', limit: 1 }));
  const { rows } = await service.pool.query<{ stripe_refund_id: string }>(
    'SELECT stripe_refund_id FROM refunds WHERE payment_id = $1 ORDER BY created_at',
    [payment.payment_id],
  );
  await observe(payment.payment_id, {
    stripe_refund_id: rows[0]?.stripe_refund_id ?? '',
    status: 'succeeded',
  });
  const seen = [...first.lines];
  for (let { next } = first; next !== undefined; ) {
    const page = await readPage(next);
    seen.push(...page.lines);
    next = page.next;
  }
  assert.deepEqual(
    seen.map((line) => line.refund_id),
    refundIds.toReversed(),
  );
});

/** What Stripe says next of a refund of this payment. */
async function observe(
  paymentId: string,
  observation: Partial<RefundObservation> & { stripe_refund_id: string },
): Promise<void> {
  await withTransaction(service.pool, async (tx) => {
    const { rows } = await tx.query('SELECT * FROM payments WHERE payment_id = $1 FOR UPDATE', [paymentId]);
    const now = new Date();
    await observeRefund(
      tx,
      rows[0],
      {
        refund_id: null,
        charge_id: null,
        amount_cents: 1_000,
        currency: 'usd',
        status: 'succeeded',
        reason: 'requested_by_customer',
        failure_reason: null,
        pending_reason: null,
        bank_reference: null,
        created_at: now,
        observed_at: now,
        ...observation,
      },
      { cause: `evt_${observation.status}`, overdraft: 'refuse' },
    );
  });
}

interface Detail extends Line {
  currency: string;
  origin: string;
  failure_reason: string | null;
  pending_reason: string | null;
  bank_reference: string | null;
  bank_reference_at: string | null;
  updated_at: string;
  location: { code: string };
  payment: Record<string, unknown>;
  timeline: { at: string; from_status: string | null; to_status: string; cause: string }[];
}

async function getDetail(refundId: string): Promise<Detail> {
  const response = await service.get(`${LIST}/${refundId}`);
  assert.equal(response.status, 200);
  return await readDeclared<Detail>(DETAIL, response);
}

test("a refund's story is told whole: pending, succeeded with the bank's reference, failed in the end, and what that means for its payment", async () => {
  const { payment } = await makePayment(service.pool, {
    customer_id: 'storied',
    currency: 'eur',
    stripe_charge_id: 'ch_storied',
    refunds: [{ amount_cents: 2_500, status: 'succeeded' }],
  });
  const told = {
    stripe_refund_id: 're_storied',
    currency: 'eur',
    reason: 'duplicate',
    charge_id: 'ch_storied',
  };
  const created_at = new Date('2026-01-31T14:05:00.123Z');
  await observe(payment.payment_id, { ...told, created_at, status: 'pending', pending_reason: 'processing' });
  const [refund_id = ''] = await listIds({ stripe_refund_id: 're_storied' });
  const pending = await getDetail(refund_id);
  const { updated_at, timeline, ...rest } = pending;
  assert.deepEqual(rest, {
    refund_id,
    payment_id: payment.payment_id,
    charge_id: 'ch_storied',
    customer_id: 'storied',
    amount_cents: 1_000,
    currency: 'eur',
    status: 'pending',
    reason: 'duplicate',
    note: null,
    origin: 'external',
    requested_by_type: null,
    requested_by_id: null,
    approved_by_type: null,
    approved_by_id: null,
    decision_note: null,
    stripe_refund_id: 're_storied',
    failure_reason: null,
    attention: null,
    location: {
      code: 'at_stripe',
      message: 'Stripe has it and has not sent it to the bank yet.',
      customer_message: 'Your refund is with our payment provider, and has not been sent to your bank yet.',
    },
    resolution: null,
    resolution_reference: null,
    replaced_by: null,
    resolved_at: null,
    pending_reason: 'processing',
    bank_reference: null,
    bank_reference_at: null,
    created_at: '2026-01-31T14:05:00.123Z',
    payment: {
      payment_id: payment.payment_id,
      status: 'succeeded',
      currency: 'eur',
      amount_cents: 10_000,
      captured_cents: 10_000,
      reserved_cents: 1_000,
      refunded_cents: 2_500,
      refundable_cents: 6_500,
      payment_method: { type: 'card', brand: 'visa', last4: '4242' },
    },
  });
  assert.deepEqual(
    timeline.map(({ at: _, ...entry }) => entry),
    [
      {
        from_status: null,
        to_status: 'pending',
        actor_type: 'system',
        actor_id: 'stripe',
        cause: 'evt_pending',
      },
    ],
  );

  await observe(payment.payment_id, {
    ...told,
    status: 'succeeded',
    bank_reference: '74208516031000000123456',
  });
  const succeeded = await getDetail(refund_id);
  assert.equal(succeeded.bank_reference, '74208516031000000123456');
  assert.equal(succeeded.location.code, 'bank_reference_known');
  assert.ok(Date.parse(succeeded.bank_reference_at ?? '') >= Date.parse(updated_at));
  assert.deepEqual(
    [succeeded.payment.reserved_cents, succeeded.payment.refunded_cents, succeeded.payment.refundable_cents],
    [0, 3_500, 6_500],
  );

  await observe(payment.payment_id, {
    ...told,
    status: 'failed',
    failure_reason: 'expired_or_canceled_card',
    bank_reference: '74208516031000000123456',
  });
  const failed = await getDetail(refund_id);
  assert.equal(failed.failure_reason, 'expired_or_canceled_card');
  assert.equal(failed.location.code, 'owed');
  assert.equal(failed.bank_reference_at, succeeded.bank_reference_at);
  assert.deepEqual(
    [failed.payment.reserved_cents, failed.payment.refunded_cents, failed.payment.refundable_cents],
    [0, 2_500, 7_500],
  );
  assert.deepEqual(
    failed.timeline.map(({ from_status, to_status, cause }) => [from_status, to_status, cause]),
    [
      [null, 'pending', 'evt_pending'],
      ['pending', 'succeeded', 'evt_succeeded'],
      ['succeeded', 'failed', 'evt_failed'],
    ],
  );
  const moments = failed.timeline.map(({ at }) => Date.parse(at));
  assert.deepEqual(
    moments,
    moments.toSorted((a, b) => a - b),
  );
  for (const moment of [...failed.timeline.map(({ at }) => at), failed.created_at, failed.updated_at]) {
    assert.match(moment, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  }
});

test('a refund and its timeline are of one moment: the status is always where the timeline ends', async (context) => {
  const { refundIds } = await makePayment(service.pool, { customer_id: 'momentary', refunds: [{}] });
  assert.equal(await countQueries(context, () => getDetail(refundIds[0] ?? '')), 1);
});

test('while a newer version adds columns to the books this one goes on answering', async () => {
  const { payment, refundIds } = await makePayment(service.pool, { refunds: [{}], disputes: [{}] });
  const ask = async () => {
    for (const path of [
      LIST,
      `${LIST}/${refundIds[0]}`,
      `/v1/payments/${payment.payment_id}`,
      '/v1/admin/payments',
      '/v1/admin/disputes?brand_id=default',
      '/readyz',
    ]) {
      assert.equal((await service.get(path)).status, 200, path);
    }
  };
  await ask();
  // A connection keeps the plans of its statements, and a plan may not change its columns.
  for (const table of ['payments', 'refunds', 'refund_transitions', 'disputes', 'schema_migrations'])
    await service.pool.query(`ALTER TABLE ${table} ADD COLUMN novelty text`);
  await ask();
});

test('what the list says of a refund is what the refund says of itself', async () => {
  for (const line of (await readPage(LIST)).lines) {
    const detail = await getDetail(line.refund_id);
    for (const [name, value] of Object.entries(line)) assert.equal(detail[name as keyof Line], value, name);
  }
});

for (const [id, status] of [
  ['refund_unknown', 404],
  ['*', 404],
  ["'%20or%20'1'='1", 404],
  ['%25', 404],
  ['..%2fpayments', 404],
  ['%F0%9F%A6%8A', 404],
  ['a%00b', 400],
  ['%0a', 400],
  ['%ff', 400],
  ['x'.repeat(501), 400],
] as const) {
  test(`a refund by the name of ${id.slice(0, 30)} is a ${status}`, async () => {
    const response = await service.get(`${LIST}/${id}`);
    const { error } = await readDeclared<{ error: string }>(DETAIL, response);
    assert.equal(response.status, status);
    assert.equal(error, status === 404 ? 'not_found' : 'validation_error');
  });
}

test('a single refund takes no parameters, and says so', async () => {
  const { refundIds } = await makePayment(service.pool, { refunds: [{}] });
  const response = await service.get(`${LIST}/${refundIds[0]}?customer_id=ada`);
  assert.equal(response.status, 400);
  assert.match(
    (await readDeclared<{ message: string }>(DETAIL, response)).message,
    /^Unknown parameter customer_id/,
  );
});

test('a brand never sees a refund of another: not in lists, not by any filter, not by its id, and not by a header', async () => {
  const make = async (brand_id: string) => ({
    ...(await makePayment(service.pool, {
      brand_id,
      customer_id: `customer_of_${brand_id}`,
      refunds: [{}, { status: 'pending' }],
    })),
    headers: await bearer({ scope: 'admin:refunds.read', brand: brand_id }),
  });
  const acme = await make('acme');
  const zen = await make('zen');
  for (const [mine, theirs] of [
    [acme, zen],
    [zen, acme],
  ] as const) {
    assert.deepEqual((await listIds({}, mine.headers)).toSorted(), mine.refundIds.toSorted());
    for (const filters of [
      { customer_id: theirs.payment.customer_id },
      { payment_id: theirs.payment.payment_id },
      { charge_id: theirs.payment.stripe_charge_id ?? '' },
    ]) {
      assert.deepEqual(await listIds(filters, mine.headers), []);
      assert.deepEqual((await listIds(filters, theirs.headers)).toSorted(), theirs.refundIds.toSorted());
    }
    const [other = ''] = theirs.refundIds;
    const { stripe_refund_id } = (await readPage(address({}), theirs.headers)).lines[0] ?? assert.fail();
    assert.deepEqual(await listIds({ stripe_refund_id: stripe_refund_id ?? '' }, mine.headers), []);
    const bodies = await Promise.all(
      [other, 'refund_unknown'].map(async (id) => {
        const response = await service.get(`${LIST}/${id}`, mine.headers);
        assert.equal(response.status, 404);
        return [await response.text(), [...response.headers.keys()]];
      }),
    );
    assert.deepEqual(bodies[0], bodies[1]);
    for (const path of [LIST, `${LIST}/${other}`]) {
      const response = await service.get(path, { ...mine.headers, 'x-brand-id': theirs.payment.brand_id });
      assert.equal(response.status, 403);
    }
    // A token without a brand sees the one it names.
    assert.deepEqual(
      (await listIds({}, { 'x-brand-id': mine.payment.brand_id })).toSorted(),
      mine.refundIds.toSorted(),
    );
    assert.equal((await service.get(`${LIST}/${other}`)).status, 404);
    assert.equal(
      (await service.get(`${LIST}/${other}`, { 'x-brand-id': theirs.payment.brand_id })).status,
      200,
    );
  }
});

for (const [written, field] of [
  ['2026-01-31T14:05:00', 'created_at_gte'],
  ['2026-01-31 14:05:00', 'created_at_gte'],
  ['2026-02-30T00:00:00Z', 'created_at_gte'],
  ['2026-02-29T00:00:00Z', 'created_at_lt'],
  ['2016-12-31T23:59:60Z', 'created_at_gte'],
  ['2016-12-31T23:59:60Z', 'created_at_lt'],
  ['2026-13-01T00:00:00Z', 'created_at_lt'],
  ['2026-01-31T24:00:00Z', 'created_at_lt'],
  ['2026-01-31T14:05:00+24:00', 'created_at_lt'],
  ['2026-01-31T14:05:00+01', 'created_at_lt'],
  ['10000-01-01T00:00:00Z', 'created_at_lt'],
  ['-0001-01-01T00:00:00Z', 'created_at_gte'],
  ['1769868300000', 'created_at_gte'],
  ['now', 'created_at_gte'],
  ['infinity', 'created_at_lt'],
  ['', 'created_at_lt'],
  [`2026-01-31T14:05:00.${'0'.repeat(40)}Z`, 'created_at_lt'],
] as const) {
  test(`${written.slice(0, 30)} is no moment for ${field}`, async () => {
    const message = await refuse(address({ [field]: written }), field);
    assert.match(message, new RegExp(`^${field} .*[.]$`));
  });
}

for (const written of [
  '2024-02-29T00:00:00Z',
  '2026-01-31T14:05:00+05:30',
  '2026-01-31T14:05:00-23:59',
  '2026-01-31T14:05:00.5Z',
  '0000-01-01T00:00:00Z',
  '0000-01-01T00:00:00+23:59',
  '0099-01-01T00:00:00Z',
  '9999-12-31T23:59:59.999-23:59',
]) {
  test(`${written} is a moment, at either end`, async () => {
    await readPage(address({ created_at_gte: written }));
    await readPage(address({ created_at_lt: written }));
  });
}

test('fractions finer than a millisecond narrow to what they say', async () => {
  await makePayment(service.pool, {
    customer_id: 'fine',
    refunds: [{ created_at: new Date('2026-04-01T00:00:00.001Z') }],
  });
  for (const [filters, count] of [
    [{ created_at_lt: '2026-04-01T00:00:00.001Z' }, 0],
    [{ created_at_lt: '2026-04-01T00:00:00.0011Z' }, 1],
    [{ created_at_lt: '2026-04-01T00:00:00.0010000000001Z' }, 1],
    [{ created_at_gte: '2026-04-01T00:00:00.001000Z' }, 1],
    [{ created_at_gte: '2026-04-01T00:00:00.0011Z' }, 0],
  ] as const) {
    assert.equal((await listIds({ customer_id: 'fine', ...filters })).length, count, JSON.stringify(filters));
  }
});

test('the other end before the one end, or the larger amount below the smaller, is an empty list', async () => {
  assert.deepEqual(
    await listIds({ created_at_gte: '2030-01-01T00:00:00Z', created_at_lt: '2020-01-01T00:00:00Z' }),
    [],
  );
  assert.deepEqual(await listIds({ amount_cents_gte: 2, amount_cents_lte: 1 }), []);
});

for (const value of [
  '1000000000000',
  '9999999999999999999',
  '-1',
  '1.0',
  '1e3',
  '0x10',
  '+5',
  ' 5',
  '',
  'NaN',
  'Infinity',
]) {
  test(`an amount of ${JSON.stringify(value)} is refused`, async () => {
    for (const field of ['amount_cents_gte', 'amount_cents_lte'])
      await refuse(address({ [field]: value }), field);
  });
}

for (const field of ['payment_id', 'charge_id', 'stripe_refund_id', 'reason', 'customer_id']) {
  test(`${field} is taken word for word: empty, with a NUL, too long and twice are refused, the rest is looked for`, async () => {
    for (const value of ['', 'a\0b', 'a\nb', 'x'.repeat(501), 'x'.repeat(7_000)])
      await refuse(address({ [field]: value }), field);
    await refuse(`${LIST}?${field}=a&${field}=a`, field);
    for (const value of [
      '%',
      '_',
      "'; drop table refunds; --",
      '\u202eltr',
      'e\u0301',
      '🦊'.repeat(500),
      'ǆ',
    ])
      assert.deepEqual(await listIds({ [field]: value, charge_id: 'ch_none' }), []);
  });
}

test('composed and decomposed letters are different customers: nothing is guessed', async () => {
  const composed = await makePayment(service.pool, { customer_id: 'caf\u00e9', refunds: [{}] });
  const decomposed = await makePayment(service.pool, { customer_id: 'cafe\u0301', refunds: [{}] });
  assert.deepEqual(await listIds({ customer_id: 'caf\u00e9' }), composed.refundIds);
  assert.deepEqual(await listIds({ customer_id: 'cafe\u0301' }), decomposed.refundIds);
});

test('after all this the log holds no customer, no token and no query, and nothing was an error of ours', async () => {
  const { access_token } = await service.issuer.mintToken({ scope: 'admin:refunds.read' });
  await service.get(address({ customer_id: 'customer_secret', status: 'nonsense' }));
  await service.get(`${LIST}/refund_secret`, { authorization: `Bearer ${access_token}` });
  const log = service.logged();
  assert.match(log, /"route":"\/v1\/admin\/refunds\/:refund_id"/);
  for (const personal of [
    access_token,
    'Bearer',
    'secret',
    'storied',
    'drop table',
    'customer_',
    'cursor=',
    'limit=',
  ])
    assert.ok(!log.includes(personal), personal);
  assert.doesNotMatch(log, /"status":5\d\d|"level":5\d/);
});

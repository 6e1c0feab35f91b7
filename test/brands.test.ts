import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import { SCOPES } from '../service/src/access/scopes.ts';
import { type Caller, type IssuingWorld, type Reply, startIssuing } from './support/issuing.ts';
import { makeDifference, makePayment } from './support/make.ts';
import { type Operation, operationsOf } from './support/operations.ts';

const EVERYTHING = Object.keys(SCOPES).join(' ');
/** Not of a brand: the taxonomy is everybody's, an event is Stripe's until it has been asked about, and the service is one. */
const OF_NO_BRAND = [
  // What it makes is the caller's own, and says nothing of what there is.
  'createEventEndpoint',
  'listEventTypes',
  'listRefundReasons',
  'replayStripeEvent',
  'listStripeEvents',
  'listReconcileRuns',
  'startReconcileRun',
  'getOperations',
];

interface Call {
  path?: Record<string, string>;
  query?: Record<string, string>;
  body?: unknown;
  /** What another brand is answered, where it is neither that there is no such thing nor an empty list. */
  answers?: number;
  /** By what an answer that shows no names tells of something. */
  tells?: RegExp;
}

const isOfABrand = ({ id, scopes }: Operation) => scopes.length > 0 && !OF_NO_BRAND.includes(id);

/** An operation's address for a call. */
function addressOf({ path }: Operation, call: Call): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(call.path?.[name] ?? ''),
  );
  const query = new URLSearchParams(call.query).toString();
  return query === '' ? filled : `${filled}?${query}`;
}

interface Owned {
  payment_id: string;
  charge_id: string;
  customer_id: string;
  refund_id: string;
  waiting_id: string;
  failed_id: string;
  dispute_id: string;
  disputed_id: string;
  stripe_refund_id: string;
  difference_id: string;
  draft_id: string;
  running_id: string;
  endpoint_id: string;
  unwanted_endpoint_id: string;
  event_id: string;
}

/** One that only this brand has. */
const currencyOf = (brand_id: string) => (brand_id === 'acme' ? 'eur' : 'gbp');

/** A payment of a brand with refunds that something can be done about, one that has failed, and a dispute. */
async function makeOwned(world: IssuingWorld, brand_id: string, caller: Caller): Promise<Owned> {
  const customer_id = `customer_of_${brand_id}`;
  const paid = await world.pay({ brand_id, customer_id });
  const order = { payment_id: paid.payment_id };
  const { body: made } = await caller.post('/v1/admin/refunds', { ...order, amount_cents: 101 });
  const { body: waiting } = await caller.post('/v1/admin/refunds', { ...order, amount_cents: 5_001 });
  const mirrored = await makePayment(world.pool, {
    brand_id,
    customer_id,
    currency: currencyOf(brand_id),
    refunds: [{ status: 'failed' }],
    disputes: [{}],
  });
  assert.equal(waiting.status, 'awaiting_approval');
  const draft = async () =>
    (
      await caller.post<{ batch_id: string }>('/v1/admin/refund-batches', {
        rows: [{ ...order, amount_cents: 100, reason: 'other' }],
      })
    ).body.batch_id;
  const running_id = await draft();
  await caller.post(`/v1/admin/refund-batches/${running_id}/run`);
  const endpoint = async () =>
    (
      await caller.post<{ endpoint_id: string }>('/v1/admin/event-endpoints', {
        url: 'https://shop.example/events',
        event_types: ['*'],
      })
    ).body.endpoint_id;
  const endpoint_id = await endpoint();
  const { body: sent } = await caller.post<{ event_id: string }>(
    `/v1/admin/event-endpoints/${endpoint_id}/test`,
  );
  return {
    endpoint_id,
    unwanted_endpoint_id: await endpoint(),
    event_id: sent.event_id,
    draft_id: await draft(),
    running_id,
    payment_id: paid.payment_id,
    charge_id: paid.charge_id,
    customer_id,
    refund_id: made.refund_id,
    waiting_id: waiting.refund_id,
    failed_id: mirrored.refundIds[0] ?? '',
    dispute_id: mirrored.disputeIds[0] ?? '',
    disputed_id: mirrored.payment.payment_id,
    stripe_refund_id: made.stripe_refund_id ?? '',
    difference_id: await makeDifference(world.pool, { brand_id, entity_id: made.refund_id }),
  };
}

/** Every way in which one brand may name something of another's, by operation. An operation that has none fails the first test. */
const callsFor = (own: Owned, brand_id: string, by: string): Record<string, Call[]> => {
  const each = (body?: unknown) =>
    [own.refund_id, own.waiting_id, own.failed_id].map((refund_id) => ({ path: { refund_id }, body }));
  const endpoint = { path: { endpoint_id: own.endpoint_id } };
  const delivery = { path: { endpoint_id: own.endpoint_id, event_id: own.event_id } };
  const lists = [
    {},
    { query: { customer_id: own.customer_id } },
    { query: { payment_id: own.payment_id } },
    { query: { charge_id: own.charge_id } },
    { query: { stripe_refund_id: own.stripe_refund_id } },
    { query: { needs_attention: 'true' } },
    { query: { unknown: 'true' } },
    { query: { status: 'awaiting_approval' } },
  ];
  return {
    listRefunds: lists,
    listRefundsDetailed: lists,
    summarizeRefunds: [...lists.slice(1, 5), { query: { currency: currencyOf(brand_id) } }].map((call) => ({
      ...call,
      tells: /"count"/,
    })),
    analyzeRefunds: [{ query: { currency: currencyOf(brand_id) }, tells: /"count":[1-9]/ }],
    exportRefunds: lists.flatMap(({ query }) =>
      ['csv', 'ndjson'].map((format) => ({ query: { ...query, format } })),
    ),
    getRefund: each(),
    issueRefund: [
      { body: { payment_id: own.payment_id, amount_cents: 1 } },
      { body: { charge_id: own.charge_id, amount_cents: 1 } },
      { body: { charge_id: own.charge_id, full: true } },
    ],
    issueRefundOfPayment: [{ body: { payment_id: own.payment_id, amount_cents: 1 } }],
    createRefundBatch: [
      { body: { rows: [{ payment_id: own.payment_id, reason: 'other' }] } },
      { body: { rows: [{ charge_id: own.charge_id, reason: 'other' }] } },
    ].map((call) => ({ ...call, answers: 201, tells: /"checked":1/ })),
    listRefundBatches: [{}],
    getRefundBatch: [own.draft_id, own.running_id].map((batch_id) => ({ path: { batch_id } })),
    listRefundBatchRows: [own.draft_id, own.running_id].map((batch_id) => ({ path: { batch_id } })),
    runRefundBatch: [{ path: { batch_id: own.draft_id } }],
    stopRefundBatch: [{ path: { batch_id: own.running_id } }],
    approveRefund: each(),
    rejectRefund: each(),
    cancelRefund: each(),
    syncRefund: each(),
    resolveRefund: each({ resolution: 'not_owed', reference: 'a reference' }),
    getPayment: [{ path: { id: own.payment_id } }],
    getPaymentDetail: [{ path: { payment_id: own.payment_id } }, { path: { payment_id: own.disputed_id } }],
    listPayments: [{}, { query: { customer_id: own.customer_id } }, { query: { charge_id: own.charge_id } }],
    listDisputes: [brand_id, by].flatMap((named) => [
      { query: { brand_id: named } },
      { query: { brand_id: named, payment_id: own.disputed_id } },
    ]),
    getDispute: [{ path: { id: own.dispute_id } }],
    getCustomer: [{ path: { customer_id: own.customer_id } }],
    search: Object.values(own).map((q) => ({ query: { q } })),
    listReconcileDifferences: [{}, { query: { open: 'true' } }, { query: { entity_id: own.refund_id } }],
    closeReconcileDifference: [{ path: { difference_id: own.difference_id }, body: { note: 'a note' } }],
    listEventEndpoints: [{}],
    getEventEndpoint: [endpoint],
    updateEventEndpoint: [{ ...endpoint, body: { description: 'another' } }],
    deleteEventEndpoint: [{ path: { endpoint_id: own.unwanted_endpoint_id } }],
    getEventEndpointSecret: [endpoint],
    rotateEventEndpointSecret: [endpoint],
    testEventEndpoint: [endpoint],
    resendFailedEvents: [{ ...endpoint, body: { since: '2026-01-01T00:00:00Z' } }],
    listEventDeliveries: [
      {},
      { query: { endpoint_id: own.endpoint_id } },
      { query: { event_id: own.event_id } },
    ],
    getEventDelivery: [delivery],
    resendEvent: [delivery],
    listAudit: [{}, { query: { entity_id: own.refund_id } }, { query: { actor_id: 'developer' } }],
    exportAudit: [{}, { query: { entity_id: own.refund_id } }],
  };
};

/** All rows of a brand. When Stripe was last asked about them is left out: a charge that is not there for a caller is asked about. Written so that no query is made to forget it. */
async function rowsOf(world: IssuingWorld, brand_id: string): Promise<unknown> {
  const { rows: tables } = await world.pool.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.columns
     WHERE table_schema = 'public' AND column_name = 'brand_id' ORDER BY 1`,
  );
  const rows: Record<string, unknown> = {};
  for (const { name } of tables) {
    const found = await world.pool.query(`SELECT * FROM ${name} WHERE $1 = brand_id`, [brand_id]);
    rows[name] = found.rows.map(({ observed_at, ...row }) => row);
  }
  return rows;
}

/** Asks as one brand for everything of another's, and says of each operation in what it does not keep the two apart. */
async function findLeaks(world: IssuingWorld): Promise<Record<string, string[]>> {
  const [acme, globex] = await Promise.all(
    ['acme', 'globex'].map((brand) => world.caller({ scope: EVERYTHING, brand })),
  );
  assert.ok(acme && globex);
  const own = await makeOwned(world, 'acme', acme);
  const theirs = await makeOwned(world, 'globex', globex);
  const names = Object.values(own);
  const calls = callsFor(own, 'acme', 'globex');
  const operations = operationsOf().filter(isOfABrand);
  assert.deepEqual(operations.map(({ id }) => id).sort(), Object.keys(calls).sort());

  const leaks: Record<string, string[]> = {};
  for (const operation of operations) {
    const before = await rowsOf(world, 'acme');
    const found: string[] = [];
    for (const call of calls[operation.id] ?? []) {
      const address = addressOf(operation, call);
      const what = `${operation.method} ${address} ${JSON.stringify(call.body ?? null)}`;
      const answer: Reply<unknown> =
        operation.method === 'get' ? await globex.get(address) : await globex.post(address, call.body);
      const { status, text } = answer;
      const named = call.path !== undefined || call.body !== undefined;
      const expected = call.answers === undefined ? (named ? [404] : [200, 403]) : [call.answers];
      if (!expected.includes(status)) found.push(`${what}: ${status} ${text}`);
      if (call.tells?.test(text)) found.push(`${what} tells of something: ${text}`);
      for (const name of names) if (text.includes(name)) found.push(`${what} shows ${name}`);
    }
    if (!isDeepStrictEqual(await rowsOf(world, 'acme'), before)) found.push('changes rows of the other');
    if (found.length > 0) leaks[operation.id] = found;
  }

  // What is refused to the other is there for the brand itself.
  assert.equal((await acme.get(`/v1/admin/refunds/${own.refund_id}`)).status, 200);
  assert.ok((await acme.get('/v1/admin/refunds')).text.includes(own.refund_id));
  assert.ok((await globex.get('/v1/admin/refunds')).text.includes(theirs.refund_id));
  const link = (await acme.get('/v1/admin/refunds?limit=1')).headers.get('link') ?? '';
  const [, next = ''] = /<([^>]+)>/.exec(link) ?? [];
  assert.equal((await acme.get(next)).status, 200);
  assert.equal((await globex.get(next)).status, 400, 'a page of another brand’s list is not gone on with');
  return leaks;
}

const start = () =>
  startIssuing({
    approvalLimits: { service: { usd: 5_000 } },
    // What was looked at is written at the end.
    readLog: { waiting_max: 100_000, every_ms: 2 ** 31 - 1 },
  });

test('nothing of a brand is shown to another, by any operation and any name, and nothing of it is changed', async () => {
  await using world = await start();
  assert.deepEqual(await findLeaks(world), {});
});

test('the same where the database’s own lock is off: the queries name the brand', async () => {
  await using world = await start();
  await unlock(world);
  assert.deepEqual(await findLeaks(world), {});
});

/** Takes the database's own lock off every table that has one. */
async function unlock({ pool }: IssuingWorld): Promise<void> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relrowsecurity`,
  );
  assert.ok(rows.length >= 8);
  for (const { name } of rows) await pool.query(`ALTER TABLE ${name} DISABLE ROW LEVEL SECURITY`);
}

/** Makes every condition on the brand one that is always true. */
function forgetBrands(context: TestContext): () => number {
  let forgotten = 0;
  const forget = (sql: string) =>
    sql.replaceAll(/(?<!SET )\b((?:\w+\.)?brand_id) = (\$\d+)/g, (_, column: string, value: string) => {
      forgotten += 1;
      return `(${column} = ${value} OR ${column} IS NOT NULL)`;
    });
  const query = pg.Client.prototype.query;
  context.mock.method(pg.Client.prototype, 'query', function ask(this: pg.Client, ...args: unknown[]) {
    const [config] = args;
    if (typeof config === 'string') args[0] = forget(config);
    else if (typeof config === 'object' && config !== null && 'text' in config)
      args[0] = { ...config, text: forget(String(config.text)) };
    return Reflect.apply(query, this, args);
  });
  return () => forgotten;
}

test('the same where every query forgets the brand: the database’s own lock holds', async (context) => {
  const forgotten = forgetBrands(context);
  await using world = await start();
  assert.deepEqual(await findLeaks(world), {});
  assert.ok(forgotten() > 50, String(forgotten()));
});

test('with neither of the two, every operation fails to keep brands apart: what holds above is the locks', async (context) => {
  forgetBrands(context);
  await using world = await start();
  await unlock(world);
  const leaks = await findLeaks(world);
  assert.deepEqual(
    Object.keys(leaks).sort(),
    operationsOf()
      .filter(isOfABrand)
      .map(({ id }) => id)
      .sort(),
  );
});

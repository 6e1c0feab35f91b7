import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import { SCOPES } from '../service/src/access/scopes.ts';
import { type Caller, type IssuingWorld, type Reply, startIssuing } from './support/issuing.ts';
import { makePayment } from './support/make.ts';
import { type Operation, operationsOf } from './support/operations.ts';

const EVERYTHING = Object.keys(SCOPES).join(' ');
/** Not of a brand: the taxonomy is everybody's, and an event is Stripe's until it has been asked about. */
const OF_NO_BRAND = ['listRefundReasons', 'replayStripeEvent'];

interface Call {
  path?: Record<string, string>;
  query?: Record<string, string>;
  body?: unknown;
}

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
  stripe_refund_id: string;
}

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
    refunds: [{ status: 'failed' }],
    disputes: [{}],
  });
  assert.equal(waiting.status, 'awaiting_approval');
  return {
    payment_id: paid.payment_id,
    charge_id: paid.charge_id,
    customer_id,
    refund_id: made.refund_id,
    waiting_id: waiting.refund_id,
    failed_id: mirrored.refundIds[0] ?? '',
    dispute_id: mirrored.disputeIds[0] ?? '',
    stripe_refund_id: made.stripe_refund_id ?? '',
  };
}

/** Every way of naming something of a brand's, by operation. An operation that has none fails the first test. */
const callsFor = (own: Owned, brand_id: string): Record<string, Call[]> => {
  const each = (body?: unknown) =>
    [own.refund_id, own.waiting_id, own.failed_id].map((refund_id) => ({ path: { refund_id }, body }));
  return {
    listRefunds: [
      {},
      { query: { customer_id: own.customer_id } },
      { query: { payment_id: own.payment_id } },
      { query: { charge_id: own.charge_id } },
      { query: { stripe_refund_id: own.stripe_refund_id } },
      { query: { needs_attention: 'true' } },
      { query: { status: 'awaiting_approval' } },
    ],
    getRefund: each(),
    issueRefund: [
      { body: { payment_id: own.payment_id, amount_cents: 1 } },
      { body: { charge_id: own.charge_id, amount_cents: 1 } },
      { body: { charge_id: own.charge_id, full: true } },
    ],
    issueRefundOfPayment: [{ body: { payment_id: own.payment_id, amount_cents: 1 } }],
    approveRefund: each(),
    rejectRefund: each(),
    cancelRefund: each(),
    syncRefund: each(),
    resolveRefund: each({ resolution: 'not_owed', reference: 'a reference' }),
    getPayment: [{ path: { id: own.payment_id } }],
    listPayments: [{}, { query: { customer_id: own.customer_id } }, { query: { charge_id: own.charge_id } }],
    listDisputes: [{ query: { brand_id } }, { query: { brand_id, payment_id: own.payment_id } }],
    getDispute: [{ path: { id: own.dispute_id } }],
    listAudit: [{}, { query: { entity_id: own.refund_id } }, { query: { actor_id: 'developer' } }],
    exportAudit: [{}, { query: { entity_id: own.refund_id } }],
  };
};

/** All rows of a brand. When Stripe was last asked about them is left out: a charge that is not there for a caller is asked about. */
async function rowsOf(world: IssuingWorld, brand_id: string): Promise<unknown> {
  const { rows: tables } = await world.pool.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.columns
     WHERE table_schema = 'public' AND column_name = 'brand_id' ORDER BY 1`,
  );
  const rows: Record<string, unknown> = {};
  for (const { name } of tables) {
    const found = await world.pool.query(`SELECT * FROM ${name} WHERE brand_id = $1`, [brand_id]);
    rows[name] = found.rows.map(({ observed_at, ...row }) => row);
  }
  return rows;
}

/** What one brand is answered over everything of another's. */
async function assertApart(world: IssuingWorld): Promise<void> {
  const [acme, globex] = await Promise.all(
    ['acme', 'globex'].map((brand) => world.caller({ scope: EVERYTHING, brand })),
  );
  assert.ok(acme && globex);
  const own = await makeOwned(world, 'acme', acme);
  const theirs = await makeOwned(world, 'globex', globex);
  const names = Object.values(own);
  const calls = callsFor(own, 'acme');
  const operations = operationsOf().filter(
    ({ id, scopes }) => scopes.length > 0 && !OF_NO_BRAND.includes(id),
  );
  assert.deepEqual(operations.map(({ id }) => id).sort(), Object.keys(calls).sort());
  const before = await rowsOf(world, 'acme');

  for (const operation of operations) {
    for (const call of calls[operation.id] ?? []) {
      const address = addressOf(operation, call);
      const what = `${operation.method} ${address} ${JSON.stringify(call.body ?? null)}`;
      const answer: Reply<unknown> =
        operation.method === 'get' ? await globex.get(address) : await globex.post(address, call.body);
      const { status, text } = answer;
      if (call.path !== undefined || call.body !== undefined) assert.equal(status, 404, `${what}: ${text}`);
      else assert.ok(status === 200 || status === 403, `${what}: ${status} ${text}`);
      for (const name of names) assert.ok(!text.includes(name), `${what} shows ${name}`);
    }
  }
  assert.deepEqual(await rowsOf(world, 'acme'), before, 'and nothing of it was changed');

  // What is refused to the other is there for the brand itself.
  assert.equal((await acme.get(`/v1/admin/refunds/${own.refund_id}`)).status, 200);
  assert.ok((await acme.get('/v1/admin/refunds')).text.includes(own.refund_id));
  assert.ok((await globex.get('/v1/admin/refunds')).text.includes(theirs.refund_id));
  const link = (await acme.get('/v1/admin/refunds?limit=1')).headers.get('link') ?? '';
  const [, next = ''] = /<([^>]+)>/.exec(link) ?? [];
  assert.equal((await acme.get(next)).status, 200);
  assert.equal((await globex.get(next)).status, 400, 'a page of another brand’s list is not gone on with');
}

const start = () =>
  startIssuing({
    approvalLimits: { service: { usd: 5_000 } },
    // What was looked at is written at the end.
    readLog: { waiting_max: 100_000, every_ms: 2 ** 31 - 1 },
  });

test('nothing of a brand is shown to another, by any operation and any name, and nothing of it is changed', async () => {
  await using world = await start();
  await assertApart(world);
});

test('the same where the database’s own lock is off: the queries name the brand', async () => {
  await using world = await start();
  await unlock(world);
  await assertApart(world);
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
  const query = pg.Client.prototype.query;
  context.mock.method(pg.Client.prototype, 'query', function ask(this: pg.Client, ...args: unknown[]) {
    const [config] = args;
    if (typeof config === 'object' && config !== null && 'text' in config) {
      const text = String(config.text).replaceAll(/\bbrand_id = (\$\d+)/g, (_, value: string) => {
        forgotten += 1;
        return `(brand_id = ${value} OR brand_id IS NOT NULL)`;
      });
      args[0] = { ...config, text };
    }
    return Reflect.apply(query, this, args);
  });
  return () => forgotten;
}

test('the same where every query forgets the brand: the database’s own lock holds', async (context) => {
  const forgotten = forgetBrands(context);
  await using world = await start();
  await assertApart(world);
  assert.ok(forgotten() > 50, String(forgotten()));
});

test('with neither of the two, a brand is shown to another: what holds above is the locks', async (context) => {
  forgetBrands(context);
  await using world = await start();
  await unlock(world);
  await assert.rejects(assertApart(world), { code: 'ERR_ASSERTION', message: / shows |: 200 / });
});

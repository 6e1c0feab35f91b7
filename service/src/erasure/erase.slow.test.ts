import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import { idOf } from '../../../local/stripe/resources/charges.ts';
import { openDispute } from '../../../local/stripe/resources/disputes.ts';
import { createPaymentIntent } from '../../../local/stripe/resources/payment_intents.ts';
import { createRefund, failRefund } from '../../../local/stripe/resources/refunds.ts';
import { TEST_KEY } from '../../../local/stripe/testing.ts';
import { type AnswerBody, type IssuingWorld, startIssuing } from '../../../test/support/issuing.ts';
import { makeDifference } from '../../../test/support/make.ts';
import { Program, runProgram } from '../../../test/support/program.ts';
import type { TokenFacts } from '../access/token-facts.ts';
import { sealAudit } from '../audit/seal.ts';
import { verifyAudit } from '../audit/verify.ts';
import { verifyBooks } from '../books/verify.ts';
import { createPool, withTransaction } from '../database/pool.ts';
import { letServe } from '../database/roles.ts';
import { observePayment } from '../payments/observe.ts';
import { PAID_WITH_UNKNOWN, type PaidWith } from '../payments/payment.ts';
import { bringIn } from '../stripe/apply.ts';
import { ask as askStripe } from '../stripe/ask.ts';
import { backfill } from '../stripe/backfill.ts';
import { createStripe } from '../stripe/client.ts';
import { reconcile } from '../stripe/reconcile/reconcile.ts';
import { EraseHeldUp, type EraseResult, eraseCustomer, previewErasure, UnknownCustomer } from './erase.ts';

const CUSTOMER = 'customer_walnut';
const WHO = { brand_id: 'default', customer_id: CUSTOMER };
/** What is of the person: nothing of it may be anywhere afterwards. Each is of somebody's typing, or of the platform's. */
const PERSONAL = {
  customer: CUSTOMER,
  order: 'order_hazel',
  subscription: 'subscription_almond',
  reason: 'her cashew allergy',
  note: 'pecan in the soup',
  decision: 'pistachio was promised',
  reference: 'IBAN macadamia',
};

/** With what the stand-in's customers pay. */
const CARD: PaidWith = {
  payment_method_type: 'card',
  payment_method_brand: 'visa',
  payment_method_last4: '4242',
};

const YESTERDAY = new Date(Date.now() - 86_400_000);

const person = (sub: string, scope: string): TokenFacts => ({
  sub,
  client_id: 'console',
  scopes: new Set(scope.split(' ')),
  brand: undefined,
  roles: undefined,
  signed_in_at_ms: Date.now(),
  expires_at_ms: Date.now() + 3_600_000,
});
const PEOPLE = new Map<string, TokenFacts>([
  ['agent', person('ann', 'admin:refunds admin:payments admin:audit.read')],
  ['approver', person('ben', 'admin:refunds')],
  ['customer', person(CUSTOMER, 'write:refunds read:payments')],
]);

let world: IssuingWorld;
beforeEach(async () => {
  world = await startIssuing({
    issuer: { check: async (token) => PEOPLE.get(token), reach: async () => {} },
    approvalLimits: { agent: { usd: 5_000 }, approver: { usd: 5_000 } },
    readLog: { waiting_max: 1_000, every_ms: 5 },
  });
});
afterEach(() => world[Symbol.asyncDispose]());

async function ask<Body = AnswerBody>(token: string, path: string, body?: object, key?: string) {
  const response = await fetch(`${world.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) as Body };
}

/** A payment at Stripe that says all that it can of a person; in the books unless it is only to be at Stripe. */
async function pay({ known = true, customer_id = CUSTOMER } = {}) {
  const { intent } = createPaymentIntent(world.standIn.world, {
    amount: 10_000,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
    metadata: { customer_id, order_id: PERSONAL.order, subscription_id: PERSONAL.subscription },
  });
  const charge_id = idOf(intent.latest_charge) ?? '';
  if (known) await world.deps.provider.bringInCharge(charge_id, 'test');
  const { rows } = await world.pool.query('SELECT payment_id FROM payments WHERE stripe_charge_id = $1', [
    charge_id,
  ]);
  return { charge_id, intent_id: intent.id, payment_id: String(rows[0]?.payment_id) };
}

async function paidWith(paymentId: string): Promise<PaidWith> {
  const { rows } = await world.pool.query<PaidWith>(
    `SELECT payment_method_type, payment_method_brand, payment_method_last4 FROM payments WHERE payment_id = $1`,
    [paymentId],
  );
  assert.ok(rows[0]);
  return rows[0];
}

/** In which tables and rows a text stands, whatever the column. */
async function findEverywhere(text: string): Promise<string[]> {
  const { rows: tables } = await world.pool.query<{ name: string }>(
    `SELECT c.oid::regclass::text AS name FROM pg_class c
     WHERE c.relkind IN ('r', 'p') AND relnamespace IN ('public'::regnamespace, 'graphile_worker'::regnamespace)`,
  );
  const found = await Promise.all(
    tables.map(async ({ name }) => {
      const { rows } = await world.pool.query<{ row: string }>(
        `SELECT to_jsonb(t)::text AS row FROM ${name} t WHERE strpos(to_jsonb(t)::text, $1) > 0`,
        [text],
      );
      return rows.map(({ row }) => `${name}: ${row}`);
    }),
  );
  return found.flat();
}

async function assertNothingLeft(): Promise<void> {
  for (const text of Object.values(PERSONAL)) assert.deepEqual(await findEverywhere(text), [], text);
}

const atStripe = () => ({
  pool: world.pool,
  stripe: createStripe({ api_key: TEST_KEY, api_base: world.standIn.url }),
  default_brand: 'default',
});

/** What a webhook's event about a charge brings about. */
async function heardOf(charge_id: string): Promise<void> {
  const deps = atStripe();
  const answer = await askStripe(deps, 'charge', charge_id);
  assert.ok(typeof answer !== 'string');
  await bringIn(deps, answer, 'evt_test');
}

/** Waits until so many looks at something are in the audit log. */
async function readsRecorded(n: number): Promise<void> {
  for (let reads = 0; reads < n; ) {
    const { rows } = await world.pool.query(
      `SELECT count(*) AS reads FROM audit_log WHERE event_type ~ '[.](read|listed)$'`,
    );
    reads = rows[0].reads;
  }
}

test('nothing of a customer who was erased is left anywhere, the books hold, and nothing that Stripe says brings it back', async () => {
  const first = await pay();
  const second = await pay();
  const { reason, note } = PERSONAL;
  const issue = (body: object, key: string, token = 'agent') => ask(token, '/v1/admin/refunds', body, key);
  await issue({ payment_id: first.payment_id, amount_cents: 700, reason, note }, 'key-1');
  const coded = await issue({ payment_id: first.payment_id, amount_cents: 500, reason: 'returned' }, 'key-2');
  const asked = await issue({ payment_id: second.payment_id, amount_cents: 6_000, reason, note }, 'key-3');
  const path = `/v1/admin/refunds/${asked.body.refund_id}`;
  const approved = await ask('approver', `${path}/approve`, { note: PERSONAL.decision }, 'key-4');
  assert.deepEqual([approved.status, approved.text.includes(note)], [200, true], approved.text);
  // It fails late, and is put right by a bank transfer.
  failRefund(world.standIn.world, String(approved.body.stripe_refund_id), 'lost_or_stolen_card');
  await backfill(atStripe(), { since: YESTERDAY });
  const resolution = { resolution: 'paid_otherwise', reference: PERSONAL.reference };
  const resolved = await ask('agent', `${path}/resolve`, resolution, 'key-5');
  assert.equal(resolved.status, 200, resolved.text);
  const own = await ask(
    'customer',
    '/v1/refunds',
    { payment_id: first.payment_id, amount_cents: 300 },
    'key-6',
  );
  assert.equal(own.status, 201, own.text);
  openDispute(world.standIn.world, { charge: first.charge_id, inquiry: true });
  await backfill(atStripe(), { since: YESTERDAY });
  const reads = [
    ['customer', `/v1/payments/${first.payment_id}`],
    ['agent', `/v1/payments/${CUSTOMER}`],
    ['agent', `/v1/admin/refunds?customer_id=${CUSTOMER}`],
    ['agent', `/v1/admin/payments?order_id=${PERSONAL.order}`],
    ['agent', `/v1/admin/audit?entity_id=${CUSTOMER}`],
    ['agent', `/v1/admin/audit?entity_type=customer&entity_id=${CUSTOMER}`],
  ] as const;
  for (const [token, look] of reads) await ask(token, look);
  await readsRecorded(reads.length);
  for (const text of Object.values(PERSONAL)) assert.notDeepEqual(await findEverywhere(text), [], text);
  // What is never taken out again has nothing of it from the start.
  for (const text of Object.values(PERSONAL))
    for (const row of await findEverywhere(text))
      assert.match(row, /^(payments|refunds|disputes|idempotency_keys):/);
  await sealAudit(world.pool);

  const result = await eraseCustomer(world.pool, WHO);
  assert.deepEqual(
    { ...result, pseudonym: '' },
    {
      status: 'erased',
      brand_id: 'default',
      pseudonym: '',
      payments: 2,
      refunds: 4,
      disputes: 1,
      answers: 6,
      left: [],
    },
  );
  await assertNothingLeft();
  assert.deepEqual(await verifyBooks(world.pool), []);
  await sealAudit(world.pool);
  assert.equal((await verifyAudit(world.pool)).found, 0);

  const listed = await ask<{ refunds: unknown[] }>('agent', `/v1/admin/refunds?customer_id=${CUSTOMER}`);
  assert.deepEqual(listed.body.refunds, []);
  const under = await ask<{ refunds: { reason: string | null }[] }>(
    'agent',
    `/v1/admin/refunds?customer_id=${result.pseudonym}`,
  );
  assert.deepEqual(
    under.body.refunds.map((refund) => refund.reason),
    [null, null, 'returned', null],
  );
  assert.equal((await ask('customer', `/v1/payments/${first.payment_id}`)).status, 404);

  // The same keys still stand for the same refunds, and nothing is sent twice.
  const sent = world.refundsAtStripe({ payment_intent_id: first.intent_id }).length;
  const again = await issue({ payment_id: first.payment_id, amount_cents: 500, reason: 'returned' }, 'key-2');
  assert.equal(again.text, coded.text);
  const approvedAgain = await ask<Record<string, unknown>>(
    'approver',
    `${path}/approve`,
    { note: PERSONAL.decision },
    'key-4',
  );
  const { customer_id, reason: why, note: wrote, decision_note } = approvedAgain.body;
  assert.deepEqual(
    [approvedAgain.status, customer_id, why, wrote, decision_note],
    [200, result.pseudonym, null, null, null],
  );
  assert.equal(world.refundsAtStripe({ payment_intent_id: first.intent_id }).length, sent);

  // Stripe knows all of it still, and tells of more.
  const later = createRefund(world.standIn.world, { payment_intent: first.intent_id, amount: 50 });
  for (const { charge_id } of [first, second]) await heardOf(charge_id);
  await backfill(atStripe(), { since: YESTERDAY });
  for (let run = 0; run < 2; run += 1) {
    const { differences } = await reconcile(atStripe(), { from: YESTERDAY });
    assert.deepEqual(differences, []);
  }
  const { rows } = await world.pool.query('SELECT customer_id FROM refunds WHERE stripe_refund_id = $1', [
    later.id,
  ]);
  assert.deepEqual(rows, [{ customer_id: result.pseudonym }]);
  await readsRecorded(reads.length + 3);
  await assertNothingLeft();

  const repeated = await eraseCustomer(world.pool, WHO);
  assert.deepEqual(repeated, { ...result, payments: 0, refunds: 0, disputes: 0, answers: 0 });
});

test('an erasure leaves an audit row and an event that do not say whose it was', async () => {
  await pay();
  const { pseudonym } = await eraseCustomer(world.pool, WHO);
  const { rows: audit } = await world.pool.query(
    `SELECT event_type, actor_id, entity_id FROM audit_log WHERE event_type ~ 'eras' ORDER BY audit_id`,
  );
  const { rows: payments } = await world.pool.query('SELECT payment_id FROM payments');
  assert.deepEqual(audit, [
    { event_type: 'customer.erasure_begun', actor_id: 'operator', entity_id: pseudonym },
    { event_type: 'payment.erased', actor_id: 'operator', entity_id: payments[0].payment_id },
    { event_type: 'customer.erased', actor_id: 'operator', entity_id: pseudonym },
  ]);
  const { rows: events } = await world.pool.query(
    `SELECT event_type, entity_id, data FROM outbox WHERE entity_type = 'customer'`,
  );
  const data = { customer_id: pseudonym, payments: 1, refunds: 0, disputes: 0 };
  assert.deepEqual(events, [{ event_type: 'customer.erased.v1', entity_id: pseudonym, data }]);
});

test('nobody is erased while a refund of theirs is under way or owed, and nothing is written then', async () => {
  const { payment_id } = await pay();
  const { body } = await ask('agent', '/v1/admin/refunds', { payment_id, amount_cents: 6_000 });
  const refused = await eraseCustomer(world.pool, WHO);
  assert.deepEqual(
    [refused.status, refused.left.map(({ refund_id, status }) => [refund_id, status])],
    ['refused', [[body.refund_id, 'awaiting_approval']]],
  );
  const { rows } = await world.pool.query('SELECT count(*) AS erasures FROM erasures');
  assert.equal(rows[0].erasures, 0);
  assert.equal((await ask('approver', `/v1/admin/refunds/${body.refund_id}/reject`, {})).status, 200);
  assert.equal((await eraseCustomer(world.pool, WHO)).status, 'erased');
});

test('a refund that is begun while its customer is being erased keeps its payment, and the next run takes it', async () => {
  const [first, second] = [await pay(), await pay()].map(({ payment_id }) => payment_id).sort();
  const done = await ask('agent', '/v1/admin/refunds', { payment_id: first, amount_cents: 1_000 });
  const holder = await world.pool.connect();
  let asked: { body: AnswerBody };
  let erasing: Promise<EraseResult>;
  try {
    // Holds it up at the first, whose refund follows its customer.
    await holder.query('BEGIN');
    await holder.query('SELECT FROM refunds WHERE refund_id = $1 FOR UPDATE', [done.body.refund_id]);
    erasing = eraseCustomer(world.pool, WHO);
    for (let begun = 0; begun === 0; ) {
      begun = (await world.pool.query('SELECT count(*) AS begun FROM erasures')).rows[0].begun;
    }
    asked = await ask('agent', '/v1/admin/refunds', { payment_id: second, amount_cents: 6_000 });
  } finally {
    await holder.query('COMMIT');
    holder.release();
  }
  const left = await erasing;
  assert.deepEqual(
    [left.status, left.payments, left.left.map(({ refund_id }) => refund_id)],
    ['left', 1, [asked.body.refund_id]],
  );
  assert.equal((await eraseCustomer(world.pool, WHO)).status, 'refused');
  await ask('approver', `/v1/admin/refunds/${asked.body.refund_id}/reject`, {});
  assert.equal((await eraseCustomer(world.pool, WHO)).status, 'erased');
  await assertNothingLeft();
});

test('whoever has begun before and does not end is waited for, not for ever, and the next run goes on', async () => {
  const { payment_id } = await pay();
  const holder = await world.pool.connect();
  try {
    await holder.query('BEGIN');
    await holder.query('SELECT FROM payments WHERE payment_id = $1 FOR KEY SHARE', [payment_id]);
    await assert.rejects(eraseCustomer(world.pool, WHO, { patience_ms: 50 }), EraseHeldUp);
  } finally {
    await holder.query('COMMIT');
    holder.release();
  }
  assert.equal((await eraseCustomer(world.pool, WHO)).status, 'erased');
  await assertNothingLeft();
});

test('a role that serves and owns nothing can erase', async () => {
  await pay();
  const name = `eraser_${randomBytes(6).toString('hex')}`;
  await world.pool.query(`CREATE ROLE ${name} LOGIN PASSWORD 'eraser'`);
  const url = new URL(world.databaseUrl);
  url.username = name;
  url.password = 'eraser';
  const pool = createPool({ connectionString: url.href, max: 3 });
  try {
    await letServe(world.pool, name);
    assert.equal((await eraseCustomer(pool, WHO)).status, 'erased');
    await assertNothingLeft();
  } finally {
    await pool.end();
    await world.pool.query(`DROP OWNED BY ${name}`);
    await world.pool.query(`DROP ROLE ${name}`);
  }
});

test('a payment that somebody was bringing in when its customer was erased is erased too', async () => {
  await pay();
  const now = new Date();
  const { promise: brought, resolve: bring } = Promise.withResolvers<void>();
  const { promise: looked, resolve: look } = Promise.withResolvers<void>();
  const importing = withTransaction(world.pool, async (tx) => {
    await observePayment(
      tx,
      {
        ...WHO,
        order_id: PERSONAL.order,
        subscription_id: null,
        amount_cents: 100,
        currency: 'usd',
        status: 'succeeded',
        captured_cents: 100,
        stripe_payment_intent_id: 'pi_in_flight',
        stripe_charge_id: 'ch_in_flight',
        created_at: now,
        observed_at: now,
        ...CARD,
      },
      'test',
    );
    look();
    await brought;
  });
  await looked;
  const erasing = eraseCustomer(world.pool, WHO);
  for (let begun = 0; begun === 0; ) {
    begun = (await world.pool.query('SELECT count(*) AS begun FROM erasures')).rows[0].begun;
  }
  bring();
  await importing;
  assert.equal((await erasing).payments, 2);
  await assertNothingLeft();
});

test('what was paid before comes in under the pseudonym, and somebody who comes back is a customer again', async () => {
  await pay();
  const missed = await pay({ known: false });
  const { pseudonym } = await eraseCustomer(world.pool, WHO);
  await world.deps.provider.bringInCharge(missed.charge_id, 'test');
  await assertNothingLeft();
  // Stripe's clock has seconds.
  await world.pool.query(`UPDATE erasures SET covers_until = covers_until - interval '10 seconds'`);
  const back = await pay();
  const { rows } = await world.pool.query(
    'SELECT customer_id FROM payments ORDER BY stripe_charge_id = $1, payment_id',
    [back.charge_id],
  );
  assert.deepEqual(
    rows.map(({ customer_id }) => customer_id),
    [pseudonym, pseudonym, CUSTOMER],
  );
  assert.equal((await eraseCustomer(world.pool, WHO)).payments, 1);
  await assertNothingLeft();
});

test('a payment that was erased stays so, whoever Stripe says has paid it', async () => {
  const { payment_id, intent_id, charge_id } = await pay();
  const { pseudonym } = await eraseCustomer(world.pool, WHO);
  const now = new Date();
  const { change } = await withTransaction(world.pool, (tx) =>
    observePayment(
      tx,
      {
        brand_id: 'default',
        // As where the platform has erased its metadata at Stripe.
        customer_id: 'cus_of_the_same_person',
        order_id: PERSONAL.order,
        subscription_id: PERSONAL.subscription,
        amount_cents: 10_000,
        currency: 'usd',
        status: 'succeeded',
        captured_cents: 10_000,
        stripe_payment_intent_id: intent_id,
        stripe_charge_id: charge_id,
        created_at: now,
        observed_at: now,
        ...CARD,
      },
      'test',
    ),
  );
  assert.equal(change, 'unchanged');
  const { rows } = await world.pool.query(
    'SELECT customer_id, order_id, subscription_id, mode FROM payments WHERE payment_id = $1',
    [payment_id],
  );
  assert.deepEqual(rows, [
    { customer_id: pseudonym, order_id: null, subscription_id: null, mode: 'subscription' },
  ]);
  assert.deepEqual(await paidWith(payment_id), PAID_WITH_UNKNOWN);
});

test('with what was paid goes with the person, and is not in what only grows before', async () => {
  const { payment_id } = await pay();
  const missed = await pay({ known: false });
  assert.deepEqual(await paidWith(payment_id), CARD);
  const { rows: told } = await world.pool.query(
    `SELECT details::text AS text FROM audit_log WHERE entity_id = $1
     UNION ALL SELECT data::text FROM outbox WHERE entity_id = $1`,
    [payment_id],
  );
  assert.ok(told.length >= 2);
  for (const { text } of told) assert.doesNotMatch(text, /payment_method|"visa"|"4242"/);
  await eraseCustomer(world.pool, WHO);
  await world.deps.provider.bringInCharge(missed.charge_id, 'test');
  const { rows } = await world.pool.query('SELECT payment_id FROM payments');
  assert.equal(rows.length, 2);
  for (const row of rows) assert.deepEqual(await paidWith(row.payment_id), PAID_WITH_UNKNOWN);
});

test('another customer, and the same name in another brand, are not touched', async () => {
  await pay();
  const other = await pay({ customer_id: 'customer_other' });
  await eraseCustomer(world.pool, WHO);
  const { rows } = await world.pool.query(
    'SELECT customer_id, order_id, erased_at FROM payments WHERE payment_id = $1',
    [other.payment_id],
  );
  assert.deepEqual(rows, [{ customer_id: 'customer_other', order_id: PERSONAL.order, erased_at: null }]);
  await assert.rejects(eraseCustomer(world.pool, { ...WHO, brand_id: 'acme' }), UnknownCustomer);
  await assert.rejects(previewErasure(world.pool, { ...WHO, customer_id: 'customer_othe' }), UnknownCustomer);
});

test('a kept answer is let go of its texts once, and of nothing else', async () => {
  const { payment_id } = await pay();
  await ask('agent', '/v1/admin/refunds', { payment_id, amount_cents: 100, reason: 'returned' }, 'key-a');
  const change = (sql: string) => world.pool.query(`UPDATE idempotency_keys SET ${sql}`);
  for (const refused of [
    `answer_body = replace(answer_body, '"amount_cents":100', '"amount_cents":200'), erased_at = now()`,
    `answer_status = 202, erased_at = now()`,
    `fingerprint = '\\x00', erased_at = now()`,
    `answer_body = replace(answer_body, '}', ',"note":"more"}')`,
  ]) {
    await assert.rejects(change(refused), /keeps its answer/, refused);
  }
  assert.equal((await eraseCustomer(world.pool, WHO)).answers, 1);
  await assert.rejects(change('erased_at = now()'), /keeps its answer/);
  await assert.rejects(world.pool.query('DELETE FROM idempotency_keys'), /keeps its answer/);
});

test('a kept answer with the payment in it is let go of with what was paid, too', async () => {
  const { payment_id } = await pay();
  const { body: made } = await ask('agent', '/v1/admin/refunds', { payment_id, amount_cents: 100 });
  const path = `/v1/admin/refunds/${made.refund_id}/sync`;
  const before = await ask<{ payment: object; location: object }>('agent', path, {}, 'key-b');
  const card = { type: 'card', brand: 'visa', last4: '4242' };
  assert.deepEqual(before.body.payment, { ...before.body.payment, payment_method: card });
  await eraseCustomer(world.pool, WHO);
  await assertNothingLeft();
  const after = await ask<{ payment: object; location: object }>('agent', path, {}, 'key-b');
  assert.equal(after.status, before.status);
  assert.deepEqual(after.body.payment, { ...before.body.payment, payment_method: null });
  assert.deepEqual(after.body.location, before.body.location);
});

test('what was written of where a payment, or a refund of it, differed from Stripe goes with the person', async () => {
  const { payment_id } = await pay();
  const { body: made } = await ask('agent', '/v1/admin/refunds', { payment_id, amount_cents: 100 });
  const differences = [
    await makeDifference(world.pool, { entity_id: payment_id }),
    await makeDifference(world.pool, { entity_id: made.refund_id }),
    await makeDifference(world.pool),
  ];
  await world.pool.query(
    `UPDATE reconcile_differences SET closed_at = now(), closed_by_type = 'user', closed_by_id = 'operator', note = 'told them'`,
  );
  await eraseCustomer(world.pool, WHO);
  const { rows } = await world.pool.query(
    'SELECT difference_id, note FROM reconcile_differences ORDER BY difference_id',
  );
  assert.deepEqual(
    rows.map(({ difference_id, note }) => [difference_id, note]),
    differences.map((id, place) => [id, place === 2 ? 'told them' : null]),
  );
});

const erase = (...words: string[]) =>
  [
    process.execPath,
    ['cli/src/main.ts', 'erase', '--customer', CUSTOMER, ...words],
    { DATABASE_URL: world.databaseUrl },
  ] as const;

test('killed half-way, the same command goes on and nothing is left', async () => {
  const paid = [await pay(), await pay(), await pay()].map(({ payment_id }) => payment_id).sort();
  const last = await ask('agent', '/v1/admin/refunds', {
    payment_id: paid.at(-1),
    amount_cents: 1_000,
    note: PERSONAL.note,
  });
  const holder = await world.pool.connect();
  try {
    // The last payment's refund follows its customer: there it is held up.
    await holder.query('BEGIN');
    await holder.query('SELECT FROM refunds WHERE refund_id = $1 FOR UPDATE', [last.body.refund_id]);
    await using program = new Program(...erase('--yes'));
    for (let waiting = 0; waiting === 0; ) {
      const { rows } = await world.pool.query(
        `SELECT count(*) AS n FROM pg_stat_activity
         WHERE application_name = 'payments erase' AND wait_event_type = 'Lock' AND datname = current_database()`,
      );
      waiting = rows[0].n;
      assert.equal(program.child.exitCode, null, program.output);
    }
    await program.interrupt('SIGKILL');
    const { rows } = await world.pool.query(
      'SELECT erased_at IS NOT NULL AS erased FROM payments ORDER BY payment_id',
    );
    assert.deepEqual(
      rows.map(({ erased }) => erased),
      [true, true, false],
    );
  } finally {
    await holder.query('ROLLBACK');
    holder.release();
  }
  // The server lets go of the lock when it sees that nobody is there.
  for (let code: number | null = 1; code !== 0; ) {
    const run = await runProgram(...erase('--yes', '--json'));
    code = run.code;
    if (code !== 0) assert.match(run.stderr, /Another erasure is under way/);
  }
  await assertNothingLeft();
  const { rows } = await world.pool.query('SELECT finished_at IS NOT NULL AS finished FROM erasures');
  assert.deepEqual(rows, [{ finished: true }]);
});

test('the command says what it would do, does nothing unless it is meant, and tells programs in JSON', async () => {
  await pay();
  const dry = await runProgram(...erase('--dry-run'));
  assert.deepEqual(
    [dry.code, dry.stdout],
    [0, 'Of this customer the brand default has 1 payment, 0 refunds, 0 disputes and 0 kept answers.\n'],
  );
  const unmeant = await runProgram(...erase());
  assert.deepEqual([unmeant.code, unmeant.stdout], [2, '']);
  assert.match(unmeant.stderr, /say --yes/);
  const listed = await runProgram(...erase('--yes', '--json'));
  assert.deepEqual([listed.code, listed.stderr], [0, '']);
  assert.equal(JSON.parse(listed.stdout).status, 'erased');
  const elsewhere = await runProgram(...erase('--yes', '--brand', 'acme'));
  assert.deepEqual(
    [elsewhere.code, elsewhere.stderr],
    [1, 'There is no payment of that customer in the brand acme.\n'],
  );
  const again = await runProgram(...erase('--yes'));
  assert.equal(again.code, 0);
});

test('what is in the way is listed, with exit code 3', async () => {
  const { payment_id } = await pay();
  const { body } = await ask('agent', '/v1/admin/refunds', { payment_id, amount_cents: 6_000 });
  const { code, stdout } = await runProgram(...erase('--yes'));
  assert.equal(code, 3);
  assert.match(
    stdout,
    new RegExp(
      `^Nothing was done\\.\nIn the way:\n {2}${body.refund_id} of ${payment_id} is awaiting approval\n`,
    ),
  );
});

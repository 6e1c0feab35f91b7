import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { type Connections, createPool, withTransaction } from '../database/pool.ts';
import { observePayment } from '../payments/observe.ts';
import { PAID_WITH_UNKNOWN, type Payment } from '../payments/payment.ts';
import type { Refund } from './queries.ts';
import { observeRefund, type RefundObservation, type Settlement, type SettleOptions } from './settle.ts';

let database: TestDatabase;
let pool: Connections;
let clock = Date.UTC(2026, 0, 1);
let number = 0;

before(async () => {
  database = await createTestDatabase();
  pool = createPool({ connectionString: database.url, max: 10 });
});
after(async () => {
  await pool.end();
  await database.drop();
});

function tick(): Date {
  clock += 1_000;
  return new Date(clock);
}
function charge(): string {
  number += 1;
  return `ch_${number}`;
}

async function pay(chargeId: string, capturedCents: number, observedAt = tick()): Promise<Payment> {
  const { payment } = await withTransaction(pool, (tx) =>
    observePayment(
      tx,
      {
        brand_id: 'default',
        customer_id: 'cus_1',
        order_id: null,
        subscription_id: null,
        amount_cents: 10_000,
        currency: 'usd',
        status: 'succeeded',
        captured_cents: capturedCents,
        stripe_payment_intent_id: null,
        stripe_charge_id: chargeId,
        created_at: new Date(clock),
        observed_at: observedAt,
        ...PAID_WITH_UNKNOWN,
      },
      'test',
    ),
  );
  return payment;
}

async function refund(
  chargeId: string,
  observation: Partial<RefundObservation> & Pick<RefundObservation, 'stripe_refund_id'>,
  overdraft: SettleOptions['overdraft'] = 'refuse',
): Promise<Settlement> {
  return await withTransaction(pool, async (tx) => {
    const { rows } = await tx.query<Payment>(
      'SELECT * FROM payments WHERE stripe_charge_id = $1 FOR UPDATE',
      [chargeId],
    );
    const [payment] = rows;
    assert.ok(payment);
    return await observeRefund(
      tx,
      payment,
      {
        refund_id: null,
        charge_id: chargeId,
        amount_cents: 6_000,
        currency: 'usd',
        status: 'succeeded',
        reason: 'requested_by_customer',
        failure_reason: null,
        pending_reason: null,
        bank_reference: null,
        created_at: new Date(clock),
        observed_at: tick(),
        ...observation,
      },
      { cause: 'test', overdraft },
    );
  });
}

async function one<Row extends object>(sql: string, ...values: unknown[]): Promise<Row> {
  const { rows } = await pool.query<Row>(sql, values);
  assert.equal(rows.length, 1);
  return rows[0] as Row;
}

const refundRow = (id: string) => one<Refund>('SELECT * FROM refunds WHERE stripe_refund_id = $1', id);
const counters = async (chargeId: string) =>
  await one<{ reserved_cents: number; refunded_cents: number }>(
    'SELECT reserved_cents, refunded_cents FROM payments WHERE stripe_charge_id = $1',
    chargeId,
  );
const traces = async (stripeRefundId: string) =>
  await one<{ transitions: number; audits: number; events: number }>(
    `SELECT (SELECT count(*) FROM refund_transitions t WHERE t.refund_id = r.refund_id) AS transitions,
            (SELECT count(*) FROM audit_log a WHERE a.entity_id = r.refund_id) AS audits,
            (SELECT count(*) FROM outbox o WHERE o.entity_id = r.refund_id) AS events
     FROM refunds r WHERE stripe_refund_id = $1`,
    stripeRefundId,
  );
const openAnomalies = async (entityId: string) =>
  (
    await pool.query<{ kind: string }>(
      'SELECT kind FROM anomalies WHERE entity_id = $1 AND resolved_at IS NULL ORDER BY kind',
      [entityId],
    )
  ).rows.map(({ kind }) => kind);

test('each change of a refund writes one transition, one audit row and one event, and moves the counters with it', async () => {
  const ch = charge();
  await pay(ch, 10_000);
  const id = `re_${ch}`;
  assert.equal(await refund(ch, { stripe_refund_id: id, status: 'pending' }), 'imported');
  assert.deepEqual(await counters(ch), { reserved_cents: 6_000, refunded_cents: 0 });
  assert.equal(await refund(ch, { stripe_refund_id: id, status: 'succeeded' }), 'moved');
  assert.deepEqual(await counters(ch), { reserved_cents: 0, refunded_cents: 6_000 });
  assert.equal(
    await refund(ch, { stripe_refund_id: id, status: 'failed', failure_reason: 'declined' }),
    'moved',
  );
  assert.deepEqual(await counters(ch), { reserved_cents: 0, refunded_cents: 0 });
  assert.deepEqual(await traces(id), { transitions: 3, audits: 3, events: 3 });
});

test('an observation that says nothing new writes nothing', async () => {
  const ch = charge();
  await pay(ch, 10_000);
  const id = `re_${ch}`;
  await refund(ch, { stripe_refund_id: id });
  assert.equal(await refund(ch, { stripe_refund_id: id }), 'unchanged');
  assert.deepEqual(await traces(id), { transitions: 1, audits: 1, events: 1 });
});

test('an answer that was asked for earlier than the recorded one is dropped', async () => {
  const ch = charge();
  const earlier = tick();
  await pay(ch, 10_000);
  const id = `re_${ch}`;
  await refund(ch, { stripe_refund_id: id, status: 'succeeded', observed_at: tick() });
  assert.equal(
    await refund(ch, { stripe_refund_id: id, status: 'failed', observed_at: earlier }),
    'unchanged',
  );
  assert.equal((await refundRow(id)).status, 'succeeded');
  await pay(ch, 9_000, earlier);
  assert.deepEqual(await one('SELECT captured_cents FROM payments WHERE stripe_charge_id = $1', ch), {
    captured_cents: 10_000,
  });
});

test('a bank reference that arrives later is recorded with its time, and announced, without a transition', async () => {
  const ch = charge();
  await pay(ch, 10_000);
  const id = `re_${ch}`;
  await refund(ch, { stripe_refund_id: id });
  assert.equal(await refund(ch, { stripe_refund_id: id, bank_reference: '4242424242' }), 'updated');
  const row = await refundRow(id);
  assert.equal(row.bank_reference, '4242424242');
  assert.ok(row.bank_reference_at);
  assert.deepEqual(await traces(id), { transitions: 1, audits: 2, events: 2 });
});

test('a refund that does not fit what is left is not written before Stripe has been asked for all of the payment', async () => {
  const ch = charge();
  await pay(ch, 10_000);
  await refund(ch, { stripe_refund_id: `re_a_${ch}` });
  assert.equal(await refund(ch, { stripe_refund_id: `re_b_${ch}` }), 'overdraft');
  assert.deepEqual(await counters(ch), { reserved_cents: 0, refunded_cents: 6_000 });
  assert.deepEqual(
    (await pool.query('SELECT 1 FROM refunds WHERE stripe_refund_id = $1', [`re_b_${ch}`])).rows,
    [],
  );
});

test('what Stripe insists on beyond what was captured is recorded in full, counted as far as it fits, and raised once', async () => {
  const ch = charge();
  await pay(ch, 10_000);
  const id = `re_b_${ch}`;
  await refund(ch, { stripe_refund_id: `re_a_${ch}` });
  assert.equal(await refund(ch, { stripe_refund_id: id }, 'record'), 'imported');
  await refund(ch, { stripe_refund_id: id }, 'record');
  const row = await refundRow(id);
  assert.equal(row.amount_cents, 6_000);
  assert.equal(row.counted_cents, 4_000);
  assert.deepEqual(await counters(ch), { reserved_cents: 0, refunded_cents: 10_000 });
  assert.deepEqual(await openAnomalies(row.refund_id), ['refunds_exceed_captured']);
  assert.deepEqual(await traces(id), { transitions: 1, audits: 1, events: 1 });
});

test('once there is room the rest of an uncounted refund is counted and its anomaly is resolved', async () => {
  const ch = charge();
  await pay(ch, 5_000);
  const id = `re_${ch}`;
  await refund(ch, { stripe_refund_id: id }, 'record');
  await pay(ch, 10_000);
  assert.equal(await refund(ch, { stripe_refund_id: id }, 'record'), 'moved');
  const row = await refundRow(id);
  assert.equal(row.counted_cents, 6_000);
  assert.deepEqual(await openAnomalies(row.refund_id), []);
  assert.deepEqual(await counters(ch), { reserved_cents: 0, refunded_cents: 6_000 });
});

test('a partly counted refund that fails gives back exactly what it counted', async () => {
  const ch = charge();
  await pay(ch, 5_000);
  const id = `re_${ch}`;
  await refund(ch, { stripe_refund_id: id }, 'record');
  assert.equal(await refund(ch, { stripe_refund_id: id, status: 'failed' }), 'moved');
  assert.deepEqual(await counters(ch), { reserved_cents: 0, refunded_cents: 0 });
});

test('a change that the state table does not allow changes nothing and is raised for a person', async () => {
  const ch = charge();
  await pay(ch, 10_000);
  const id = `re_${ch}`;
  await refund(ch, { stripe_refund_id: id, status: 'failed' });
  assert.equal(await refund(ch, { stripe_refund_id: id, status: 'succeeded' }), 'unchanged');
  const row = await refundRow(id);
  assert.equal(row.status, 'failed');
  assert.deepEqual(await openAnomalies(row.refund_id), ['transition_not_allowed']);
});

test('a status that Stripe invents keeps the money reserved and is raised for a person', async () => {
  const ch = charge();
  await pay(ch, 10_000);
  const id = `re_${ch}`;
  assert.equal(await refund(ch, { stripe_refund_id: id, status: 'teleported' }), 'imported');
  assert.deepEqual(await counters(ch), { reserved_cents: 6_000, refunded_cents: 0 });
  const row = await refundRow(id);
  assert.deepEqual(await openAnomalies(row.refund_id), ['unknown_status']);
  assert.equal(await refund(ch, { stripe_refund_id: id, status: 'teleported' }), 'unchanged');
  assert.equal(await refund(ch, { stripe_refund_id: id, status: 'succeeded' }), 'moved');
});

test('a captured amount that falls below what was refunded keeps the bound and is raised for a person', async () => {
  const ch = charge();
  const paid = await pay(ch, 10_000);
  await refund(ch, { stripe_refund_id: `re_${ch}` });
  const payment = await pay(ch, 2_000);
  assert.equal(payment.captured_cents, 6_000);
  assert.deepEqual(await openAnomalies(paid.payment_id), ['captured_below_refunds']);
});

test('64 observers of two refunds of $60 on a payment of $100 never count more than was captured', async () => {
  const ch = charge();
  await pay(ch, 10_000);
  const outcomes = await Promise.all(
    Array.from({ length: 64 }, (_, index) =>
      refund(ch, { stripe_refund_id: `re_${index % 2}_${ch}`, status: 'pending' }),
    ),
  );
  assert.equal(outcomes.filter((outcome) => outcome === 'imported').length, 1);
  assert.deepEqual(await counters(ch), { reserved_cents: 6_000, refunded_cents: 0 });
});

test('the database itself refuses counters beyond what was captured, and history that is rewritten', async () => {
  const ch = charge();
  await pay(ch, 10_000);
  await refund(ch, { stripe_refund_id: `re_${ch}` });
  await assert.rejects(
    pool.query('UPDATE payments SET refunded_cents = captured_cents + 1 WHERE stripe_charge_id = $1', [ch]),
    { code: '23514', constraint: 'payments_refundable' },
  );
  for (const table of ['refund_transitions', 'audit_log']) {
    await assert.rejects(pool.query(`DELETE FROM ${table}`), { code: '23001' });
    await assert.rejects(pool.query(`UPDATE ${table} SET occurred_at = now()`), { code: '23001' });
    await assert.rejects(pool.query(`TRUNCATE ${table} CASCADE`), { code: '23001' });
  }
});

test('a payment that changes hands takes its refunds with it', async () => {
  const ch = charge();
  await pay(ch, 10_000);
  await refund(ch, { stripe_refund_id: `re_${ch}` });
  await pool.query(
    `UPDATE payments SET customer_id = 'cus_2', brand_id = 'other' WHERE stripe_charge_id = $1`,
    [ch],
  );
  const row = await refundRow(`re_${ch}`);
  assert.equal(row.customer_id, 'cus_2');
  assert.equal(row.brand_id, 'other');
});

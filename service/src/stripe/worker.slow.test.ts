import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { deleteObject } from '../../../local/stripe/control.ts';
import { openDispute, setDisputeStatus } from '../../../local/stripe/resources/disputes.ts';
import { createInvoicePayment } from '../../../local/stripe/resources/invoice_payments.ts';
import {
  cancelPaymentIntent,
  capturePaymentIntent,
  confirmPaymentIntent,
  createPaymentIntent,
  updatePaymentIntent,
} from '../../../local/stripe/resources/payment_intents.ts';
import {
  createRefund,
  failRefund,
  setRefundReference,
  settleRefund,
} from '../../../local/stripe/resources/refunds.ts';
import { transact } from '../../../local/stripe/world.ts';
import { countTraces } from '../../../test/support/books.ts';
import type { Payment } from '../payments/payment.ts';
import type { Refund } from '../refunds/queries.ts';
import { retryEvents } from './shelf.ts';
import { createTestWorld, type TestWorld, until } from './test-world.ts';

let world: TestWorld;
before(async () => {
  world = await createTestWorld();
  world.listen();
  await world.work();
});
after(async () => {
  await world.close();
});

type IntentInput = Parameters<typeof createPaymentIntent>[1];

function pay(overrides: Partial<IntentInput> = {}) {
  const { intent } = createPaymentIntent(world.standIn.world, {
    amount: 10_000,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
    ...overrides,
  });
  return intent;
}
const chargeOf = (intent: { latest_charge: unknown }) => String(intent.latest_charge);

async function row<Row extends object>(sql: string, ...values: unknown[]): Promise<Row | undefined> {
  const { rows } = await world.pool.query<Row>(sql, values);
  return rows[0];
}
async function paymentRow(intentId: string): Promise<Payment> {
  const found = await row<Payment>('SELECT * FROM payments WHERE stripe_payment_intent_id = $1', intentId);
  assert.ok(found, 'the payment is in the books');
  return found;
}
async function refundRow(stripeRefundId: string): Promise<Refund> {
  const found = await row<Refund>('SELECT * FROM refunds WHERE stripe_refund_id = $1', stripeRefundId);
  assert.ok(found, 'the refund is in the books');
  return found;
}
const openAnomalies = async () =>
  (await world.pool.query('SELECT kind, details FROM anomalies WHERE resolved_at IS NULL')).rows;
const counters = async (intentId: string) => {
  const { captured_cents, reserved_cents, refunded_cents } = await paymentRow(intentId);
  return { captured_cents, reserved_cents, refunded_cents };
};

/** Loses the events of these types, until the returned function is called. */
function lose(...types: string[]): () => void {
  const { id } = world.standIn.faults.addWebhook({ kind: 'lost', types });
  return () => world.standIn.faults.clear(id);
}

test('a payment is in the books as Stripe has it, with what its metadata says of it', async () => {
  const intent = pay({
    amount: 5_800,
    currency: 'jpy',
    metadata: {
      brand_id: 'brand_x',
      customer_id: 'customer_1',
      order_id: 'order_1',
      subscription_id: 'sub_1',
    },
  });
  await world.settled();
  const payment = await paymentRow(intent.id);
  assert.deepEqual(
    [payment.brand_id, payment.customer_id, payment.order_id, payment.subscription_id, payment.mode],
    ['brand_x', 'customer_1', 'order_1', 'sub_1', 'subscription'],
  );
  assert.deepEqual(
    [payment.amount_cents, payment.currency, payment.status, payment.captured_cents],
    [5_800, 'jpy', 'succeeded', 5_800],
  );
  assert.equal(payment.stripe_charge_id, chargeOf(intent));
});

test('a payment intent with which nothing was charged is not a payment yet', async () => {
  const { intent } = createPaymentIntent(world.standIn.world, { amount: 1_000, currency: 'usd' });
  await world.settled();
  assert.equal(await row('SELECT 1 FROM payments WHERE stripe_payment_intent_id = $1', intent.id), undefined);
  const event = await row<{ status: string }>(
    'SELECT status FROM stripe_events WHERE object_id = $1',
    intent.id,
  );
  assert.equal(event?.status, 'ignored');
});

test('a refund made in the dashboard appears', async () => {
  const intent = pay();
  const refund = createRefund(world.standIn.world, {
    payment_intent: intent.id,
    amount: 2_500,
    reason: 'requested_by_customer',
  });
  await world.settled();
  const known = await refundRow(refund.id);
  assert.deepEqual(
    [known.status, known.amount_cents, known.origin, known.reason, known.charge_id],
    ['succeeded', 2_500, 'external', 'requested_by_customer', chargeOf(intent)],
  );
  assert.deepEqual(await counters(intent.id), {
    captured_cents: 10_000,
    reserved_cents: 0,
    refunded_cents: 2_500,
  });
});

test('a refund whose payment is unknown brings its payment in first', async () => {
  const found = lose(
    'payment_intent.created',
    'payment_intent.succeeded',
    'charge.succeeded',
    'charge.refunded',
    'charge.updated',
  );
  const intent = pay();
  const refund = createRefund(world.standIn.world, { payment_intent: intent.id, amount: 700 });
  await world.settled();
  found();
  const events = await world.pool.query('SELECT event_type FROM stripe_events WHERE object_id = ANY ($1)', [
    [intent.id, chargeOf(intent), refund.id],
  ]);
  assert.deepEqual(
    events.rows.map(({ event_type }) => event_type),
    ['refund.created'],
  );
  assert.equal((await refundRow(refund.id)).payment_id, (await paymentRow(intent.id)).payment_id);
  assert.deepEqual(await counters(intent.id), {
    captured_cents: 10_000,
    reserved_cents: 0,
    refunded_cents: 700,
  });
});

test('refunds of which only the charge was told come in with it, and are asked for once', async () => {
  const intent = pay();
  await world.settled();
  const found = lose('refund.created', 'refund.updated', 'charge.refund.updated');
  const refunds = transact(world.standIn.world, () =>
    [1_200, 300].map((amount) => createRefund(world.standIn.world, { payment_intent: intent.id, amount })),
  );
  await world.settled();
  found();
  for (const { id, amount } of refunds) {
    const known = await refundRow(id);
    assert.deepEqual([known.status, known.amount_cents, known.origin], ['succeeded', amount, 'external']);
  }
  assert.equal((await counters(intent.id)).refunded_cents, 1_500);
  // The books agree with the charge now: told of it once more, nobody lists its refunds again.
  const { rows: events } = await world.pool.query<{ event_id: string }>(
    "SELECT event_id FROM stripe_events WHERE object_id = $1 AND event_type = 'charge.refunded'",
    [chargeOf(intent)],
  );
  assert.equal(events.length, 2);
  const calls = () => [...world.standIn.calls.values()].reduce((sum, count) => sum + count, 0);
  const before = calls();
  await retryEvents(
    world,
    events.slice(1).map(({ event_id }) => event_id),
  );
  await world.settled();
  assert.equal(calls(), before + 1);
});

test('events doubled and out of order end in the same books as events in order', async () => {
  const doubled = world.standIn.faults.addWebhook({ kind: 'doubled' });
  const reordered = world.standIn.faults.addWebhook({ kind: 'reordered', window: 7, seed: 3 });
  const intent = pay();
  const refund = createRefund(world.standIn.world, {
    payment_intent: intent.id,
    amount: 4_000,
    behaviour: 'pending',
  });
  settleRefund(world.standIn.world, refund.id);
  failRefund(world.standIn.world, refund.id, 'declined');
  const second = createRefund(world.standIn.world, { payment_intent: intent.id, amount: 9_000 });
  await world.settled();
  world.standIn.faults.clear(doubled.id);
  world.standIn.faults.clear(reordered.id);
  const failed = await refundRow(refund.id);
  assert.deepEqual([failed.status, failed.failure_reason, failed.counted_cents], ['failed', 'declined', 0]);
  assert.equal((await refundRow(second.id)).status, 'succeeded');
  assert.deepEqual(await counters(intent.id), {
    captured_cents: 10_000,
    reserved_cents: 0,
    refunded_cents: 9_000,
  });
  assert.deepEqual(await openAnomalies(), []);
});

test('every event delivered once more changes nothing and leaves no trace', async () => {
  const intent = pay();
  createRefund(world.standIn.world, { payment_intent: intent.id, amount: 100 });
  await world.settled();
  const before = await countTraces(world.pool);
  // As if none of them had been worked on: every one asks Stripe again.
  await world.pool.query(
    `WITH again AS (UPDATE stripe_events SET status = 'received' WHERE status = 'processed' RETURNING event_id)
     SELECT graphile_worker.add_job('process_stripe_event', json_build_object('event_id', event_id)) FROM again`,
  );
  await world.settled();
  assert.deepEqual(await countTraces(world.pool), before);
});

test('a refund that fails after it had succeeded is shown as failed, with the reason, and frees the amount', async () => {
  const intent = pay();
  const refund = createRefund(world.standIn.world, { payment_intent: intent.id, amount: 10_000 });
  await world.settled();
  assert.deepEqual(await counters(intent.id), {
    captured_cents: 10_000,
    reserved_cents: 0,
    refunded_cents: 10_000,
  });
  failRefund(world.standIn.world, refund.id, 'expired_or_canceled_card');
  await world.settled();
  const known = await refundRow(refund.id);
  assert.deepEqual([known.status, known.failure_reason], ['failed', 'expired_or_canceled_card']);
  assert.deepEqual(await counters(intent.id), {
    captured_cents: 10_000,
    reserved_cents: 0,
    refunded_cents: 0,
  });
  const history = await world.pool.query(
    'SELECT from_status, to_status FROM refund_transitions WHERE refund_id = $1 ORDER BY transition_id',
    [known.refund_id],
  );
  assert.deepEqual(history.rows, [
    { from_status: null, to_status: 'succeeded' },
    { from_status: 'succeeded', to_status: 'failed' },
  ]);
});

test('a pending refund reserves its amount until it has settled', async () => {
  const intent = pay();
  const refund = createRefund(world.standIn.world, {
    payment_intent: intent.id,
    amount: 3_000,
    behaviour: 'pending',
  });
  await world.settled();
  assert.deepEqual(await counters(intent.id), {
    captured_cents: 10_000,
    reserved_cents: 3_000,
    refunded_cents: 0,
  });
  settleRefund(world.standIn.world, refund.id);
  await world.settled();
  assert.deepEqual(await counters(intent.id), {
    captured_cents: 10_000,
    reserved_cents: 0,
    refunded_cents: 3_000,
  });
});

test("the bank's reference arrives later and is kept with the moment it became known", async () => {
  const intent = pay();
  const refund = createRefund(world.standIn.world, { payment_intent: intent.id, amount: 1_200 });
  await world.settled();
  assert.equal((await refundRow(refund.id)).bank_reference, null);
  setRefundReference(world.standIn.world, refund.id, '74537604221222132710572');
  await world.settled();
  const known = await refundRow(refund.id);
  assert.equal(known.bank_reference, '74537604221222132710572');
  assert.ok(known.bank_reference_at);
});

test('a dispute larger than its payment is kept as it is and leaves the payment alone', async () => {
  const intent = pay();
  const dispute = openDispute(world.standIn.world, {
    charge: chargeOf(intent),
    amount: 12_345,
    reason: 'product_not_received',
  });
  await world.settled();
  const known = await row<{
    amount_cents: number;
    status: string;
    payment_id: string;
    reason: string;
    resolved_at: Date | null;
  }>('SELECT * FROM disputes WHERE stripe_dispute_id = $1', dispute.id);
  assert.deepEqual(
    [known?.amount_cents, known?.status, known?.reason, known?.resolved_at],
    [12_345, 'needs_response', 'product_not_received', null],
  );
  assert.equal(known?.payment_id, (await paymentRow(intent.id)).payment_id);
  assert.deepEqual(await counters(intent.id), {
    captured_cents: 10_000,
    reserved_cents: 0,
    refunded_cents: 0,
  });
  setDisputeStatus(world.standIn.world, dispute.id, 'lost');
  await world.settled();
  const lost = await row<{ status: string; resolved_at: Date | null }>(
    'SELECT * FROM disputes WHERE stripe_dispute_id = $1',
    dispute.id,
  );
  assert.equal(lost?.status, 'lost');
  assert.ok(lost?.resolved_at);
});

test('a payment whose first attempts were declined is one payment, with the charge that succeeded', async () => {
  const { intent } = createPaymentIntent(world.standIn.world, {
    amount: 4_200,
    currency: 'eur',
    payment_method: 'pm_card_chargeDeclined',
    confirm: true,
  });
  await world.settled();
  const declined = await paymentRow(intent.id);
  assert.deepEqual([declined.status, declined.captured_cents], ['failed', 0]);
  confirmPaymentIntent(world.standIn.world, intent.id, {
    payment_method: 'pm_card_chargeDeclinedInsufficientFunds',
  });
  const paid = confirmPaymentIntent(world.standIn.world, intent.id, { payment_method: 'pm_card_visa' });
  const refund = createRefund(world.standIn.world, { payment_intent: intent.id });
  await world.settled();
  const { rows } = await world.pool.query('SELECT * FROM payments WHERE stripe_payment_intent_id = $1', [
    intent.id,
  ]);
  assert.equal(rows.length, 1);
  assert.deepEqual(
    [rows[0].status, rows[0].captured_cents, rows[0].refunded_cents, rows[0].payment_id],
    ['succeeded', 4_200, 4_200, declined.payment_id],
  );
  assert.equal(rows[0].stripe_charge_id, chargeOf('intent' in paid ? paid.intent : paid));
  assert.equal((await refundRow(refund.id)).charge_id, rows[0].stripe_charge_id);
});

test('an authorization that is canceled is a payment of which nothing was taken, and no alarm', async () => {
  const intent = pay({ capture_method: 'manual' });
  await world.settled();
  const held = await paymentRow(intent.id);
  assert.deepEqual([held.status, held.captured_cents], ['requires_capture', 0]);
  cancelPaymentIntent(world.standIn.world, intent.id);
  await world.settled();
  const canceled = await paymentRow(intent.id);
  assert.deepEqual([canceled.status, canceled.captured_cents, canceled.refunded_cents], ['canceled', 0, 0]);
  assert.deepEqual(await openAnomalies(), []);
});

test('of an authorization that was captured in part, that part can be refunded', async () => {
  const intent = pay({ capture_method: 'manual' });
  capturePaymentIntent(world.standIn.world, intent.id, { amount_to_capture: 6_000 });
  await world.settled();
  const payment = await paymentRow(intent.id);
  assert.deepEqual(
    [payment.status, payment.amount_cents, payment.captured_cents],
    ['succeeded', 10_000, 6_000],
  );
});

test('a refund that does not fit what the books know makes the service ask for all of the payment', async () => {
  const intent = pay();
  const first = createRefund(world.standIn.world, { payment_intent: intent.id, amount: 6_000 });
  await world.settled();
  // The first one fails, and nobody tells us.
  const found = lose('refund.failed', 'refund.updated', 'charge.refund.updated', 'charge.updated');
  failRefund(world.standIn.world, first.id, 'lost_or_stolen_card');
  await world.standIn.deliverer.idle();
  const second = createRefund(world.standIn.world, { payment_intent: intent.id, amount: 6_000 });
  await world.settled();
  found();
  assert.equal((await refundRow(first.id)).status, 'failed');
  const known = await refundRow(second.id);
  assert.deepEqual([known.status, known.counted_cents], ['succeeded', 6_000]);
  assert.deepEqual(await counters(intent.id), {
    captured_cents: 10_000,
    reserved_cents: 0,
    refunded_cents: 6_000,
  });
  assert.deepEqual(await openAnomalies(), []);
});

test("an invoice's payment makes its payment one of the invoice's subscription, and stays so", async () => {
  const intent = pay();
  createInvoicePayment(world.standIn.world, { payment_intent: intent.id, subscription: 'sub_monthly' });
  await world.settled();
  const linked = await paymentRow(intent.id);
  assert.deepEqual([linked.mode, linked.subscription_id], ['subscription', 'sub_monthly']);
  createRefund(world.standIn.world, { payment_intent: intent.id, amount: 50 });
  updatePaymentIntent(world.standIn.world, intent.id, { metadata: { order_id: 'order_9' } });
  await world.settled();
  const later = await paymentRow(intent.id);
  assert.deepEqual([later.mode, later.subscription_id], ['subscription', 'sub_monthly']);
});

test('an event about an object that Stripe no longer knows goes to the shelf, with a sentence', async () => {
  const intent = pay();
  // Gone before the worker can ask: both happen before any delivery.
  transact(world.standIn.world, () => {
    deleteObject(world.standIn.world, intent.id);
    deleteObject(world.standIn.world, chargeOf(intent));
  });
  await world.settled();
  const { rows } = await world.pool.query(
    "SELECT DISTINCT status, split_part(error, ':', 1) AS code FROM stripe_events WHERE object_id = ANY ($1)",
    [[intent.id, chargeOf(intent)]],
  );
  assert.deepEqual(rows, [{ status: 'unmatched', code: 'gone_at_stripe' }]);
});

test('events that come while no worker runs are worked through once one does', async () => {
  const other = await createTestWorld();
  try {
    other.listen();
    const { intent } = createPaymentIntent(other.standIn.world, {
      amount: 500,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
    });
    await other.standIn.deliverer.idle();
    const before = await other.pool.query(
      "SELECT count(*) AS open FROM stripe_events WHERE status = 'received'",
    );
    assert.ok(before.rows[0].open > 0);
    await other.work();
    await other.settled();
    const { rows } = await other.pool.query(
      'SELECT status FROM payments WHERE stripe_payment_intent_id = $1',
      [intent.id],
    );
    assert.deepEqual(rows, [{ status: 'succeeded' }]);
  } finally {
    await other.close();
  }
});

test('an event whose worker was killed, and one whose job is lost, are taken up by the next worker', async () => {
  const other = await createTestWorld();
  try {
    other.listen();
    createPaymentIntent(other.standIn.world, {
      amount: 500,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
    });
    await other.standIn.deliverer.idle();
    const { rows } = await other.pool.query('SELECT id FROM graphile_worker._private_jobs ORDER BY id');
    assert.ok(rows.length >= 2);
    // What a kill -9 leaves: locked by nobody who is there, and half an hour ago at that.
    await other.pool.query(
      `UPDATE graphile_worker._private_jobs SET locked_at = now() - interval '30 minutes', locked_by = 'worker-gone', attempts = 1`,
    );
    await other.pool.query('DELETE FROM graphile_worker._private_jobs WHERE id = $1', [rows[0].id]);
    await other.pool.query("UPDATE stripe_events SET received_at = received_at - interval '30 minutes'");
    await other.work();
    await until(async () => {
      const open = await other.pool.query("SELECT 1 FROM stripe_events WHERE status = 'received'");
      return open.rows.length === 0;
    });
  } finally {
    await other.close();
  }
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createPaymentIntent } from '../../../local/stripe/resources/payment_intents.ts';
import { createRefund, failRefund } from '../../../local/stripe/resources/refunds.ts';
import { assertBooksBalance, countTraces } from '../../../test/support/books.ts';
import { withTransaction } from '../database/pool.ts';
import type { DisputeObservation } from '../disputes/dispute.ts';
import { observePayment } from '../payments/observe.ts';
import type { Payment, PaymentObservation } from '../payments/payment.ts';
import type { Refund } from '../refunds/queries.ts';
import { observeRefund, type RefundObservation } from '../refunds/settle.ts';
import { bringIn } from './apply.ts';
import type { Finding } from './ask.ts';
import { createTestWorld, type TestWorld } from './test-world.ts';

let world: TestWorld;
let clock = Date.UTC(2026, 0, 1);
let number = 0;
before(async () => {
  world = await createTestWorld();
});
after(async () => {
  await world.close();
});

const tick = () => {
  clock += 1_000;
  return new Date(clock);
};

/** What Stripe would say of one payment of $100, asked at a moment. */
function story() {
  number += 1;
  const suffix = number;
  const stripe_payment_intent_id = `pi_${suffix}`;
  const payment = (changes: Partial<PaymentObservation> = {}): PaymentObservation => ({
    brand_id: 'house',
    customer_id: 'cus_1',
    order_id: null,
    subscription_id: null,
    amount_cents: 10_000,
    currency: 'usd',
    status: 'succeeded',
    captured_cents: 10_000,
    stripe_payment_intent_id,
    stripe_charge_id: `ch_${suffix}`,
    created_at: new Date('2026-01-01T00:00:00Z'),
    observed_at: tick(),
    payment_method_type: 'card',
    payment_method_brand: 'visa',
    payment_method_last4: '4242',
    ...changes,
  });
  const refund = (name: string, changes: Partial<RefundObservation> = {}): RefundObservation => ({
    stripe_refund_id: `re_${suffix}_${name}`,
    refund_id: null,
    charge_id: `ch_${suffix}`,
    amount_cents: 6_000,
    currency: 'usd',
    status: 'succeeded',
    reason: null,
    failure_reason: null,
    pending_reason: null,
    bank_reference: null,
    created_at: new Date('2026-01-02T00:00:00Z'),
    observed_at: tick(),
    ...changes,
  });
  const dispute = (changes: Partial<DisputeObservation> = {}): DisputeObservation => ({
    stripe_dispute_id: `dp_${suffix}`,
    stripe_charge_id: `ch_${suffix}`,
    amount_cents: 10_000,
    currency: 'usd',
    reason: 'fraudulent',
    status: 'needs_response',
    evidence_due_by: null,
    created_at: new Date('2026-01-03T00:00:00Z'),
    observed_at: tick(),
    ...changes,
  });
  const read = async () => {
    const { rows } = await world.pool.query<Payment>(
      'SELECT * FROM payments WHERE stripe_payment_intent_id = $1',
      [stripe_payment_intent_id],
    );
    assert.ok(rows[0]);
    return rows[0];
  };
  const readRefund = async (name: string) => {
    const { rows } = await world.pool.query<Refund>('SELECT * FROM refunds WHERE stripe_refund_id = $1', [
      `re_${suffix}_${name}`,
    ]);
    return rows[0];
  };
  const anomalies = async () => {
    const { payment_id } = await read();
    const { rows } = await world.pool.query<{ kind: string }>(
      `SELECT kind FROM anomalies WHERE resolved_at IS NULL
         AND (entity_id = $1 OR entity_id IN (SELECT refund_id FROM refunds WHERE payment_id = $1)) ORDER BY kind`,
      [payment_id],
    );
    return rows.map(({ kind }) => kind);
  };
  return { payment, refund, dispute, read, readRefund, anomalies };
}

const tell = async (finding: Partial<Finding> & Pick<Finding, 'payment'>, observed_at = tick()) => {
  const dated = {
    refunds: [],
    disputes: [],
    invoice: null,
    ...finding,
  };
  return await bringIn(
    world,
    {
      ...dated,
      payment: { ...dated.payment, observed_at },
      refunds: dated.refunds.map((refund) => ({ ...refund, observed_at })),
      disputes: dated.disputes.map((dispute) => ({ ...dispute, observed_at })),
    },
    'test',
  );
};

test('an older answer that arrives after a newer one is dropped, also where the newer one said nothing new', async () => {
  const { payment, refund, dispute, read, readRefund } = story();
  const first = { payment: payment(), refunds: [refund('a', { status: 'pending' })], disputes: [dispute()] };
  await tell(first);
  // Between two questions that answer the same, somebody asked and was told something else.
  const between = tick();
  await tell(first);
  await tell(
    {
      payment: payment({ status: 'processing' }),
      refunds: [refund('a', { status: 'requires_action' })],
      disputes: [dispute({ status: 'under_review' })],
    },
    between,
  );
  assert.equal((await read()).status, 'succeeded');
  assert.equal((await readRefund('a'))?.status, 'pending');
  const { rows } = await world.pool.query('SELECT status FROM disputes WHERE payment_id = $1', [
    (await read()).payment_id,
  ]);
  assert.deepEqual(rows, [{ status: 'needs_response' }]);
});

test('the same said again leaves no trace, and is told as unchanged', async () => {
  const { payment, refund, dispute } = story();
  const finding = { payment: payment(), refunds: [refund('a')], disputes: [dispute()] };
  assert.deepEqual(await tell(finding), { imported: 3, updated: 0, unchanged: 0 });
  const before = await countTraces(world.pool);
  assert.deepEqual(await tell(finding), { imported: 0, updated: 0, unchanged: 3 });
  assert.deepEqual(await countTraces(world.pool), before);
});

test('what was taken never stays above what Stripe says once the refunds that held it there have failed', async () => {
  const { payment, refund, read, anomalies } = story();
  await tell({ payment: payment(), refunds: [refund('a')] });
  await tell({ payment: payment({ captured_cents: 2_000 }) });
  assert.equal((await read()).captured_cents, 6_000, 'the bound holds while the refund stands');
  assert.deepEqual(await anomalies(), ['captured_below_refunds']);
  await tell({
    payment: payment({ captured_cents: 2_000 }),
    refunds: [refund('a', { status: 'failed', failure_reason: 'declined' })],
  });
  const { captured_cents, refunded_cents } = await read();
  assert.deepEqual([captured_cents, refunded_cents], [2_000, 0]);
  assert.deepEqual(await anomalies(), []);
});

test('a contradiction that has passed is closed: an unknown status, a step back, another amount', async () => {
  for (const contradiction of [{ status: 'teleported' }, { status: 'canceled' }, { amount_cents: 1 }]) {
    const { payment, refund, anomalies } = story();
    await tell({ payment: payment(), refunds: [refund('a')] });
    await tell({ payment: payment(), refunds: [refund('a', contradiction)] });
    assert.equal((await anomalies()).length, 1, JSON.stringify(contradiction));
    await tell({ payment: payment(), refunds: [refund('a')] });
    assert.deepEqual(await anomalies(), [], JSON.stringify(contradiction));
  }
});

test('a refund of more than the books know to be taken is counted in full once Stripe, asked again, says so', async () => {
  const { standIn, pool } = world;
  const { intent } = createPaymentIntent(standIn.world, {
    amount: 10_000,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
  });
  const real = createRefund(standIn.world, { payment_intent: intent.id, amount: 10_000 });
  const { payment, refund } = story();
  const known = { stripe_payment_intent_id: intent.id, stripe_charge_id: String(intent.latest_charge) };
  // The books were told of half a capture only; asked again, Stripe says all of it.
  await tell({ payment: payment({ ...known, captured_cents: 4_000 }) }, new Date(Date.now() - 60_000));
  await tell(
    {
      payment: payment({ ...known, captured_cents: 4_000 }),
      refunds: [refund('x', { stripe_refund_id: real.id, amount_cents: 10_000 })],
    },
    new Date(Date.now() - 30_000),
  );
  const read = async () =>
    (
      await pool.query(
        `SELECT p.captured_cents, p.refunded_cents, r.counted_cents, r.status FROM payments p JOIN refunds r USING (payment_id)
         WHERE stripe_payment_intent_id = $1 ORDER BY r.created_at`,
        [intent.id],
      )
    ).rows;
  assert.deepEqual(await read(), [
    { captured_cents: 10_000, refunded_cents: 10_000, counted_cents: 10_000, status: 'succeeded' },
  ]);
  await assertBooksBalance(pool);
});

test('what Stripe insists on beyond what was taken is kept in full and raised, and counted once a failure makes room', async () => {
  const { standIn, pool } = world;
  const { intent } = createPaymentIntent(standIn.world, {
    amount: 10_000,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
  });
  const first = createRefund(standIn.world, { payment_intent: intent.id, amount: 6_000 });
  const { payment, refund } = story();
  const known = { stripe_payment_intent_id: intent.id, stripe_charge_id: String(intent.latest_charge) };
  await tell({ payment: payment(known), refunds: [refund('1', { stripe_refund_id: first.id })] }, new Date());
  // Stripe would not make this one; a provider that does is believed, and a person is told.
  await withTransaction(pool, async (tx) => {
    const { payment: locked } = await observePayment(
      tx,
      payment({ ...known, observed_at: new Date() }),
      'test',
    );
    const settled = await observeRefund(tx, locked, refund('2', { observed_at: new Date() }), {
      cause: 'test',
      overdraft: 'record',
    });
    assert.equal(settled, 'imported');
  });
  const counted = async () =>
    (
      await pool.query(
        `SELECT r.amount_cents, r.counted_cents,
                (SELECT count(*) FROM anomalies a WHERE a.entity_id = r.refund_id AND resolved_at IS NULL) AS anomalies
         FROM refunds r JOIN payments p USING (payment_id)
         WHERE stripe_payment_intent_id = $1 AND r.stripe_refund_id <> $2`,
        [intent.id, first.id],
      )
    ).rows;
  assert.deepEqual(await counted(), [{ amount_cents: 6_000, counted_cents: 4_000, anomalies: 1 }]);
  await assertBooksBalance(pool);
  failRefund(standIn.world, first.id, 'declined');
  await tell(
    {
      payment: payment(known),
      refunds: [refund('1', { stripe_refund_id: first.id, status: 'failed', failure_reason: 'declined' })],
    },
    new Date(),
  );
  assert.deepEqual(await counted(), [{ amount_cents: 6_000, counted_cents: 6_000, anomalies: 0 }]);
});

test('what an invoice tells of a payment stays when the payment is seen again without it', async () => {
  const { payment, read } = story();
  await tell({ payment: payment(), invoice: { subscription_id: 'sub_1', order_id: 'order_1' } });
  await tell({ payment: payment({ status: 'processing' }) });
  const { mode, subscription_id, order_id } = await read();
  assert.deepEqual([mode, subscription_id, order_id], ['subscription', 'sub_1', 'order_1']);
});

test('a subscription that the metadata names stands, in whichever order it and the invoice are heard of', async () => {
  const invoice = { subscription_id: 'sub_of_the_invoice', order_id: null };
  const [first, second] = [story(), story()];
  const named = { subscription_id: 'sub_of_the_metadata' };
  await tell({ payment: first.payment(named), invoice });
  await tell({ payment: second.payment(), invoice });
  await tell({ payment: second.payment(named) });
  assert.equal((await first.read()).subscription_id, 'sub_of_the_metadata');
  assert.equal((await second.read()).subscription_id, 'sub_of_the_metadata');
  assert.deepEqual(await tell({ payment: second.payment(named), invoice }), {
    imported: 0,
    updated: 0,
    unchanged: 2,
  });
});

test('an event is closed in the transaction that brings in what it says, or neither happens', async () => {
  const { payment } = story();
  const observation = payment();
  await assert.rejects(
    bringIn(world, { payment: observation, refunds: [], disputes: [], invoice: null }, 'test', async () => {
      throw new Error('killed');
    }),
    /killed/,
  );
  const { rows } = await world.pool.query('SELECT 1 FROM payments WHERE stripe_payment_intent_id = $1', [
    observation.stripe_payment_intent_id,
  ]);
  assert.deepEqual(rows, []);
});

test('an event whose refund does not fit stays open until Stripe has told of all of the payment', async () => {
  const { payment, refund, readRefund } = story();
  await tell({ payment: payment(), refunds: [refund('a')] });
  let finished = 0;
  const observed_at = tick();
  const finding = {
    payment: payment({ observed_at }),
    refunds: [refund('b', { observed_at })],
    disputes: [],
    invoice: null,
  };
  // Stripe does not know this payment, so the second question has no answer.
  await assert.rejects(
    bringIn(world, finding, 'test', async () => {
      finished += 1;
    }),
    { statusCode: 404 },
  );
  assert.equal(finished, 0);
  assert.equal(await readRefund('b'), undefined);
});

test('a refund that does not fit, and that Stripe does not list yet, is brought in even so', async () => {
  const { intent } = createPaymentIntent(world.standIn.world, {
    amount: 10_000,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
  });
  const { payment, refund, readRefund } = story();
  const known = { stripe_payment_intent_id: intent.id, stripe_charge_id: String(intent.latest_charge) };
  await tell(
    { payment: payment({ ...known, captured_cents: 4_000 }), refunds: [refund('a')] },
    new Date(Date.now() - 30_000),
  );
  assert.equal((await readRefund('a'))?.counted_cents, 6_000);
});

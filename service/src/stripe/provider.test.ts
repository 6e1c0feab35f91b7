import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { TEST_KEY } from '../../../local/stripe/testing.ts';
import { countTraces } from '../../../test/support/books.ts';
import { type Caller, type IssuingWorld, startIssuing } from '../../../test/support/issuing.ts';
import { createMetrics } from '../health/metrics.ts';
import type { RefundOrder } from '../refunds/provider.ts';
import { createStripe } from './client.ts';
import { createProvider } from './provider.ts';

const PAUSE_ms = 400;

let world: IssuingWorld;
let service: Caller;

before(async () => {
  world = await startIssuing({ sending: { timeout_ms: 300, pause_ms: PAUSE_ms } });
  service = await world.caller({ scope: 'admin:refunds write:refunds' });
});
beforeEach(() => {
  world.standIn.faults.clear();
});
after(() => world[Symbol.asyncDispose]());

const sent = () => world.standIn.calls.get('POST /v1/refunds') ?? 0;

function orderOf(
  paid: { charge_id: string; payment_intent_id: string },
  order: Partial<RefundOrder> = {},
): RefundOrder {
  return {
    refund_id: `refund_${paid.charge_id}`,
    payment: { stripe_charge_id: paid.charge_id, stripe_payment_intent_id: paid.payment_intent_id },
    amount_cents: 1_000,
    reason: null,
    send_before_ms: Date.now() + 60_000,
    again: false,
    ...order,
  };
}

test('five unknown outcomes in a row stop the sending: 503 with Retry-After and nothing written, until Stripe answers again', async () => {
  const paid = await world.pay({ amount_cents: 100_000 });
  const { payment_id } = paid;
  const refund = (amount_cents: number, headers = {}) =>
    service.post('/v1/admin/refunds', { payment_id, amount_cents }, headers);
  const kept = await refund(99, { 'idempotency-key': 'kept' });
  world.standIn.faults.add({ kind: 'error_500_before', method: 'POST', route: '/v1/refunds' });
  const unknown = [];
  for (let n = 1; n <= 5; n += 1) unknown.push(await refund(n));
  assert.deepEqual(
    unknown.map(({ status }) => status),
    [202, 202, 202, 202, 202],
  );
  const before = await countTraces(world.pool);
  const calls = sent();
  const paused = await refund(6, { 'idempotency-key': 'paused' });
  assert.deepEqual([paused.status, paused.body.error], [503, 'service_unavailable']);
  assert.match(paused.body.message, /Nothing was written: try again\.$/);
  assert.equal(paused.headers.get('retry-after'), '1');
  assert.deepEqual(await countTraces(world.pool), before);
  assert.equal(sent(), calls);
  // What was answered before is still answered.
  assert.equal((await refund(99, { 'idempotency-key': 'kept' })).text, kept.text);

  world.standIn.faults.clear();
  const deadline = Date.now() + 10_000;
  let again = paused;
  while (again.status === 503 && Date.now() < deadline) {
    again = await refund(6, { 'idempotency-key': 'paused' });
  }
  assert.equal(again.status, 201);
  assert.equal((await refund(7)).status, 201);
});

test('a refusal is an answer: however many in a row, they stop nothing', async () => {
  for (let n = 0; n < 8; n += 1) {
    const { payment_id } = await world.pay();
    assert.equal((await service.post('/v1/refunds', { payment_id, amount_cents: 6_607 })).status, 502);
  }
});

test('the same order again is the same refund, found by our id in its metadata', async () => {
  const { provider } = world.deps;
  const paid = await world.pay();
  const order = orderOf(paid);
  assert.deepEqual(await provider.findRefund(order), { outcome: 'missing' });
  const first = await provider.createRefund(order, new Date());
  const second = await provider.createRefund({ ...order, again: true }, new Date());
  const found = await provider.findRefund(order);
  assert.ok(first.outcome === 'accepted' && second.outcome === 'accepted' && found.outcome === 'found');
  assert.equal(second.refund.stripe_refund_id, first.refund.stripe_refund_id);
  assert.equal(found.refund.stripe_refund_id, first.refund.stripe_refund_id);
  assert.equal(found.refund.refund_id, order.refund_id);
  assert.equal(world.refundsAtStripe(paid).length, 1);
});

test('a key that was used for another order says nothing of what became of this one', async () => {
  const { provider } = world.deps;
  const paid = await world.pay();
  await provider.createRefund(orderOf(paid), new Date());
  const other = await provider.createRefund(orderOf(paid, { amount_cents: 1_001 }), new Date());
  assert.deepEqual(other, { outcome: 'unknown' });
});

test('what is later than its key allows is not sent', async () => {
  const paid = await world.pay();
  const calls = sent();
  const answer = await world.deps.provider.createRefund(
    orderOf(paid, { send_before_ms: Date.now() - 1, again: true }),
    new Date(),
  );
  assert.deepEqual(answer, { outcome: 'unknown' });
  assert.equal(sent(), calls);
});

test('where Stripe does not let us in, a first order is refused without a word of our key; one sent again stays unknown', async () => {
  const paid = await world.pay();
  const stranger = createProvider({
    pool: world.pool,
    stripe: createStripe({ api_key: 'sk_test_of_somebody_else', api_base: world.standIn.url }),
    default_brand: 'default',
    log: world.deps.log,
    registry: createMetrics(),
  });
  const first = await stranger.createRefund(orderOf(paid), new Date());
  assert.deepEqual(first, {
    outcome: 'refused',
    refusal: { code: 'not_authorized', message: 'The service may not make refunds at Stripe.' },
  });
  const again = await stranger.createRefund(orderOf(paid, { again: true }), new Date());
  assert.deepEqual(again, { outcome: 'unknown' });
  assert.deepEqual(await stranger.findRefund(orderOf(paid)), { outcome: 'unknown' });
});

test('a charge that Stripe does not know is refused; more than is left has a code of ours', async () => {
  const { provider } = world.deps;
  const paid = await world.pay();
  const unknown = await provider.createRefund(
    orderOf({ ...paid, charge_id: 'ch_unknown_to_everybody' }),
    new Date(),
  );
  assert.ok(unknown.outcome === 'refused');
  assert.equal(unknown.refusal.code, 'resource_missing');
  const over = await provider.createRefund(
    orderOf(paid, { refund_id: 'refund_over', amount_cents: 10_001 }),
    new Date(),
  );
  assert.ok(over.outcome === 'refused');
  assert.equal(over.refusal.code, 'amount_too_large');
  assert.equal(await provider.bringInCharge('ch_unknown_to_everybody', 'test'), 'missing');
  // No names of Stripe's: a caller is not told to come back for them.
  for (const nonsense of ['x'.repeat(256), '../charges', 'ch_é', '']) {
    assert.equal(await provider.bringInCharge(nonsense, 'test'), 'missing', nonsense);
  }
  assert.equal(await provider.refreshRefund('re_unknown_to_everybody', 'test'), 'missing');
});

test('an order that gets no answer in time is unknown, and its duration is counted by that', async () => {
  const paid = await world.pay();
  const registry = createMetrics();
  const impatient = createProvider({
    pool: world.pool,
    stripe: createStripe({ api_key: TEST_KEY, api_base: world.standIn.url }),
    default_brand: 'default',
    log: world.deps.log,
    registry,
    timeout_ms: 100,
  });
  world.standIn.faults.add({ kind: 'timeout_before' });
  assert.deepEqual(await impatient.createRefund(orderOf(paid), new Date()), { outcome: 'unknown' });
  assert.match(await registry.metrics(), /stripe_refund_duration_seconds_count\{outcome="unknown"\} 1/);
});

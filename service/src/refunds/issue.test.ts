import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Caller, type IssuingWorld, startIssuing } from '../../../test/support/issuing.ts';

let world: IssuingWorld;
let agent: Caller;
let service: Caller;

before(async () => {
  world = await startIssuing();
  agent = await world.caller({ as: 'agent' });
  service = await world.caller({ scope: 'admin:refunds write:refunds' });
});
after(() => world[Symbol.asyncDispose]());

const refundsAtStripe = (payment_intent: string) =>
  world.standIn.world.store.list('refund', { where: { payment_intent }, created: {}, limit: 100 });

test('a refund is made at Stripe, and answered as the page says, with what Stripe has made of it', async () => {
  const { payment_id, charge_id, payment_intent_id } = await world.pay();
  const { status, body } = await agent.post('/v1/admin/refunds', {
    charge_id,
    amount_cents: 2_500,
    reason: 'duplicate',
  });
  const [made] = refundsAtStripe(payment_intent_id);
  assert.equal(status, 201);
  assert.deepEqual(body, {
    refund_id: body.refund_id,
    payment_id,
    charge_id,
    amount_cents: 2_500,
    status: 'succeeded',
    stripe_refund_id: made?.body.id,
  });
  assert.equal(made?.body.amount, 2_500);
  assert.equal(made?.body.reason, 'duplicate');
  assert.deepEqual(made?.body.metadata, { refund_id: body.refund_id });
});

test('an amount that is left out is all that is left, and after that nothing is', async () => {
  const { payment_id, payment_intent_id } = await world.pay({ amount_cents: 5_800, currency: 'jpy' });
  const first = await service.post('/v1/refunds', { payment_id, amount_cents: 800 });
  assert.deepEqual(
    [first.status, Object.keys(first.body)],
    [201, ['refund_id', 'payment_id', 'amount_cents', 'status']],
  );
  const rest = await service.post('/v1/admin/refunds', { payment_id, full: true });
  assert.deepEqual([rest.status, rest.body.amount_cents], [201, 5_000]);
  const more = await service.post('/v1/admin/refunds', { payment_id, amount_cents: 1 });
  assert.deepEqual(
    [more.status, more.body],
    [
      409,
      { error: 'conflict', message: 'The payment has already been refunded in full.', refundable_cents: 0 },
    ],
  );
  assert.equal(refundsAtStripe(payment_intent_id).length, 2);
});

test('an answer has what its operation declares and nothing else, also where the whole refund is told', async () => {
  const { payment_id } = await world.pay();
  const { body } = await service.post('/v1/admin/refunds', { payment_id, amount_cents: 100 });
  const synced = await service.post(`/v1/admin/refunds/${body.refund_id}/sync`);
  const read = await service.get(`/v1/admin/refunds/${body.refund_id}`);
  assert.equal(synced.status, 200);
  assert.equal(synced.text, read.text);
  assert.ok(!('recover_at' in synced.body) && !('brand_id' in synced.body));
});

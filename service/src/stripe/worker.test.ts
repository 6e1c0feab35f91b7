import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createPaymentIntent } from '../../../local/stripe/resources/payment_intents.ts';
import { createRefund } from '../../../local/stripe/resources/refunds.ts';
import { createTestWorld, type TestWorld } from './test-world.ts';

let world: TestWorld;
before(async () => {
  world = await createTestWorld();
  world.listen();
  await world.work();
});
after(async () => {
  await world.close();
});

test('a refund made in the dashboard appears, with its payment', async () => {
  const { intent } = createPaymentIntent(world.standIn.world, {
    amount: 10_000,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
  });
  const refund = createRefund(world.standIn.world, { payment_intent: intent.id, amount: 2_500 });
  await world.settled();
  const { rows } = await world.pool.query(
    'SELECT status, amount_cents, origin FROM refunds WHERE stripe_refund_id = $1',
    [refund.id],
  );
  assert.deepEqual(rows, [{ status: 'succeeded', amount_cents: 2_500, origin: 'external' }]);
    (await world.pool.query('select * from stripe_events')).rows,
    (await world.pool.query('select * from payments')).rows,
  );
});

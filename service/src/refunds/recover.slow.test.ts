import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startIssuing } from '../../../test/support/issuing.ts';
import { recoverDue } from './recover.ts';

test('where Stripe has no time for as long as a caller waits, the refund is not known yet, and is made once it has', async () => {
  await using world = await startIssuing({ sending: { timeout_ms: 300 } });
  const service = await world.caller({ scope: 'admin:refunds' });
  const paid = await world.pay();
  world.standIn.faults.add({ kind: 'rate_limit_429', method: 'POST', route: '/v1/refunds' });
  const { status, body } = await service.post('/v1/admin/refunds', { payment_id: paid.payment_id });
  assert.deepEqual([status, body.status, body.stripe_refund_id], [202, 'pending', null]);
  assert.deepEqual(world.refundsAtStripe(paid), []);
  world.standIn.faults.clear();
  await world.age(body.refund_id, 10);
  await recoverDue(world.deps);
  assert.equal((await world.row(body.refund_id)).status, 'succeeded');
  assert.equal(world.refundsAtStripe(paid).length, 1);
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { failRefund, settleRefund } from '../../../local/stripe/resources/refunds.ts';
import { countTraces } from '../../../test/support/books.ts';
import {
  type AnswerBody,
  type Caller,
  type IssuingWorld,
  startIssuing,
} from '../../../test/support/issuing.ts';

let world: IssuingWorld;
let agent: Caller;
let service: Caller;

before(async () => {
  world = await startIssuing({ approvalLimits: { agent: { usd: 7_000 } } });
  agent = await world.caller({ as: 'agent' });
  service = await world.caller({ scope: 'admin:refunds write:refunds' });
});
after(() => world[Symbol.asyncDispose]());

interface Detail extends AnswerBody {
  attention: { owed_cents: number } | null;
  payment: { refundable_cents: number };
}
const cancel = (refund_id: string, caller = agent) =>
  caller.post<Detail>(`/v1/admin/refunds/${refund_id}/cancel`);

async function ask(amount_cents: number) {
  const paid = await world.pay();
  const { body } = await agent.post('/v1/admin/refunds', { payment_id: paid.payment_id, amount_cents });
  return { ...paid, ...body };
}

test('a refund that waits for the customer is called back at Stripe, and its amount can be refunded again', async () => {
  const asked = await ask(6_604);
  assert.equal(asked.status, 'requires_action');
  const { status, body } = await cancel(asked.refund_id);
  assert.deepEqual([status, body.status, body.payment.refundable_cents], [200, 'canceled', 10_000]);
  // Whoever canceled it knows: nothing is owed.
  assert.equal(body.attention, null);
  assert.equal(world.refundsAtStripe(asked)[0]?.status, 'canceled');
  const { rows } = await world.pool.query(
    `SELECT event_type, actor_id FROM audit_log WHERE entity_id = $1 AND actor_type = 'user' ORDER BY audit_id`,
    [asked.refund_id],
  );
  assert.deepEqual(rows, [
    { event_type: 'refund.requested', actor_id: 'agent' },
    { event_type: 'refund.cancel_requested', actor_id: 'agent' },
  ]);
});

test('canceled already it stays so, and nothing is asked or written again', async () => {
  const asked = await ask(6_604);
  await cancel(asked.refund_id);
  const before = await countTraces(world.pool);
  const { status, body } = await cancel(asked.refund_id);
  assert.deepEqual([status, body.status], [200, 'canceled']);
  assert.deepEqual(await countTraces(world.pool), before);
});

test('a refund that awaits approval is canceled without Stripe', async () => {
  const asked = await ask(8_000);
  assert.equal(asked.status, 'awaiting_approval');
  const { status, body } = await cancel(asked.refund_id);
  assert.deepEqual([status, body.status, body.payment.refundable_cents], [200, 'canceled', 10_000]);
  assert.deepEqual(world.refundsAtStripe(asked), []);
});

test('what Stripe does not cancel is refused in its words, and nothing moves', async () => {
  const asked = await ask(6_605);
  const { status, body } = await cancel(asked.refund_id);
  assert.deepEqual([status, body.error, body.refund_id], [412, 'precondition_failed', asked.refund_id]);
  assert.match(body.message, /^Stripe does not cancel the refund: .*status of pending.*\.$/);
  assert.equal((await world.row(asked.refund_id)).status, 'pending');
});

test('a refund that waited for the customer and has been paid meanwhile is not canceled', async () => {
  const asked = await ask(6_604);
  settleRefund(world.standIn.world, String(asked.stripe_refund_id));
  const { status, body } = await cancel(asked.refund_id);
  assert.equal(status, 412);
  assert.match(body.message, /status of succeeded/);
});

test('one that has ended cannot be canceled, and says what it is', async () => {
  const paid = await ask(1_000);
  const { status, body } = await cancel(paid.refund_id);
  assert.deepEqual([status, body.message], [412, 'The refund cannot be canceled: it is succeeded.']);
  failRefund(world.standIn.world, String(paid.stripe_refund_id));
  await agent.post(`/v1/admin/refunds/${paid.refund_id}/sync`);
  assert.equal((await cancel(paid.refund_id)).body.message, 'The refund cannot be canceled: it is failed.');
});

test('as long as it is not known whether Stripe has it, it cannot be canceled', async () => {
  world.standIn.faults.add({ kind: 'error_500_before', method: 'POST', route: '/v1/refunds', times: 1 });
  const asked = await ask(1_000);
  const { status, body } = await cancel(asked.refund_id);
  assert.deepEqual(
    [status, body.message],
    [412, 'It is not known yet whether Stripe has the refund, so it cannot be canceled.'],
  );
});

test('where Stripe does not answer the caller is told to try again, and then it is canceled', async () => {
  const asked = await ask(6_604);
  world.standIn.faults.add({
    kind: 'error_500_after',
    method: 'POST',
    route: '/v1/refunds/:id/cancel',
    times: 1,
  });
  const failed = await cancel(asked.refund_id);
  assert.deepEqual([failed.status, failed.headers.get('retry-after')], [503, '5']);
  await agent.post(`/v1/admin/refunds/${asked.refund_id}/sync`);
  const { status, body } = await cancel(asked.refund_id);
  assert.deepEqual([status, body.status], [200, 'canceled']);
});

test("another brand's refund is not there to be canceled, and whoever may only read cannot", async () => {
  const asked = await ask(6_604);
  const stranger = await world.caller({ scope: 'admin:refunds', brand: 'another' });
  assert.equal((await cancel(asked.refund_id, stranger)).status, 404);
  assert.equal((await cancel(asked.refund_id, await world.caller({ as: 'auditor' }))).status, 403);
  assert.equal((await cancel(asked.refund_id, service)).status, 200);
});

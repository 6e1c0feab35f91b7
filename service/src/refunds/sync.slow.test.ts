import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { deleteObject } from '../../../local/stripe/control.ts';
import {
  createRefund,
  failRefund,
  setRefundReference,
  settleRefund,
} from '../../../local/stripe/resources/refunds.ts';
import { countTraces } from '../../../test/support/books.ts';
import {
  type AnswerBody,
  type Caller,
  type IssuingWorld,
  startIssuing,
} from '../../../test/support/issuing.ts';

let world: IssuingWorld;
let service: Caller;

before(async () => {
  world = await startIssuing({
    sending: { timeout_ms: 300, breaks_after: 1_000 },
    approvalLimits: { agent: { usd: 1_000 } },
  });
  service = await world.caller({ scope: 'admin:refunds write:refunds' });
});
beforeEach(() => {
  world.standIn.faults.clear();
});
after(() => world[Symbol.asyncDispose]());

interface Detail extends AnswerBody {
  failure_reason: string | null;
  bank_reference: string | null;
  attention: { owed_cents: number; message: string } | null;
  payment: { refunded_cents: number; reserved_cents: number; refundable_cents: number };
}

async function issue(amount_cents: number) {
  const paid = await world.pay();
  const { body } = await service.post('/v1/admin/refunds', { payment_id: paid.payment_id, amount_cents });
  return { ...paid, refund_id: body.refund_id, stripe_refund_id: body.stripe_refund_id ?? '' };
}
const sync = (refund_id: string) => service.post<Detail>(`/v1/admin/refunds/${refund_id}/sync`);

test('what has become of a refund at Stripe is known at once: paid, referenced, bounced', async () => {
  const issued = await issue(6_605);
  settleRefund(world.standIn.world, issued.stripe_refund_id);
  setRefundReference(world.standIn.world, issued.stripe_refund_id, '74208516031000000123456');
  const paid = await sync(issued.refund_id);
  assert.deepEqual(
    [paid.status, paid.body.status, paid.body.bank_reference, paid.body.payment.refunded_cents],
    [200, 'succeeded', '74208516031000000123456', 6_605],
  );
  failRefund(world.standIn.world, issued.stripe_refund_id, 'expired_or_canceled_card');
  const bounced = await sync(issued.refund_id);
  assert.deepEqual(
    [bounced.body.status, bounced.body.attention, bounced.body.payment.refundable_cents],
    [
      'failed',
      { owed_cents: 6_605, message: 'The refund failed: the card has expired or was canceled.' },
      10_000,
    ],
  );
});

test('the payment is refreshed too: a refund made in the dashboard is known after', async () => {
  const issued = await issue(1_000);
  createRefund(world.standIn.world, { charge: issued.charge_id, amount: 2_500 });
  const { body } = await sync(issued.refund_id);
  assert.deepEqual([body.payment.refunded_cents, body.payment.refundable_cents], [3_500, 6_500]);
});

test('where nothing has changed nothing is written', async () => {
  const issued = await issue(1_000);
  await sync(issued.refund_id);
  const before = await countTraces(world.pool);
  assert.equal((await sync(issued.refund_id)).status, 200);
  assert.deepEqual(await countTraces(world.pool), before);
});

for (const kind of ['error_500_before', 'error_500_after'] as const) {
  test(`a refund of which it is not known what has become is found out about at once, after ${kind}`, async () => {
    world.standIn.faults.add({ kind, method: 'POST', route: '/v1/refunds', times: 1 });
    const issued = await issue(1_000);
    const { status, body } = await sync(issued.refund_id);
    const made = world.refundsAtStripe(issued);
    assert.deepEqual([status, body.status, made.length], [200, 'succeeded', 1]);
    assert.equal(body.stripe_refund_id, made[0]?.id);
  });
}

test('where Stripe does not answer it is 503 with Retry-After, and nothing moves', async () => {
  world.standIn.faults.add({ kind: 'error_500_before', method: 'POST', route: '/v1/refunds', times: 1 });
  const unknown = await issue(1_000);
  const known = await issue(1_001);
  world.standIn.faults.add({ kind: 'error_500_before' });
  const before = await countTraces(world.pool);
  for (const { refund_id } of [unknown, known]) {
    const { status, body, headers } = await sync(refund_id);
    assert.deepEqual([status, body.error, headers.get('retry-after')], [503, 'service_unavailable', '5']);
  }
  assert.deepEqual(await countTraces(world.pool), before);
  world.standIn.faults.clear();
  assert.equal((await sync(unknown.refund_id)).body.status, 'succeeded');
});

test('a refund that Stripe does not know any more is 502, and stays as it is', async () => {
  const issued = await issue(1_000);
  deleteObject(world.standIn.world, issued.stripe_refund_id);
  const { status, body } = await sync(issued.refund_id);
  assert.deepEqual(
    [status, body.error, body.message, body.refund_id],
    [502, 'upstream_failed', 'Stripe does not know this refund or its payment.', issued.refund_id],
  );
  assert.equal((await world.row(issued.refund_id)).status, 'succeeded');
});

test("another brand's refund is not there to be synced", async () => {
  const issued = await issue(1_000);
  const stranger = await world.caller({ scope: 'admin:refunds', brand: 'another' });
  assert.equal((await stranger.post(`/v1/admin/refunds/${issued.refund_id}/sync`)).status, 404);
});

test('a refund that is approved while Stripe is asked, and not known to be there yet, is answered 202', async () => {
  const agent = await world.caller({ as: 'agent' });
  const approver = await world.caller({ as: 'approver' });
  const { payment_id } = await world.pay();
  const { body: asked } = await agent.post('/v1/admin/refunds', { payment_id, amount_cents: 2_000 });
  assert.equal(asked.status, 'awaiting_approval');

  world.standIn.faults.add({
    kind: 'slow',
    method: 'GET',
    route: '/v1/payment_intents/:id',
    times: 1,
    ms: 250,
  });
  world.standIn.faults.add({ kind: 'error_500_before', method: 'POST', route: '/v1/refunds', times: 1 });
  const syncing = sync(asked.refund_id);
  while (world.standIn.faults.list().requests[0]?.fired === 0) await new Promise(setImmediate);
  const approved = await approver.post(`/v1/admin/refunds/${asked.refund_id}/approve`);
  const synced = await syncing;
  assert.deepEqual(
    [approved.status, synced.status, synced.body.status, synced.body.stripe_refund_id],
    [202, 202, 'pending', null],
  );
});

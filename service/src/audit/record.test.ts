import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Caller, type IssuingWorld, startIssuing } from '../../../test/support/issuing.ts';
import { makePayment } from '../../../test/support/make.ts';
import { customerName } from '../customers/customers.ts';
import { withTransaction } from '../database/pool.ts';
import { observePayment } from '../payments/observe.ts';
import { changedFrom } from './record.ts';

let world: IssuingWorld;
let agent: Caller;

before(async () => {
  world = await startIssuing({ approvalLimits: { agent: { usd: 5_000 } } });
  agent = await world.caller({ as: 'agent' });
});
after(() => world[Symbol.asyncDispose]());

interface Row {
  event_type: string;
  actor_type: string;
  actor_id: string;
  client_id: string | null;
  ip_address: string | null;
  request_id: string | null;
  details: Record<string, unknown>;
}

/** What was recorded of something by those who changed it. */
const changesOf = async (entityId: string): Promise<Row[]> =>
  (
    await world.pool.query<Row>(
      `SELECT event_type, actor_type, actor_id, client_id, ip_address, request_id, details FROM audit_log
       WHERE entity_id = $1 AND event_type NOT LIKE '%.read' AND event_type NOT LIKE '%.listed' ORDER BY audit_id`,
      [entityId],
    )
  ).rows;

const LOCAL = '127.0.0.1';

test('a refund tells at each step who, through which client, from where, in which request, why, what it was and what it is', async () => {
  const paid = await world.pay({ amount_cents: 9_000 });
  const { body } = await agent.post(
    '/v1/admin/refunds',
    { charge_id: paid.charge_id, amount_cents: 6_000, reason: 'not_received', note: 'about the walnuts' },
    { 'x-request-id': 'asks' },
  );
  const approver = await world.caller({ as: 'approver' });
  const path = `/v1/admin/refunds/${body.refund_id}/approve`;
  assert.equal(
    (await approver.post(path, { note: 'looked into it' }, { 'x-request-id': 'approves' })).status,
    200,
  );
  const [asked, approved, succeeded, ...more] = await changesOf(body.refund_id);
  assert.deepEqual(more, []);
  const whole = { amount_cents: 6_000, currency: 'usd', failure_reason: null, counted_cents: 6_000 };
  const client_id = asked?.client_id;
  assert.ok(client_id);
  assert.deepEqual(asked, {
    event_type: 'refund.awaiting_approval',
    actor_type: 'user',
    actor_id: 'agent',
    client_id,
    ip_address: LOCAL,
    request_id: 'asks',
    details: {
      cause: 'asks',
      reason_code: 'not_received',
      from_status: null,
      reserved_delta_cents: 6_000,
      refunded_delta_cents: 0,
      before: null,
      ...whole,
      status: 'awaiting_approval',
      stripe_refund_id: null,
    },
  });
  assert.deepEqual(approved, {
    event_type: 'refund.approved',
    actor_type: 'user',
    actor_id: 'approver',
    client_id,
    ip_address: LOCAL,
    request_id: 'approves',
    details: {
      cause: 'approves',
      from_status: 'awaiting_approval',
      reserved_delta_cents: 0,
      refunded_delta_cents: 0,
      before: { status: 'awaiting_approval' },
      ...whole,
      status: 'pending',
      stripe_refund_id: null,
    },
  });
  const [made] = world.refundsAtStripe(paid);
  // What Stripe makes of it is Stripe's doing, in the request that asked.
  assert.deepEqual(succeeded, {
    event_type: 'refund.succeeded',
    actor_type: 'system',
    actor_id: 'stripe',
    client_id: null,
    ip_address: null,
    request_id: null,
    details: {
      cause: 'approves',
      from_status: 'pending',
      reserved_delta_cents: -6_000,
      refunded_delta_cents: 6_000,
      before: { status: 'pending', stripe_refund_id: null },
      ...whole,
      status: 'succeeded',
      stripe_refund_id: made?.id,
    },
  });
});

test('free text is no reason code, and what nobody called for has no client and no address', async () => {
  const paid = await world.pay();
  const { body } = await agent.post('/v1/admin/refunds', {
    charge_id: paid.charge_id,
    amount_cents: 100,
    reason: 'Not received',
  });
  const [asked] = await changesOf(body.refund_id);
  assert.ok(asked !== undefined && !('reason_code' in asked.details));
  const { refundIds } = await makePayment(world.pool, { refunds: [{}] });
  const [imported] = await changesOf(refundIds[0] ?? '');
  assert.deepEqual(
    [imported?.actor_type, imported?.actor_id, imported?.client_id, imported?.ip_address],
    ['system', 'stripe', null, null],
  );
});

test('a payment tells what it was before as far as that has changed, also whose it was', async () => {
  const { payment } = await makePayment(world.pool, { customer_id: 'customer_before' });
  const observed_at = new Date(Date.now() + 60_000);
  await withTransaction(world.pool, (tx) =>
    observePayment(
      tx,
      { ...payment, customer_id: 'customer_after', captured_cents: 4_000, observed_at },
      'evt_1',
    ),
  );
  const [imported, updated] = await changesOf(payment.payment_id);
  assert.equal(imported?.details.before, null);
  assert.deepEqual(updated?.details.before, {
    customer: await customerName(world.pool, 'default', 'customer_before'),
    captured_cents: payment.captured_cents,
  });
  assert.deepEqual(
    [updated?.details.cause, updated?.details.customer, updated?.details.captured_cents],
    ['evt_1', await customerName(world.pool, 'default', 'customer_after'), 4_000],
  );
});

test('what differs from before is told, and nothing else', () => {
  assert.deepEqual(changedFrom({ a: 1, b: null, c: 'x' }, { a: 2, b: null, c: 'x' }), { a: 1 });
  assert.deepEqual(changedFrom({ a: 1 }, { a: 1 }), {});
  assert.equal(changedFrom(null, { a: 1 }), null);
  assert.equal(changedFrom(undefined, { a: 1 }), null);
});

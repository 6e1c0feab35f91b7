import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createPaymentIntent } from '../../../local/stripe/resources/payment_intents.ts';
import { createRefund } from '../../../local/stripe/resources/refunds.ts';
import { TEST_KEY } from '../../../local/stripe/testing.ts';
import { type Caller, type IssuingWorld, startIssuing } from '../../../test/support/issuing.ts';
import { createStripe } from './client.ts';
import { type EventHead, processEvent, receiveEvent } from './inbox.ts';

let world: IssuingWorld;
let operator: Caller;
before(async () => {
  world = await startIssuing();
  operator = await world.caller({ scope: 'admin:webhooks' });
});
after(() => world[Symbol.asyncDispose]());

interface ReplayBody {
  event_id: string;
  stripe_event_id: string;
  event_type: string;
  status: string;
  http_status: number;
  message: string;
}

const PATH = '/v1/admin/webhooks/replay';
async function replay(event_id: string, headers: Record<string, string> = {}) {
  const { status, text, headers: answered } = await operator.post(PATH, { event_id }, headers);
  return { status, text, headers: answered, body: JSON.parse(text) as ReplayBody };
}

let number = 0;
/** An event in the inbox, as the webhook puts it there. */
async function receive(object_type: string, object_id: string, head: Partial<EventHead> = {}) {
  number += 1;
  const { event_id } = await receiveEvent(
    world.pool,
    {
      stripe_event_id: `evt_replay_${number}`,
      event_type: `${object_type}.updated`,
      object_type,
      object_id,
      livemode: false,
      stripe_account_id: null,
      stripe_created_at: new Date(),
      ...head,
    },
    { live: false },
  );
  return event_id;
}

const eventRow = async (eventId: string) =>
  (await world.pool.query('SELECT status, error, attempts FROM stripe_events WHERE event_id = $1', [eventId]))
    .rows[0];
const setStatus = (eventId: string, status: string) =>
  world.pool.query('UPDATE stripe_events SET status = $2 WHERE event_id = $1', [eventId, status]);
const knownRefunds = async (stripeRefundId: string) =>
  (await world.pool.query('SELECT status FROM refunds WHERE stripe_refund_id = $1', [stripeRefundId])).rows;

/** A refund in Stripe's dashboard that the books have not heard of. */
async function dashboardRefund() {
  const { payment_intent_id } = await world.pay();
  return createRefund(world.standIn.world, { payment_intent: payment_intent_id, amount: 700 });
}

for (const status of ['received', 'processed', 'ignored', 'unmatched', 'failed']) {
  test(`an event that was ${status} is asked about again, and what Stripe says now is in the books`, async () => {
    const refund = await dashboardRefund();
    const eventId = await receive('refund', refund.id);
    await setStatus(eventId, status);
    const { status: answered, body } = await replay(eventId);
    assert.equal(answered, 200);
    assert.deepEqual(body, {
      event_id: eventId,
      stripe_event_id: `evt_replay_${number}`,
      event_type: 'refund.updated',
      status: 'processed',
      http_status: 200,
    });
    assert.deepEqual(await knownRefunds(refund.id), [{ status: 'succeeded' }]);
    assert.deepEqual(await eventRow(eventId), { status: 'processed', error: null, attempts: 1 });
  });
}

test("an event is found by Stripe's id as well as by ours, and twice is as good as once", async () => {
  const refund = await dashboardRefund();
  const eventId = await receive('refund', refund.id);
  const bodies = await Promise.all([replay(`evt_replay_${number}`), replay(eventId), replay(eventId)]);
  for (const { status, body } of bodies) assert.deepEqual([status, body.status], [200, 'processed']);
  assert.equal((await knownRefunds(refund.id)).length, 1);
});

test('a worker that is at the same event does no harm, and none is done to it', async () => {
  const refund = await dashboardRefund();
  const eventId = await receive('refund', refund.id);
  const stripe = createStripe({ api_key: TEST_KEY, api_base: world.standIn.url });
  const deps = { pool: world.pool, stripe, default_brand: 'default' };
  const [, answer] = await Promise.all([
    processEvent(deps, eventId, { number: 1, last: false }),
    replay(eventId),
    processEvent(deps, eventId, { number: 1, last: false }),
  ]);
  assert.equal(answer.status, 200);
  assert.equal((await knownRefunds(refund.id)).length, 1);
  assert.equal((await eventRow(eventId)).status, 'processed');
});

test('an event whose object Stripe does not know goes on the shelf, and one of another account stays there', async () => {
  const gone = await receive('refund', 're_of_nobody');
  assert.deepEqual((await replay(gone)).body.status, 'unmatched');
  assert.match((await eventRow(gone)).error, /^gone_at_stripe: /);
  const elsewhere = await receive('refund', (await dashboardRefund()).id, { stripe_account_id: 'acct_1' });
  const { body } = await replay(elsewhere);
  assert.deepEqual([body.status, body.http_status], ['unmatched', 200]);
  assert.match((await eventRow(elsewhere)).error, /^connected_account: /);
});

test('what is not stored is a 404, and a body that names no event a 422 that says so', async () => {
  const unknown = await replay('evt_never_seen');
  assert.deepEqual([unknown.status, unknown.body.message], [404, 'There is no such event in the inbox.']);
  for (const body of [{}, { event_id: '' }, { event_id: 7 }, { event_id: 'evt_1', brand: 'x' }]) {
    assert.equal((await operator.post(PATH, body)).status, 422, JSON.stringify(body));
  }
});

test('while Stripe does not answer it is a 503 with Retry-After, and the event is as it was', async () => {
  const eventId = await receive('refund', (await dashboardRefund()).id);
  await setStatus(eventId, 'failed');
  const fault = world.standIn.faults.add({ kind: 'error_500_before', method: 'GET' });
  const { status, headers } = await replay(eventId);
  world.standIn.faults.clear(fault.id);
  assert.equal(status, 503);
  assert.ok(Number(headers.get('retry-after')) > 0);
  assert.deepEqual(await eventRow(eventId), { status: 'failed', error: null, attempts: 0 });
  assert.equal((await replay(eventId)).body.status, 'processed');
});

test('what cannot be processed is a 500 in the same shape, is not kept as an answer, stays open where it was, and can be replayed', async () => {
  const { intent } = createPaymentIntent(world.standIn.world, {
    amount: 900,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
  });
  const eventId = await receive('payment_intent', intent.id);
  await world.pool.query('ALTER TABLE payments ADD CONSTRAINT broken CHECK (amount_cents <> 900)');
  const headers = { 'idempotency-key': 'replay-of-what-is-broken' };
  const { status, body } = await replay(eventId, headers);
  await setStatus(eventId, 'failed');
  const given_up = await replay(eventId);
  await world.pool.query('ALTER TABLE payments DROP CONSTRAINT broken');
  assert.deepEqual([given_up.status, given_up.body.status], [500, 'failed']);
  assert.equal(status, 500);
  assert.deepEqual(body, {
    event_id: eventId,
    stripe_event_id: `evt_replay_${number}`,
    event_type: 'payment_intent.updated',
    status: 'received',
    http_status: 500,
  });
  assert.match((await eventRow(eventId)).error, /^internal_error: .* \(23514\)\.$/);
  assert.equal((await replay(eventId, headers)).body.status, 'processed');
});

test('the same Idempotency-Key is answered with the same bytes, and asks Stripe once', async () => {
  const eventId = await receive('refund', (await dashboardRefund()).id);
  const headers = { 'idempotency-key': 'replay-once' };
  const first = await replay(eventId, headers);
  const again = await replay(eventId, headers);
  assert.equal(again.text, first.text);
  assert.equal((await eventRow(eventId)).attempts, 1);
});

test('who replayed is in the audit log, and nobody replays without the scope for it', async () => {
  const eventId = await receive('refund', (await dashboardRefund()).id);
  const { headers } = await replay(eventId);
  const { rows } = await world.pool.query(
    'SELECT actor_type, actor_id, event_type, entity_type, request_id, details FROM audit_log WHERE entity_id = $1',
    [eventId],
  );
  assert.deepEqual(rows, [
    {
      actor_type: 'service',
      actor_id: 'developer',
      event_type: 'stripe_event.replayed',
      entity_type: 'stripe_event',
      request_id: headers.get('x-request-id'),
      details: { stripe_event_id: `evt_replay_${number}`, event_type: 'refund.updated', status: 'received' },
    },
  ]);
  const reader = await world.caller({ scope: 'admin:refunds' });
  assert.equal((await reader.post(PATH, { event_id: eventId })).status, 403);
});

test('a caller who names a brand replays events of what is in its books only; to all others there is no such event', async () => {
  const theirs = await receive('charge', (await world.pay({ brand_id: 'second' })).charge_id);
  const nobodys = await receive('refund', (await dashboardRefund()).id);
  const callers = {
    first: await world.caller({ scope: 'admin:webhooks', brand: 'default' }),
    second: await world.caller({ scope: 'admin:webhooks', brand: 'second' }),
  };
  const asked = async (caller: Caller, event_id: string) => (await caller.post(PATH, { event_id })).status;
  assert.equal(await asked(callers.first, theirs), 404);
  assert.equal((await eventRow(theirs)).attempts, 0);
  assert.equal(await asked(callers.second, theirs), 200);
  assert.equal(await asked(callers.second, nobodys), 404);
  assert.equal((await replay(nobodys)).status, 200);
  assert.equal(await asked(callers.first, nobodys), 200);
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Registry } from 'prom-client';
import { createPaymentIntent } from '../../../local/stripe/resources/payment_intents.ts';
import { processEvent, receiveEvent } from './inbox.ts';
import { measureInbox } from './metrics.ts';
import { createTestWorld, type TestWorld } from './test-world.ts';

let world: TestWorld;
let number = 0;
before(async () => {
  world = await createTestWorld();
});
after(async () => {
  await world.close();
});

/** An event of the inbox about an object, as it is after its receipt. */
async function receive(objectType: string, objectId: string): Promise<string> {
  number += 1;
  const receipt = await receiveEvent(
    world.pool,
    {
      stripe_event_id: `evt_${number}`,
      event_type: `${objectType}.updated`,
      object_type: objectType,
      object_id: objectId,
      livemode: false,
      stripe_account_id: null,
      stripe_created_at: new Date(),
    },
    { live: false },
  );
  return receipt.event_id;
}
const read = async (eventId: string) =>
  (await world.pool.query('SELECT status, attempts, error FROM stripe_events WHERE event_id = $1', [eventId]))
    .rows[0];
const pay = () =>
  createPaymentIntent(world.standIn.world, {
    amount: 1_000,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
  }).intent;

test('what may be better next time leaves the event open, with a reason, and the next attempt ends it', async () => {
  for (const kind of ['error_500_before', 'reset_before'] as const) {
    const eventId = await receive('payment_intent', pay().id);
    const fault = world.standIn.faults.add({ kind });
    await assert.rejects(processEvent(world, eventId, { number: 1, last: false }));
    world.standIn.faults.clear(fault.id);
    const open = await read(eventId);
    assert.deepEqual([open.status, open.attempts], ['received', 1]);
    assert.match(open.error, /^stripe_unavailable: Stripe did not answer as expected/);
    assert.equal(await processEvent(world, eventId, { number: 2, last: false }), 'processed');
    assert.deepEqual(await read(eventId), { status: 'processed', attempts: 2, error: null });
  }
});

test('the last attempt that fails gives the event up, with a code and a sentence', async () => {
  const eventId = await receive('payment_intent', pay().id);
  const fault = world.standIn.faults.add({ kind: 'error_500_before' });
  assert.equal(await processEvent(world, eventId, { number: 25, last: true }), 'failed');
  world.standIn.faults.clear(fault.id);
  const failed = await read(eventId);
  assert.deepEqual([failed.status, failed.attempts], ['failed', 25]);
  assert.match(failed.error, /^stripe_unavailable: /);
});

test('an event that was ended already is not worked on again', async () => {
  const eventId = await receive('payment_intent', pay().id);
  assert.equal(await processEvent(world, eventId, { number: 1, last: false }), 'processed');
  world.standIn.calls.clear();
  assert.equal(await processEvent(world, eventId, { number: 2, last: false }), 'already_done');
  assert.equal(world.standIn.calls.size, 0);
  assert.equal(await processEvent(world, 'event_of_nobody', { number: 1, last: false }), 'already_done');
});

test('two workers at the same event at the same moment make one payment and one history', async () => {
  const intent = pay();
  const eventId = await receive('payment_intent', intent.id);
  const attempts = Array.from({ length: 8 }, () => processEvent(world, eventId, { number: 1, last: false }));
  assert.ok(
    (await Promise.all(attempts)).every((outcome) => ['processed', 'already_done'].includes(outcome)),
  );
  const { rows } = await world.pool.query(
    `SELECT (SELECT count(*) FROM audit_log a WHERE a.entity_id = p.payment_id) AS audits
     FROM payments p WHERE stripe_payment_intent_id = $1`,
    [intent.id],
  );
  assert.deepEqual(rows, [{ audits: 1 }]);
});

test('an object that Stripe does not know puts its event on the shelf, whatever kind it is', async () => {
  for (const [type, id] of [
    ['charge', 'ch_of_nobody'],
    ['payment_intent', 'pi_of_nobody'],
    ['refund', 're_of_nobody'],
  ] as const) {
    const eventId = await receive(type, id);
    assert.equal(await processEvent(world, eventId, { number: 1, last: false }), 'unmatched', type);
    assert.deepEqual(await read(eventId), {
      status: 'unmatched',
      attempts: 1,
      error: 'gone_at_stripe: Stripe no longer knows the object.',
    });
  }
});

test('the metrics say how much is open, on the shelf and given up, for how long, and what became of events', async () => {
  const registry = new Registry();
  const count = measureInbox(registry, world.pool);
  await receive('refund', 're_open');
  count('processed', 20);
  const text = await registry.metrics();
  assert.match(text, /^stripe_inbox_events\{status="received"\} 1$/m);
  assert.match(text, /^stripe_inbox_events\{status="unmatched"\} 3$/m);
  assert.match(text, /^stripe_inbox_events\{status="failed"\} 1$/m);
  assert.match(text, /^stripe_inbox_oldest_seconds\{status="received"\} 0\.\d+$/m);
  assert.match(text, /^stripe_event_duration_seconds_count\{outcome="processed"\} 1$/m);
});

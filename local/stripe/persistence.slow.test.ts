import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import Stripe from 'stripe';
import { deleteObject } from './control.ts';
import { createCustomer } from './resources/customers.ts';
import { createPaymentIntent } from './resources/payment_intents.ts';
import { createRefund } from './resources/refunds.ts';
import { startStripe } from './server.ts';
import { pay, receiver, refusal, sdk, start, TEST_KEY } from './testing.ts';
import { advanceClock, readClock, resetClock, setClock } from './time.ts';
import { transact } from './world.ts';

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'stripe-stand-in-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('everything that was answered before a kill -9 is there after the next start', async (t) => {
  const databaseFile = join(await directory(t), 'stripe.sqlite');
  const program = `
    import { startStripe } from ${JSON.stringify(new URL('./server.ts', import.meta.url).href)};
    const standIn = await startStripe({ databaseFile: ${JSON.stringify(databaseFile)}, apiKey: ${JSON.stringify(TEST_KEY)} });
    console.log(standIn.port);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [port] = (await once(createInterface(child.stdout), 'line')) as [string];
  const before = new Stripe(TEST_KEY, { host: '127.0.0.1', port, protocol: 'http', maxNetworkRetries: 0 });
  const { charge } = await pay(before);
  const refund = await before.refunds.create({ charge, amount: 6_601 }, { idempotencyKey: 'k' });
  const inbox = await receiver(t);
  const endpoint = await before.webhookEndpoints.create({
    url: inbox.url,
    enabled_events: ['refund.updated'],
  });
  child.kill('SIGKILL');
  await once(child, 'exit');

  const standIn = await startStripe({ databaseFile, apiKey: TEST_KEY });
  t.after(() => standIn.close());
  const after = sdk(standIn);
  assert.deepEqual({ ...(await after.refunds.retrieve(refund.id)) }, { ...refund });
  const replayed = await after.refunds.create({ charge, amount: 6_601 }, { idempotencyKey: 'k' });
  assert.equal(replayed.lastResponse.headers['idempotent-replayed'], 'true');
  advanceClock(standIn.world, 61);
  await standIn.deliverer.idle();
  const [one] = inbox.received;
  assert.ok(one !== undefined, 'what was due and who listens are remembered');
  assert.equal(
    after.webhooks.constructEvent(one.body, one.signature, endpoint.secret ?? '').type,
    'refund.updated',
  );
  const next = await pay(after);
  assert.notEqual(next.charge, charge);
});

test('deliveries that were still to be made go out after a restart', async (t) => {
  const databaseFile = join(await directory(t), 'stripe.sqlite');
  let up = false;
  const inbox = await receiver(t, () => (up ? 200 : 500));
  const first = await startStripe({ databaseFile, apiKey: TEST_KEY });
  const stripe = sdk(first);
  await stripe.webhookEndpoints.create({ url: inbox.url, enabled_events: ['customer.created'] });
  await stripe.customers.create();
  await first.deliverer.idle();
  await first.close();
  up = true;
  const second = await startStripe({ databaseFile, apiKey: TEST_KEY });
  t.after(() => second.close());
  advanceClock(second.world, 5);
  second.deliverer.pump();
  await second.deliverer.idle();
  assert.equal(second.deliverer.list({ status: 'succeeded' }).length, 1);
});

test('the same seed and the same calls give the same ids; another seed gives others', async (t) => {
  const ids = async (seed: number) => {
    const { stripe } = await start(t, { seed });
    const { intent, charge } = await pay(stripe);
    const refund = await stripe.refunds.create({ charge });
    return [intent.id, charge, refund.id];
  };
  const one = await ids(11);
  assert.deepEqual(await ids(11), one);
  assert.notDeepEqual(await ids(12), one);
});

test('the clock can be frozen, moved, left to run and given back to real time', async (t) => {
  const { standIn, stripe } = await start(t);
  const { world } = standIn;
  setClock(world, 1_800_000_000);
  assert.equal((await stripe.customers.create()).created, 1_800_000_000);
  assert.deepEqual(readClock(world), { now: 1_800_000_000, now_ms: 1_800_000_000_000, frozen: true });
  advanceClock(world, 86_400);
  assert.equal((await stripe.customers.create()).created, 1_800_086_400);
  setClock(world, 1_900_000_000, { frozen: false });
  const running = readClock(world);
  assert.ok(!running.frozen && running.now >= 1_900_000_000 && running.now < 1_900_000_060);
  resetClock(world);
  assert.ok(Math.abs(readClock(world).now_ms - Date.now()) < 5_000);
});

test('what falls due on the way happens at its own time, in order', async (t) => {
  const { standIn, stripe } = await start(t);
  setClock(standIn.world, 1_800_000_000);
  const { charge } = await pay(stripe);
  const refund = await stripe.refunds.create({ charge, amount: 6_601 });
  advanceClock(standIn.world, 10 * 86_400);
  const updates = (await stripe.events.list({ type: 'refund.updated' })).data.map(
    (event) => event.created - 1_800_000_000,
  );
  assert.deepEqual(updates, [60 + 3 * 86_400, 60]);
  assert.equal(
    (await stripe.refunds.retrieve(refund.id)).destination_details?.card?.reference_status,
    'available',
  );
});

test('while the clock runs, what falls due happens by itself', async (t) => {
  const { standIn, stripe } = await start(t, { delays: { refund_settles_s: 0.3 } });
  resetClock(standIn.world);
  const inbox = await receiver(t);
  await stripe.webhookEndpoints.create({ url: inbox.url, enabled_events: ['refund.updated'] });
  const { charge } = await pay(stripe);
  await stripe.refunds.create({ charge, amount: 6_601 });
  const until_ms = performance.now() + 10_000;
  while (inbox.received.length === 0 && performance.now() < until_ms)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(inbox.types(), ['refund.updated']);
});

test('history is made in-process at chosen times: thousands of payments, listed by when they were made', async (t) => {
  const { standIn, stripe } = await start(t);
  const { world } = standIn;
  const now_s = readClock(world).now;
  const count = 1_000;
  const before_ms = performance.now();
  transact(world, () => {
    for (let index = 0; index < count; index += 1) {
      setClock(world, now_s - (count - index) * 3_600);
      const customer = createCustomer(world);
      const { intent } = createPaymentIntent(world, {
        amount: 5_000,
        currency: 'jpy',
        customer: customer.id,
        payment_method: 'pm_card_jp',
        confirm: true,
      });
      if (index % 5 === 0)
        createRefund(world, { payment_intent: intent.id, amount: 1_000, behaviour: 'succeeded' });
    }
    resetClock(world);
  });
  const took_ms = performance.now() - before_ms;
  assert.ok(took_ms < 10_000, `${took_ms} ms`);
  const times: number[] = [];
  for await (const charge of stripe.charges.list({ limit: 100 })) times.push(charge.created);
  assert.equal(times.length, count);
  assert.deepEqual(
    times,
    [...times].sort((a, b) => b - a),
  );
  assert.equal(standIn.deliverer.list({}).length, 0);
});

test('ids go on after a restart where they had come to', async (t) => {
  const databaseFile = join(await directory(t), 'stripe.sqlite');
  const ids: string[] = [];
  for (let run = 0; run < 3; run += 1) {
    const standIn = await startStripe({ databaseFile, apiKey: TEST_KEY, seed: 5 });
    ids.push((await sdk(standIn).customers.create()).id);
    await standIn.close();
  }
  const { stripe } = await start(t, { seed: 5 });
  const uninterrupted: string[] = [];
  for (let index = 0; index < 3; index += 1) uninterrupted.push((await stripe.customers.create()).id);
  assert.deepEqual(ids, uninterrupted);
});

test('in-process, an object can be removed as if Stripe had never known it', async (t) => {
  const { standIn, stripe } = await start(t);
  const customer = createCustomer(standIn.world);
  assert.equal(deleteObject(standIn.world, customer.id), true);
  assert.equal(deleteObject(standIn.world, customer.id), false);
  assert.equal((await refusal(stripe.customers.retrieve(customer.id))).statusCode, 404);
});

test('a world that throws half-way through a request keeps nothing of it', async (t) => {
  const { standIn, stripe } = await start(t);
  const { intent } = await pay(stripe);
  assert.throws(() =>
    transact(standIn.world, () => {
      createRefund(standIn.world, { payment_intent: intent.id, amount: 100 });
      throw new Error('power cut');
    }),
  );
  assert.deepEqual((await stripe.refunds.list()).data, []);
  assert.equal((await stripe.charges.retrieve(String(intent.latest_charge))).amount_refunded, 0);
});

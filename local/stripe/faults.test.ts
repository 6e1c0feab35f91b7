import assert from 'node:assert/strict';
import { test } from 'node:test';
import Stripe from 'stripe';
import { createFaults } from './faults.ts';
import { createLimiter } from './limiter.ts';
import { pay, receiver, refusal, sdk, start } from './testing.ts';

const header = (fault: string) => ({ headers: { 'Stripe-Standin-Fault': fault } });

for (const [kind, effect] of [
  ['timeout_before', false],
  ['timeout_after', true],
] as const) {
  test(`${kind}: no answer ever comes, and the refund is ${effect ? '' : 'not '}made`, async (t) => {
    const { standIn, stripe } = await start(t);
    const { charge } = await pay(stripe);
    const impatient = sdk(standIn, { timeout: 400 });
    const params = { charge, amount: 100 };
    const lost = await refusal(impatient.refunds.create(params, { idempotencyKey: 'k', ...header(kind) }));
    assert.equal(lost.type, 'StripeConnectionError');
    assert.equal((await stripe.refunds.list()).data.length, effect ? 1 : 0);
    const again = await stripe.refunds.create(params, { idempotencyKey: 'k' });
    assert.equal(again.lastResponse.headers['idempotent-replayed'], effect ? 'true' : undefined);
    assert.equal((await stripe.refunds.list()).data.length, 1);
  });
}

test('error_500_before: nothing happens, and the key is free', async (t) => {
  const { stripe } = await start(t);
  const { charge } = await pay(stripe);
  const params = { charge, amount: 100 };
  const failed = await refusal(
    stripe.refunds.create(params, { idempotencyKey: 'k', ...header('error_500_before') }),
  );
  assert.deepEqual([failed.type, failed.statusCode, failed.rawType], ['StripeAPIError', 500, 'api_error']);
  assert.equal((await stripe.refunds.list()).data.length, 0);
  assert.equal((await stripe.refunds.create(params, { idempotencyKey: 'k' })).amount, 100);
});

test('error_500_after: the refund is made, and the key replays the 500', async (t) => {
  const { stripe } = await start(t);
  const { charge } = await pay(stripe);
  const params = { charge, amount: 100 };
  const failed = await refusal(
    stripe.refunds.create(params, { idempotencyKey: 'k', ...header('error_500_after') }),
  );
  assert.equal(failed.statusCode, 500);
  const replayed = await refusal(stripe.refunds.create(params, { idempotencyKey: 'k' }));
  assert.equal(replayed.statusCode, 500);
  assert.equal(replayed.headers?.['idempotent-replayed'], 'true');
  const { data } = await stripe.refunds.list({ charge });
  assert.deepEqual(
    data.map((refund) => refund.amount),
    [100],
  );
});

test('rate_limit_429: nothing happens, and the answer says when to come back', async (t) => {
  const { stripe } = await start(t);
  const { charge } = await pay(stripe);
  const refused = await refusal(
    stripe.refunds.create({ charge }, { idempotencyKey: 'k', ...header('rate_limit_429') }),
  );
  assert.deepEqual(
    [refused.type, refused.statusCode, refused.code],
    ['StripeRateLimitError', 429, 'rate_limit'],
  );
  assert.equal(refused.headers?.['retry-after'], '1');
  assert.equal((await stripe.refunds.create({ charge }, { idempotencyKey: 'k' })).amount, 10_000);
});

for (const [kind, effect] of [
  ['reset_before', 0],
  ['reset_after', 1],
] as const) {
  test(`${kind}: the connection is reset with ${effect} refund made`, async (t) => {
    const { standIn, stripe } = await start(t);
    const { charge } = await pay(stripe);
    // The SDK resends once after a reset even without retries, so both are reset.
    standIn.faults.add({ kind, route: '/v1/refunds', method: 'POST', times: 1 });
    standIn.faults.add({ kind: 'reset_before', route: '/v1/refunds', method: 'POST', times: 1 });
    const lost = await refusal(stripe.refunds.create({ charge, amount: 100 }));
    assert.equal(lost.type, 'StripeConnectionError');
    assert.equal((lost.detail as NodeJS.ErrnoException).code, 'ECONNRESET');
    assert.equal((await stripe.refunds.list()).data.length, effect);
  });
}

test('slow: the answer comes that much later', async (t) => {
  const { stripe } = await start(t);
  const before_ms = performance.now();
  await stripe.customers.create({}, header('slow=120'));
  assert.ok(performance.now() - before_ms >= 119);
});

test('slow_after: the webhooks are there before the answer is', async (t) => {
  const { stripe } = await start(t);
  const inbox = await receiver(t);
  await stripe.webhookEndpoints.create({ url: inbox.url, enabled_events: ['refund.created'] });
  const { charge } = await pay(stripe);
  let answered = false;
  const refunding = stripe.refunds
    .create({ charge }, { idempotencyKey: 'k', ...header('slow_after=1500') })
    .then((refund) => {
      answered = true;
      return refund;
    });
  while (inbox.received.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(answered, false);
  const [one] = inbox.received;
  assert.ok(one?.event.type === 'refund.created');
  assert.equal((await refusal(stripe.refunds.create({ charge }, { idempotencyKey: 'k' }))).statusCode, 409);
  assert.equal((await refunding).id, one.event.data.object.id);
});

test('an unknown fault in the header is refused, not ignored', async (t) => {
  const { stripe } = await start(t);
  assert.match((await refusal(stripe.customers.create({}, header('explode')))).message, /Unknown fault/);
});

test('a rule by control endpoint hits the n-th matching request of a route, and can be listed and cleared', async (t) => {
  const { stripe, control } = await start(t);
  const rule = await control('POST', '/faults', {
    kind: 'error_500_before',
    method: 'GET',
    route: '/v1/customers/:id',
    nth: 2,
  });
  const customer = await stripe.customers.create();
  await stripe.customers.retrieve(customer.id);
  assert.equal((await refusal(stripe.customers.retrieve(customer.id))).statusCode, 500);
  await stripe.customers.retrieve(customer.id);
  const listed = (await control('GET', '/faults')) as {
    requests: { id: string; matched: number; fired: number }[];
  };
  assert.deepEqual(
    listed.requests.map((one) => [one.id, one.matched, one.fired]),
    [[rule.id, 3, 1]],
  );
  await control('DELETE', `/faults/${rule.id}`);
  assert.deepEqual(await control('GET', '/faults'), { requests: [], webhooks: [] });
});

test('faults by probability are the same for the same seed', () => {
  const draw = (seed: number) => {
    const faults = createFaults();
    faults.add({ kind: 'error_500_before', probability: 0.3, seed });
    return Array.from(
      { length: 200 },
      () => faults.forRequest('POST', '/v1/refunds', '/v1/refunds') !== undefined,
    );
  };
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
  const hits = draw(7).filter(Boolean).length;
  assert.ok(hits > 30 && hits < 90, `${hits} of 200`);
});

test('faults given at the start are in force from the first request', async (t) => {
  const { stripe } = await start(t, {
    faults: [{ kind: 'rate_limit_429', route: '/v1/customers', times: 1 }],
  });
  assert.ok((await refusal(stripe.customers.create())) instanceof Stripe.errors.StripeRateLimitError);
  await stripe.customers.create();
});

test('above the rate limit the answer is 429, until the limit is lifted', async (t) => {
  const { stripe, control } = await start(t, { rate_limit_per_s: 0 });
  assert.equal((await refusal(stripe.balance.retrieve())).statusCode, 429);
  assert.deepEqual(await control('GET', '/calls'), { 'rate limited': 1 });
  await control('POST', '/rate_limit', { per_s: null });
  await stripe.balance.retrieve();
});

test('a rate limit lets so many requests through in any second', () => {
  let now_ms = 0;
  const limiter = createLimiter(2, () => now_ms);
  const takes = [0, 400, 900, 1_000, 1_300, 1_401].map((at_ms) => {
    now_ms = at_ms;
    return limiter.take();
  });
  assert.deepEqual(takes, [true, true, false, true, false, true]);
});

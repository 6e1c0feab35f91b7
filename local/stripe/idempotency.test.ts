import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pay, refusal, sdk, start } from './testing.ts';

test('the same key gives the first answer again, marked as replayed, and has no second effect', async (t) => {
  const { stripe } = await start(t);
  const { charge } = await pay(stripe);
  const first = await stripe.refunds.create({ charge, amount: 100 }, { idempotencyKey: 'k1' });
  const second = await stripe.refunds.create({ charge, amount: 100 }, { idempotencyKey: 'k1' });
  assert.deepEqual({ ...second }, { ...first });
  assert.equal(first.lastResponse.headers['idempotent-replayed'], undefined);
  assert.equal(second.lastResponse.headers['idempotent-replayed'], 'true');
  assert.equal(second.lastResponse.headers['original-request'], first.lastResponse.requestId);
  assert.notEqual(second.lastResponse.requestId, first.lastResponse.requestId);
  assert.equal((await stripe.refunds.list()).data.length, 1);
});

test('the stored answer is what was answered then, not what is so now', async (t) => {
  const { stripe, control } = await start(t);
  const { charge } = await pay(stripe);
  const first = await stripe.refunds.create({ charge, amount: 6_601 }, { idempotencyKey: 'k' });
  await control('POST', '/clock', { advance: 3_600 });
  assert.equal((await stripe.refunds.retrieve(first.id)).status, 'succeeded');
  assert.equal(
    (await stripe.refunds.create({ charge, amount: 6_601 }, { idempotencyKey: 'k' })).status,
    'pending',
  );
});

test('the same key with other parameters, or on another route, is a 400 idempotency_error', async (t) => {
  const { stripe } = await start(t);
  const { charge } = await pay(stripe);
  await stripe.refunds.create({ charge, amount: 100 }, { idempotencyKey: 'k' });
  const other = await refusal(stripe.refunds.create({ charge, amount: 200 }, { idempotencyKey: 'k' }));
  assert.deepEqual(
    [other.type, other.statusCode, other.rawType],
    ['StripeIdempotencyError', 400, 'idempotency_error'],
  );
  assert.match(
    other.message,
    /^Keys for idempotent requests can only be used with the same parameters they were first used with/,
  );
  const elsewhere = await refusal(stripe.customers.create({}, { idempotencyKey: 'k' }));
  assert.match(
    elsewhere.message,
    /only be used for the same endpoint .*'\/v1\/customers' vs '\/v1\/refunds'/,
  );
});

test('parameters in another order are the same parameters', async (t) => {
  const { request } = await start(t);
  const headers = { 'idempotency-key': 'k' };
  const one = await request('POST', '/v1/customers', {
    body: 'name=Ada&metadata[a]=1&metadata[b]=2',
    headers,
  });
  const two = await request('POST', '/v1/customers', {
    body: 'metadata[b]=2&metadata[a]=1&name=Ada',
    headers,
  });
  assert.equal(two.status, 200);
  assert.equal(two.body.id, one.body.id);
});

test('a refusal by the endpoint is kept; a refusal of the parameters is not', async (t) => {
  const { stripe, control, request } = await start(t);
  const { charge } = await pay(stripe, { payment_method: 'pm_card_refundFail' });
  await stripe.refunds.create({ charge });
  const refused = await refusal(stripe.refunds.create({ charge, amount: 5 }, { idempotencyKey: 'kept' }));
  assert.equal(refused.code, 'charge_already_refunded');
  await control('POST', '/clock', { advance: 3_600 });
  const again = await refusal(stripe.refunds.create({ charge, amount: 5 }, { idempotencyKey: 'kept' }));
  assert.equal(again.code, 'charge_already_refunded');
  assert.equal(again.headers?.['idempotent-replayed'], 'true');

  const headers = { 'idempotency-key': 'free' };
  const wrong = await request('POST', '/v1/refunds', { body: `charge=${charge}&amount=x`, headers });
  assert.equal(wrong.status, 400);
  const right = await request('POST', '/v1/refunds', { body: `charge=${charge}&amount=5`, headers });
  assert.equal(right.status, 200);
});

test('a decline is kept too: the key never charges a second time', async (t) => {
  const { stripe } = await start(t);
  const params = { amount: 100, currency: 'usd', payment_method: 'pm_card_chargeDeclined', confirm: true };
  const first = await refusal(stripe.paymentIntents.create(params, { idempotencyKey: 'k' }));
  const second = await refusal(stripe.paymentIntents.create(params, { idempotencyKey: 'k' }));
  assert.equal(second.payment_intent?.id, first.payment_intent?.id);
  assert.equal((await stripe.charges.list()).data.length, 1);
});

test('while the first request with a key is under way, a second one is a 409', async (t) => {
  const { standIn, stripe } = await start(t);
  const { charge } = await pay(stripe);
  standIn.faults.add({ kind: 'slow', route: '/v1/refunds', ms: 300, times: 1 });
  const first = stripe.refunds.create({ charge, amount: 100 }, { idempotencyKey: 'k' });
  while (standIn.calls.get('POST /v1/refunds') !== 1) await new Promise((resolve) => setImmediate(resolve));
  const second = await refusal(stripe.refunds.create({ charge, amount: 100 }, { idempotencyKey: 'k' }));
  assert.deepEqual(
    [second.type, second.statusCode, second.code],
    ['StripeAPIError', 409, 'idempotency_key_in_use'],
  );
  const refund = await first;
  assert.equal((await stripe.refunds.create({ charge, amount: 100 }, { idempotencyKey: 'k' })).id, refund.id);
});

test('a key is forgotten after 24 hours: then it makes a second refund', async (t) => {
  const { stripe, control } = await start(t);
  const { charge } = await pay(stripe);
  const first = await stripe.refunds.create({ charge, amount: 100 }, { idempotencyKey: 'k' });
  await control('POST', '/clock', { advance: 86_399 });
  assert.equal((await stripe.refunds.create({ charge, amount: 100 }, { idempotencyKey: 'k' })).id, first.id);
  await control('POST', '/clock', { advance: 1 });
  const second = await stripe.refunds.create({ charge, amount: 100 }, { idempotencyKey: 'k' });
  assert.notEqual(second.id, first.id);
  await control('POST', '/clock', { advance: 86_400 });
  assert.deepEqual(await control('POST', '/prune'), { keys: 1 + 1, events: 0 });
});

test("the SDK's own retries after a lost answer make one refund", async (t) => {
  const { standIn, stripe } = await start(t);
  const { charge } = await pay(stripe);
  const retrying = sdk(standIn, { maxNetworkRetries: 2 });
  standIn.faults.add({ kind: 'reset_after', route: '/v1/refunds', times: 1 });
  const refund = await retrying.refunds.create({ charge, amount: 100 });
  assert.equal(refund.lastResponse.headers['idempotent-replayed'], 'true');
  assert.equal((await stripe.refunds.list()).data.length, 1);
});

test('a key longer than 255 characters is a 400', async (t) => {
  const { stripe } = await start(t);
  assert.equal(
    (await refusal(stripe.customers.create({}, { idempotencyKey: 'k'.repeat(256) }))).statusCode,
    400,
  );
});

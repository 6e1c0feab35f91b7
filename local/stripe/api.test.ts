import assert from 'node:assert/strict';
import { test } from 'node:test';
import Stripe from 'stripe';
import { startStripe } from './server.ts';
import { pay, refusal, start, TEST_KEY } from './testing.ts';

type ErrorBody = {
  type: string;
  code?: string;
  param?: string;
  message: string;
  doc_url?: string;
  request_log_url?: string;
};

test('a wrong key is a 401 that does not repeat the key, and no key is a 401 that says how to send one', async (t) => {
  const { standIn, request } = await start(t);
  const stranger = new Stripe('sk_test_wrong0123456789abcd', {
    host: standIn.host,
    port: standIn.port,
    protocol: 'http',
    maxNetworkRetries: 0,
  });
  const refused = await refusal(stranger.balance.retrieve());
  assert.deepEqual([refused.type, refused.statusCode], ['StripeAuthenticationError', 401]);
  assert.match(refused.message, /^Invalid API Key provided: sk_test_\*+abcd$/);
  const none = await request('GET', '/v1/balance', { key: null });
  assert.equal(none.status, 401);
  assert.equal(none.headers.get('www-authenticate'), 'Basic realm="Stripe"');
  const control = await request('GET', '/_control/clock', { key: null });
  assert.equal(control.status, 401);
});

test('the key may come by HTTP Basic, as with curl -u', async (t) => {
  const { request } = await start(t);
  const basic = Buffer.from(`${TEST_KEY}:`).toString('base64');
  const answer = await request('GET', '/v1/balance', {
    key: null,
    headers: { authorization: `Basic ${basic}` },
  });
  assert.equal(answer.status, 200);
});

test('a key that begins with sk_live_ makes everything livemode', async (t) => {
  const standIn = await startStripe({ databaseFile: ':memory:', apiKey: 'sk_live_standin0123456789' });
  t.after(() => standIn.close());
  const stripe = new Stripe('sk_live_standin0123456789', {
    host: standIn.host,
    port: standIn.port,
    protocol: 'http',
  });
  assert.equal((await stripe.customers.create()).livemode, true);
});

test('what the stand-in does not do is a 501 that names the route', async (t) => {
  const { stripe, request } = await start(t);
  const cases: [() => Promise<unknown>, string][] = [
    [() => stripe.charges.create({ amount: 100, currency: 'usd' }), 'POST /v1/charges'],
    [() => stripe.charges.search({ query: "status:'succeeded'" }), 'GET /v1/charges/search'],
    [() => stripe.paymentIntents.search({ query: "status:'succeeded'" }), 'GET /v1/payment_intents/search'],
    [() => stripe.customers.search({ query: "email:'a'" }), 'GET /v1/customers/search'],
    [() => stripe.payouts.list(), 'GET /v1/payouts'],
    [() => stripe.subscriptions.retrieve('sub_1'), 'GET /v1/subscriptions/sub_1'],
    [
      () => stripe.paymentIntents.create({ amount: 100, currency: 'usd', on_behalf_of: 'acct_1' }),
      'on_behalf_of',
    ],
    [
      () =>
        stripe.paymentIntents.create({
          amount: 100,
          currency: 'usd',
          allowed_payment_method_types: ['ideal'],
        }),
      'ideal',
    ],
    [() => stripe.disputes.update('dp_1', { evidence: { receipt: 'file_1' } }), 'evidence[receipt]'],
    [() => stripe.customers.list({ test_clock: 'clock_1' }), 'test_clock'],
    [() => stripe.balance.retrieve({}, { stripeAccount: 'acct_1' }), 'GET /v1/balance'],
  ];
  for (const [call, name] of cases) {
    const refused = await refusal(call());
    assert.equal(refused.statusCode, 501, name);
    assert.ok(refused.message.includes(name), refused.message);
  }
  const method = await request('DELETE', '/v1/refunds/re_1');
  assert.equal(method.status, 501);
  const version = await request('GET', '/v1/balance', { headers: { 'stripe-version': '2020-08-27' } });
  assert.equal(version.status, 501);
});

test('every answer carries a request id; an error carries its links', async (t) => {
  const { stripe, request } = await start(t);
  const good = await stripe.balance.retrieve();
  assert.match(good.lastResponse.requestId, /^req_[0-9A-Za-z]{14}$/);
  assert.equal(good.lastResponse.apiVersion, Stripe.API_VERSION);
  const { headers, body } = await request('GET', '/v1/refunds/re_none');
  const error = body.error as ErrorBody;
  assert.equal(error.type, 'invalid_request_error');
  assert.equal(error.doc_url, 'https://stripe.com/docs/error-codes/resource-missing');
  assert.ok(error.request_log_url?.includes(String(headers.get('request-id'))));
});

test('lists walk forwards and backwards by cursor without losing, repeating or reordering', async (t) => {
  const { stripe, control } = await start(t);
  const ids: string[] = [];
  for (let index = 0; index < 25; index += 1) {
    ids.unshift((await stripe.customers.create()).id);
    // Several in one second: the order must not hang on `created` alone.
    if (index % 4 === 0) await control('POST', '/clock', { advance: 1 });
  }
  const walked: string[] = [];
  for await (const customer of stripe.customers.list({ limit: 7 })) walked.push(customer.id);
  assert.deepEqual(walked, ids);
  const first = await stripe.customers.list({ limit: 10 });
  assert.deepEqual([first.has_more, first.data.length, first.url], [true, 10, '/v1/customers']);
  const last = await stripe.customers.list({ limit: 10, starting_after: ids[19] ?? '' });
  assert.deepEqual([last.has_more, last.data.map((one) => one.id)], [false, ids.slice(20)]);
  const back = await stripe.customers.list({ limit: 5, ending_before: ids[10] ?? '' });
  assert.deepEqual([back.has_more, back.data.map((one) => one.id)], [true, ids.slice(5, 10)]);
  const backwards: string[] = [];
  for await (const customer of stripe.customers.list({ limit: 10, ending_before: ids[24] ?? '' }))
    backwards.push(customer.id);
  assert.deepEqual(backwards, ids.slice(0, 24).reverse());
  assert.equal((await stripe.customers.list()).data.length, 10);
});

test('a limit outside 1 to 100, two cursors or a cursor of nobody is a 400', async (t) => {
  const { request } = await start(t);
  const cases: [string, string | undefined, string][] = [
    ['limit=0', 'parameter_invalid_integer', 'limit'],
    ['limit=-1', 'parameter_invalid_integer', 'limit'],
    ['limit=101', 'parameter_invalid_integer', 'limit'],
    ['limit=1.5', 'parameter_invalid_integer', 'limit'],
    ['limit=abc', 'parameter_invalid_integer', 'limit'],
    ['limit=', 'parameter_invalid_empty', 'limit'],
    ['starting_after=re_none', 'resource_missing', 'starting_after'],
    ['starting_after=re_a&ending_before=re_b', undefined, 'starting_after'],
    ['status=failed', 'parameter_unknown', 'status'],
    ['created[before]=1', 'parameter_unknown', 'created[before]'],
    ['created[gt]=x', 'parameter_invalid_integer', 'created[gt]'],
  ];
  for (const [query, code, param] of cases) {
    const { status, body } = await request('GET', `/v1/refunds?${query}`);
    const error = body.error as ErrorBody;
    assert.deepEqual([status, error.code, error.param], [400, code, param], query);
  }
});

test('expand puts objects in the place of their ids, up to four levels, in answers and in lists', async (t) => {
  const { stripe } = await start(t);
  const customer = await stripe.customers.create({ email: 'ada@example.com' });
  const { intent, charge } = await pay(stripe, { customer: customer.id });
  const refund = await stripe.refunds.create({
    charge,
    amount: 100,
    expand: ['charge.payment_intent.customer'],
  });
  assert.ok(typeof refund.charge === 'object' && typeof refund.charge?.payment_intent === 'object');
  const payer = refund.charge.payment_intent?.customer;
  assert.ok(typeof payer === 'object' && payer !== null && !payer.deleted);
  assert.equal(payer.email, 'ada@example.com');
  const page = await stripe.charges.list({
    expand: ['data.refunds', 'data.balance_transaction', 'data.payment_intent'],
  });
  const [listed] = page.data;
  assert.deepEqual(
    listed?.refunds?.data.map((one) => one.id),
    [refund.id],
  );
  assert.ok(typeof listed?.balance_transaction === 'object');
  assert.equal((await stripe.charges.retrieve(charge)).refunds, undefined);
  const withMethod = await stripe.paymentIntents.retrieve(intent.id, {
    expand: ['payment_method', 'latest_charge'],
  });
  assert.ok(
    typeof withMethod.payment_method === 'object' && withMethod.payment_method?.card?.last4 === '4242',
  );
  const plain = await stripe.paymentMethods.retrieve(withMethod.payment_method.id);
  assert.equal(plain.type, 'card');
  const transaction = await stripe.balanceTransactions.retrieve(String(refund.balance_transaction));
  assert.deepEqual([transaction.type, transaction.amount], ['refund', -100]);
});

test('a property that cannot be expanded, or more than four levels, is a 400', async (t) => {
  const { stripe } = await start(t);
  const { charge } = await pay(stripe);
  const wrong = await refusal(stripe.charges.retrieve(charge, { expand: ['amount'] }));
  assert.match(wrong.message, /This property cannot be expanded \(amount\)/);
  const deep = await refusal(
    stripe.charges.retrieve(charge, {
      expand: ['payment_intent.latest_charge.payment_intent.latest_charge.customer'],
    }),
  );
  assert.match(deep.message, /You cannot expand more than 4 levels/);
});

test('forms are read with brackets, lists and Unicode; JSON is refused', async (t) => {
  const { request } = await start(t);
  const made = await request('POST', '/v1/customers', {
    body: `name=${encodeURIComponent('Zoë 🎈')}&metadata[a%5B]=x&metadata[b]=y&expand[]=default_source`,
  });
  assert.equal(made.status, 400);
  const fine = await request('POST', '/v1/customers', {
    body: `name=${encodeURIComponent('Zoë 🎈')}&metadata[b]=y%26z`,
  });
  assert.deepEqual([fine.status, fine.body.name, fine.body.metadata], [200, 'Zoë 🎈', { b: 'y&z' }]);
  const json = await request('POST', '/v1/customers', {
    body: '{"name":"Ada"}',
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(json.status, 400);
});

test('metadata is limited to 50 keys of 40 characters with values of 500', async (t) => {
  const { stripe } = await start(t);
  const many = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`k${index}`, 'v']));
  for (const metadata of [many, { ['k'.repeat(41)]: 'v' }, { k: 'v'.repeat(501) }]) {
    assert.equal((await refusal(stripe.customers.create({ metadata }))).statusCode, 400);
  }
  const most = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`k${index}`, 'v'.repeat(500)]));
  assert.equal(Object.keys((await stripe.customers.create({ metadata: most })).metadata).length, 50);
});

test('calls are counted per route', async (t) => {
  const { stripe, control } = await start(t);
  await control('DELETE', '/calls');
  const { charge } = await pay(stripe);
  await stripe.charges.retrieve(charge);
  await stripe.charges.retrieve(charge);
  assert.deepEqual(await control('GET', '/calls'), {
    'GET /v1/charges/:id': 2,
    'POST /v1/payment_intents': 1,
  });
});

test('a control call that makes no sense is a 400, not a crash', async (t) => {
  const { stripe, request } = await start(t);
  const { charge } = await pay(stripe);
  const made = await request('POST', '/_control/disputes', {
    body: JSON.stringify({ charge }),
    headers: { 'content-type': 'application/json' },
  });
  const cases: [string, object][] = [
    ['/clock', {}],
    ['/clock', { advance: 'tomorrow' }],
    ['/faults', { kind: 'explode' }],
    ['/webhook_faults', { kind: 'explode' }],
    ['/disputes', {}],
    [`/disputes/${made.body.id}`, { status: 'forgotten' }],
    ['/invoice_payments', {}],
    ['/refunds', {}],
  ];
  for (const [path, body] of cases) {
    const answer = await request('POST', `/_control${path}`, {
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(answer.status, 400, `${path} ${JSON.stringify(body)}`);
  }
});

test('an object can be removed as if Stripe had never known it, while its event stays', async (t) => {
  const { stripe, control } = await start(t);
  const { charge } = await pay(stripe);
  const refund = await stripe.refunds.create({ charge });
  assert.deepEqual(await control('DELETE', `/objects/${refund.id}`), { removed: true });
  assert.equal((await refusal(stripe.refunds.retrieve(refund.id))).statusCode, 404);
  const [event] = (await stripe.events.list({ type: 'refund.created' })).data;
  assert.ok(event?.type === 'refund.created' && event.data.object.id === refund.id);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventTypes, pay, refusal, start } from './testing.ts';

test('a payment intent goes from no method to confirmed to succeeded, with its charge', async (t) => {
  const { stripe } = await start(t);
  const customer = await stripe.customers.create({ email: 'ada@example.com' });
  const open = await stripe.paymentIntents.create({
    amount: 2_000,
    currency: 'EUR',
    customer: customer.id,
    metadata: { order_id: '7' },
  });
  assert.deepEqual(
    [open.status, open.currency, open.latest_charge],
    ['requires_payment_method', 'eur', null],
  );
  const ready = await stripe.paymentIntents.update(open.id, { payment_method: 'pm_card_mastercard' });
  assert.equal(ready.status, 'requires_confirmation');
  const paid = await stripe.paymentIntents.confirm(open.id);
  assert.deepEqual([paid.status, paid.amount_received], ['succeeded', 2_000]);
  const charge = await stripe.charges.retrieve(String(paid.latest_charge));
  assert.deepEqual(
    [
      charge.amount,
      charge.paid,
      charge.captured,
      charge.customer,
      charge.metadata.order_id,
      charge.payment_method_details?.card?.brand,
    ],
    [2_000, true, true, customer.id, '7', 'mastercard'],
  );
  assert.deepEqual(await eventTypes(stripe), [
    'customer.created',
    'payment_intent.created',
    'charge.succeeded',
    'payment_intent.succeeded',
  ]);
});

test('a declined card is a 402 whose failed charge and payment intent are kept', async (t) => {
  const { stripe } = await start(t);
  const refused = await refusal(
    pay(stripe, { payment_method: 'pm_card_visa_chargeDeclinedInsufficientFunds' }),
  );
  assert.deepEqual(
    [refused.type, refused.statusCode, refused.code, refused.decline_code],
    ['StripeCardError', 402, 'card_declined', 'insufficient_funds'],
  );
  const intent = await stripe.paymentIntents.retrieve(refused.payment_intent?.id ?? '');
  assert.deepEqual(
    [intent.status, intent.last_payment_error?.decline_code],
    ['requires_payment_method', 'insufficient_funds'],
  );
  const charge = await stripe.charges.retrieve(String(intent.latest_charge));
  assert.deepEqual([charge.status, charge.paid, charge.failure_code], ['failed', false, 'card_declined']);
  assert.deepEqual((await eventTypes(stripe)).slice(-2), ['charge.failed', 'payment_intent.payment_failed']);
  const again = await stripe.paymentIntents.confirm(intent.id, { payment_method: 'pm_card_visa' });
  assert.equal(again.status, 'succeeded');
});

test('a card that wants authentication waits for it', async (t) => {
  const { stripe, control } = await start(t);
  const { intent } = await pay(stripe, { payment_method: 'pm_card_authenticationRequired' });
  assert.deepEqual([intent.status, intent.latest_charge], ['requires_action', null]);
  await control('POST', `/payment_intents/${intent.id}/complete_action`, { passed: true });
  assert.equal((await stripe.paymentIntents.retrieve(intent.id)).status, 'succeeded');
  const failing = await pay(stripe, { payment_method: 'pm_card_authenticationRequired' });
  await control('POST', `/payment_intents/${failing.intent.id}/complete_action`, { passed: false });
  assert.equal((await stripe.paymentIntents.retrieve(failing.intent.id)).status, 'requires_payment_method');
});

test('an authorization is captured in part, and only what was captured can be refunded', async (t) => {
  const { stripe } = await start(t);
  const { intent, charge } = await pay(stripe, { capture_method: 'manual' });
  assert.deepEqual([intent.status, intent.amount_capturable], ['requires_capture', 10_000]);
  const tooMuch = await refusal(stripe.paymentIntents.capture(intent.id, { amount_to_capture: 10_001 }));
  assert.equal(tooMuch.code, 'amount_too_large');
  const captured = await stripe.paymentIntents.capture(intent.id, { amount_to_capture: 7_000 });
  assert.deepEqual([captured.status, captured.amount_received], ['succeeded', 7_000]);
  assert.equal((await stripe.charges.retrieve(charge)).amount_captured, 7_000);
  assert.equal((await refusal(stripe.refunds.create({ charge, amount: 7_001 }))).param, 'amount');
  assert.equal((await stripe.refunds.create({ charge })).amount, 7_000);
  const again = await refusal(stripe.paymentIntents.capture(intent.id));
  assert.equal(again.code, 'payment_intent_unexpected_state');
});

test('a payment intent is canceled before it takes money, and not after', async (t) => {
  const { stripe } = await start(t);
  const held = await pay(stripe, { capture_method: 'manual' });
  const canceled = await stripe.paymentIntents.cancel(held.intent.id, {
    cancellation_reason: 'requested_by_customer',
  });
  assert.deepEqual([canceled.status, canceled.cancellation_reason], ['canceled', 'requested_by_customer']);
  assert.equal((await stripe.charges.retrieve(held.charge)).refunded, true);
  const paid = await pay(stripe);
  assert.equal(
    (await refusal(stripe.paymentIntents.cancel(paid.intent.id))).code,
    'payment_intent_unexpected_state',
  );
});

test('metadata of a payment intent and of a charge can be changed; the charge says so', async (t) => {
  const { stripe } = await start(t);
  const { intent, charge } = await pay(stripe, { metadata: { a: '1', b: '2' } });
  assert.deepEqual((await stripe.paymentIntents.update(intent.id, { metadata: { a: '' } })).metadata, {
    b: '2',
  });
  const changed = await stripe.charges.update(charge, { metadata: { c: '3' }, description: 'Order 7' });
  assert.deepEqual([changed.metadata, changed.description], [{ a: '1', b: '2', c: '3' }, 'Order 7']);
  assert.equal((await eventTypes(stripe)).at(-1), 'charge.updated');
});

test('payment intents and charges are listed by customer, payment intent and time', async (t) => {
  const { stripe, control } = await start(t);
  const ada = await stripe.customers.create();
  const bob = await stripe.customers.create();
  const first = await pay(stripe, { customer: ada.id });
  await control('POST', '/clock', { advance: 5 });
  const second = await pay(stripe, { customer: ada.id });
  const third = await pay(stripe, { customer: bob.id });
  const intents = async (params: Parameters<typeof stripe.paymentIntents.list>[0]) =>
    (await stripe.paymentIntents.list(params)).data.map((one) => one.id);
  const charges = async (params: Parameters<typeof stripe.charges.list>[0]) =>
    (await stripe.charges.list(params)).data.map((one) => one.id);
  assert.deepEqual(await intents({ customer: ada.id }), [second.intent.id, first.intent.id]);
  assert.deepEqual(await intents({ created: { lt: second.intent.created } }), [first.intent.id]);
  assert.deepEqual(await charges({ customer: bob.id }), [third.charge]);
  assert.deepEqual(await charges({ payment_intent: first.intent.id }), [first.charge]);
  assert.deepEqual(await charges({ created: { gt: first.intent.created } }), [third.charge, second.charge]);
});

test("a subscription's payment is found through its invoice payment", async (t) => {
  const { stripe, control } = await start(t);
  const customer = await stripe.customers.create({ email: 'ada@example.com' });
  const { intent } = await pay(stripe, { customer: customer.id });
  const other = await pay(stripe);
  const made = await control('POST', '/invoice_payments', {
    payment_intent: intent.id,
    subscription: 'sub_123',
  });
  assert.equal((await eventTypes(stripe)).at(-1), 'invoice_payment.paid');
  const page = await stripe.invoicePayments.list({
    payment: { type: 'payment_intent', payment_intent: intent.id },
    expand: ['data.invoice', 'data.payment.payment_intent'],
  });
  const [payment] = page.data;
  assert.ok(payment !== undefined && typeof payment.invoice === 'object' && 'parent' in payment.invoice);
  assert.equal(payment.id, made.id);
  assert.equal(payment.invoice.parent?.subscription_details?.subscription, 'sub_123');
  assert.equal(
    typeof payment.payment.payment_intent === 'object' && payment.payment.payment_intent.id,
    intent.id,
  );
  const none = await stripe.invoicePayments.list({
    payment: { type: 'payment_intent', payment_intent: other.intent.id },
  });
  assert.deepEqual(none.data, []);
  assert.equal((await stripe.invoicePayments.list({ status: 'paid', created: { gte: 1 } })).data.length, 1);
  const retrieved = await stripe.invoicePayments.retrieve(payment.id);
  assert.equal(retrieved.amount_paid, 10_000);
  assert.equal((await stripe.invoices.retrieve(String(retrieved.invoice))).status, 'paid');
});

test('customers are created, changed, listed by e-mail, and leave a trace when deleted', async (t) => {
  const { stripe } = await start(t);
  const customer = await stripe.customers.create({
    email: 'ada@example.com',
    name: 'Ada',
    metadata: { a: '1' },
  });
  await stripe.customers.create({ email: 'bob@example.com' });
  assert.deepEqual(
    (await stripe.customers.list({ email: 'ada@example.com' })).data.map((one) => one.id),
    [customer.id],
  );
  const changed = await stripe.customers.update(customer.id, {
    email: 'ada@example.org',
    metadata: { a: '' },
  });
  assert.deepEqual([changed.email, changed.metadata], ['ada@example.org', {}]);
  assert.deepEqual((await stripe.customers.list({ email: 'ada@example.com' })).data, []);
  const { charge } = await pay(stripe, { customer: customer.id });
  assert.deepEqual(await stripe.customers.del(customer.id), {
    id: customer.id,
    object: 'customer',
    deleted: true,
  });
  const gone = await stripe.customers.retrieve(customer.id);
  assert.equal(gone.deleted, true);
  const expanded = await stripe.charges.retrieve(charge, { expand: ['customer'] });
  assert.deepEqual(expanded.customer, { id: customer.id, object: 'customer', deleted: true });
  assert.equal((await stripe.customers.list()).data.length, 1);
  assert.equal((await refusal(pay(stripe, { customer: customer.id }))).code, 'resource_missing');
  assert.ok((await eventTypes(stripe)).includes('customer.deleted'));
});

test('an amount, a currency, a customer or a method that cannot be is refused with its parameter', async (t) => {
  const { stripe } = await start(t);
  const cases: [Parameters<typeof pay>[1], string | undefined, string][] = [
    [{ amount: 0 }, 'parameter_invalid_integer', 'amount'],
    [{ currency: 'xxy' }, undefined, 'currency'],
    [{ customer: 'cus_nobody' }, 'resource_missing', 'customer'],
    [{ payment_method: 'pm_nothing' }, 'resource_missing', 'payment_method'],
  ];
  for (const [params, code, param] of cases) {
    const refused = await refusal(pay(stripe, params));
    assert.deepEqual([refused.statusCode, refused.code, refused.param], [400, code, param]);
  }
  const number = await refusal(
    stripe.paymentMethods.create({
      type: 'card',
      card: { number: '4111111111111112', exp_month: 1, exp_year: 2034 },
    }),
  );
  assert.deepEqual([number.statusCode, number.code], [402, 'incorrect_number']);
});

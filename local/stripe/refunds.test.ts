import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventTypes, pay, refusal, start } from './testing.ts';

test('a refund without an amount gives back all that is left', async (t) => {
  const { stripe } = await start(t);
  const { intent, charge } = await pay(stripe);
  await stripe.refunds.create({ charge, amount: 2_500 });
  const rest = await stripe.refunds.create({ payment_intent: intent.id });
  assert.equal(rest.amount, 7_500);
  assert.equal(rest.charge, charge);
  assert.equal(rest.payment_intent, intent.id);
  const after = await stripe.charges.retrieve(charge);
  assert.deepEqual([after.amount_refunded, after.refunded], [10_000, true]);
});

test("more than is left is a 400 about amount, without a code, in Stripe's sentence", async (t) => {
  const { stripe } = await start(t);
  const { charge } = await pay(stripe);
  const whole = await refusal(stripe.refunds.create({ charge, amount: 10_001 }));
  assert.deepEqual(
    [whole.type, whole.statusCode, whole.code, whole.param, whole.message],
    [
      'StripeInvalidRequestError',
      400,
      undefined,
      'amount',
      'Refund amount ($100.01) is greater than charge amount ($100.00)',
    ],
  );
  await stripe.refunds.create({ charge, amount: 4_000 });
  const rest = await refusal(stripe.refunds.create({ charge, amount: 6_001 }));
  assert.equal(rest.message, 'Refund amount ($60.01) is greater than unrefunded amount on charge ($60.00)');
  assert.equal((await stripe.charges.retrieve(charge)).amount_refunded, 4_000);
});

test('an amount in a currency without decimals is written without them', async (t) => {
  const { stripe } = await start(t);
  const { charge } = await pay(stripe, { amount: 5_800, currency: 'jpy' });
  const refused = await refusal(stripe.refunds.create({ charge, amount: 6_000 }));
  assert.equal(refused.message, 'Refund amount (¥6,000) is greater than charge amount (¥5,800)');
});

test('two concurrent refunds of more than half leave one refused', async (t) => {
  const { stripe } = await start(t);
  const { charge } = await pay(stripe);
  const results = await Promise.allSettled([
    stripe.refunds.create({ charge, amount: 6_000 }),
    stripe.refunds.create({ charge, amount: 6_000 }),
  ]);
  assert.deepEqual(results.map((one) => one.status).sort(), ['fulfilled', 'rejected']);
});

test('a charge that is refunded wholly is refused with charge_already_refunded', async (t) => {
  const { stripe } = await start(t);
  const { charge } = await pay(stripe);
  await stripe.refunds.create({ charge });
  const refused = await refusal(stripe.refunds.create({ charge, amount: 1 }));
  assert.deepEqual([refused.statusCode, refused.code], [400, 'charge_already_refunded']);
});

test('a payment that took no money cannot be refunded', async (t) => {
  const { stripe } = await start(t);
  const open = await stripe.paymentIntents.create({ amount: 1_000, currency: 'usd' });
  const unpaid = await refusal(stripe.refunds.create({ payment_intent: open.id }));
  assert.match(unpaid.message, /does not have a successful charge to refund/);
  await refusal(pay(stripe, { payment_method: 'pm_card_chargeDeclined' }));
  const [failed] = (await stripe.charges.list()).data;
  const declined = await refusal(stripe.refunds.create({ charge: failed?.id ?? '' }));
  assert.match(declined.message, /does not have a successful charge to refund/);
  const { charge } = await pay(stripe, { capture_method: 'manual' });
  assert.equal((await refusal(stripe.refunds.create({ charge }))).code, 'charge_not_refundable');
});

test('magic amounts refuse a refund for want of balance, or because the charge is not refundable', async (t) => {
  const { stripe } = await start(t);
  const { charge } = await pay(stripe);
  assert.equal(
    (await refusal(stripe.refunds.create({ charge, amount: 6_607 }))).code,
    'balance_insufficient',
  );
  assert.equal(
    (await refusal(stripe.refunds.create({ charge, amount: 6_608 }))).code,
    'charge_not_refundable',
  );
});

test('a refund says so in refund.created and charge.refunded, and the charge carries its previous sum', async (t) => {
  const { stripe } = await start(t);
  const { charge } = await pay(stripe);
  const refund = await stripe.refunds.create({ charge, amount: 300 });
  assert.deepEqual((await eventTypes(stripe)).slice(-2), ['refund.created', 'charge.refunded']);
  const { data } = await stripe.events.list({ type: 'charge.refunded' });
  const [event] = data;
  assert.ok(event?.type === 'charge.refunded');
  assert.equal(event.data.object.amount_refunded, 300);
  assert.equal(event.data.object.refunds, undefined);
  assert.equal(event.data.previous_attributes?.amount_refunded, 0);
  const [created] = (await stripe.events.list({ type: 'refund.created' })).data;
  assert.ok(created?.type === 'refund.created');
  assert.equal(created.data.object.id, refund.id);
});

test('the card for pending refunds makes one that succeeds later', async (t) => {
  const { stripe, control } = await start(t);
  const { charge } = await pay(stripe, { payment_method: 'pm_card_pendingRefund' });
  const refund = await stripe.refunds.create({ charge });
  assert.deepEqual([refund.status, refund.pending_reason], ['pending', 'processing']);
  assert.equal((await stripe.charges.retrieve(charge)).refunded, true);
  await control('POST', '/clock', { advance: 61 });
  const settled = await stripe.refunds.retrieve(refund.id);
  assert.deepEqual([settled.status, settled.pending_reason], ['succeeded', undefined]);
  assert.deepEqual((await eventTypes(stripe)).slice(-2), ['refund.updated', 'charge.refund.updated']);
});

test('the card for failing refunds makes one that succeeds, fails later and can be made again', async (t) => {
  const { stripe, control } = await start(t);
  const { charge } = await pay(stripe, { payment_method: 'pm_card_refundFail' });
  const refund = await stripe.refunds.create({ charge, amount: 4_000 });
  assert.equal(refund.status, 'succeeded');
  await control('POST', '/clock', { advance: 121 });
  const failed = await stripe.refunds.retrieve(refund.id);
  assert.deepEqual([failed.status, failed.failure_reason], ['failed', 'expired_or_canceled_card']);
  assert.equal(typeof failed.failure_balance_transaction, 'string');
  const after = await stripe.charges.retrieve(charge);
  assert.deepEqual([after.amount_refunded, after.refunded], [0, false]);
  assert.deepEqual((await eventTypes(stripe)).slice(-3), [
    'refund.updated',
    'charge.refund.updated',
    'refund.failed',
  ]);
  assert.equal((await stripe.refunds.create({ charge })).amount, 10_000);
});

test('the test cards can be named by their numbers through a PaymentMethod', async (t) => {
  const { stripe } = await start(t);
  const method = await stripe.paymentMethods.create({
    type: 'card',
    card: { number: '4000000000007726', exp_month: 12, exp_year: 2034, cvc: '123' },
  });
  const { charge } = await pay(stripe, { payment_method: method.id });
  assert.equal((await stripe.refunds.create({ charge })).status, 'pending');
});

const MAGIC: [number, string, string | null][] = [
  [6_601, 'pending', 'succeeded'],
  [6_602, 'failed', null],
  [6_603, 'succeeded', 'failed'],
  [6_604, 'requires_action', null],
  [6_605, 'pending', null],
  [6_606, 'pending', 'failed'],
];
for (const [amount, first, later] of MAGIC) {
  test(`a refund of ${amount} is ${first}${later === null ? ' and stays so' : `, and ${later} later`}`, async (t) => {
    const { stripe, control } = await start(t);
    const { charge } = await pay(stripe);
    const refund = await stripe.refunds.create({ charge, amount });
    assert.equal(refund.status, first);
    const counted = first === 'failed' ? 0 : amount;
    assert.equal((await stripe.charges.retrieve(charge)).amount_refunded, counted);
    await control('POST', '/clock', { advance: 86_400 });
    const after = await stripe.refunds.retrieve(refund.id);
    assert.equal(after.status, later ?? first);
    const left = after.status === 'failed' ? 0 : amount;
    assert.equal((await stripe.charges.retrieve(charge)).amount_refunded, left);
  });
}

test('a refund that wants action says what the customer was told, and can be canceled', async (t) => {
  const { stripe } = await start(t);
  const { charge } = await pay(stripe);
  const refund = await stripe.refunds.create({
    charge,
    amount: 6_604,
    instructions_email: 'payer@example.com',
  });
  assert.equal(refund.next_action?.display_details?.email_sent.email_sent_to, 'payer@example.com');
  const canceled = await stripe.refunds.cancel(refund.id);
  assert.deepEqual([canceled.status, canceled.next_action], ['canceled', undefined]);
  assert.equal((await stripe.charges.retrieve(charge)).amount_refunded, 0);
  assert.equal((await stripe.refunds.create({ charge })).amount, 10_000);
});

test('a refund in any other status cannot be canceled', async (t) => {
  const { stripe } = await start(t);
  const { charge } = await pay(stripe);
  const refund = await stripe.refunds.create({ charge, amount: 100 });
  assert.equal((await refusal(stripe.refunds.cancel(refund.id))).statusCode, 400);
  assert.equal((await stripe.refunds.retrieve(refund.id)).status, 'succeeded');
});

test('the acquirer reference number arrives days later, as refund.updated', async (t) => {
  const { stripe, control } = await start(t);
  const { charge } = await pay(stripe);
  const refund = await stripe.refunds.create({ charge });
  assert.deepEqual(refund.destination_details?.card, {
    reference_status: 'pending',
    reference_type: 'acquirer_reference_number',
    type: 'refund',
  });
  await control('POST', '/clock', { advance: 3 * 86_400 });
  const later = await stripe.refunds.retrieve(refund.id);
  assert.match(later.destination_details?.card?.reference ?? '', /^\d{23}$/);
  assert.equal(later.destination_details?.card?.reference_status, 'available');
  const [event] = (await stripe.events.list({ type: 'refund.updated' })).data;
  assert.ok(event?.type === 'refund.updated');
  assert.deepEqual(event.data.previous_attributes, {
    destination_details: { card: { reference: null, reference_status: 'pending' } },
  });
  assert.ok((await eventTypes(stripe)).includes('refund.updated'));
});

test('metadata is set, kept, unset by an empty value and cleared as a whole', async (t) => {
  const { stripe } = await start(t);
  const { charge } = await pay(stripe);
  const refund = await stripe.refunds.create({ charge, metadata: { order: '1', note: 'a' } });
  const changed = await stripe.refunds.update(refund.id, { metadata: { note: '', by: 'support' } });
  assert.deepEqual(changed.metadata, { order: '1', by: 'support' });
  const [event] = (await stripe.events.list({ type: 'refund.updated' })).data;
  assert.ok(event?.type === 'refund.updated');
  assert.deepEqual(event.data.previous_attributes, { metadata: { note: 'a', by: null } });
  assert.deepEqual((await stripe.refunds.update(refund.id, { metadata: '' })).metadata, {});
});

test('refunds are listed by charge, by payment intent and by time, newest first', async (t) => {
  const { stripe, control } = await start(t);
  const one = await pay(stripe);
  const other = await pay(stripe);
  const first = await stripe.refunds.create({ charge: one.charge, amount: 100 });
  await control('POST', '/clock', { advance: 10 });
  const second = await stripe.refunds.create({ charge: one.charge, amount: 200 });
  const third = await stripe.refunds.create({ charge: other.charge, amount: 300 });
  const ids = async (params: Parameters<typeof stripe.refunds.list>[0]) =>
    (await stripe.refunds.list(params)).data.map((refund) => refund.id);
  assert.deepEqual(await ids({ charge: one.charge }), [second.id, first.id]);
  assert.deepEqual(await ids({ payment_intent: other.intent.id }), [third.id]);
  assert.deepEqual(await ids({ created: { lt: second.created } }), [first.id]);
  assert.deepEqual(await ids({ created: second.created }), [third.id, second.id]);
  assert.deepEqual(await ids({ created: { gte: first.created, lte: first.created } }), [first.id]);
  assert.equal((await refusal(stripe.refunds.list({ charge: 'ch_nobody' }))).code, 'resource_missing');
});

test('the parameters of a refund are checked as Stripe checks them', async (t) => {
  const { stripe, request } = await start(t);
  const { charge } = await pay(stripe);
  const post = async (body: string) => {
    const answer = await request('POST', '/v1/refunds', { body });
    return {
      status: answer.status,
      ...(answer.body.error as { code?: string; param?: string; message: string }),
    };
  };
  const cases: [string, string | undefined, string | undefined][] = [
    ['', 'parameter_missing', undefined],
    [`charge=${charge}&amount=0`, 'parameter_invalid_integer', 'amount'],
    [`charge=${charge}&amount=-5`, 'parameter_invalid_integer', 'amount'],
    [`charge=${charge}&amount=1.5`, 'parameter_invalid_integer', 'amount'],
    [`charge=${charge}&amount=`, 'parameter_invalid_empty', 'amount'],
    [`charge=${charge}&ammount=5`, 'parameter_unknown', 'ammount'],
    [`charge=${charge}&reason=because`, undefined, 'reason'],
    [`charge=ch_nobody`, 'resource_missing', 'charge'],
    [`payment_intent=pi_nobody`, 'resource_missing', 'payment_intent'],
  ];
  for (const [body, code, param] of cases) {
    const answer = await post(body);
    assert.deepEqual([answer.status, answer.code, answer.param], [400, code, param], body);
  }
  const missing = await refusal(stripe.refunds.retrieve('re_nobody'));
  assert.deepEqual(
    [missing.statusCode, missing.code, missing.message],
    [404, 'resource_missing', "No such refund: 're_nobody'"],
  );
  const unsupported = await post(`charge=${charge}&reverse_transfer=true`);
  assert.equal(unsupported.status, 501);
  assert.match(unsupported.message, /POST \/v1\/refunds .*reverse_transfer/);
});

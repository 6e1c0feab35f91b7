import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventTypes, pay, refusal, start } from './testing.ts';

test('a disputing card opens a dispute soon after the payment, which forbids refunds', async (t) => {
  const { stripe, control } = await start(t);
  const { charge } = await pay(stripe, { payment_method: 'pm_card_createDispute' });
  await control('POST', '/clock', { advance: 3 });
  const { data } = await stripe.disputes.list({ charge });
  const [dispute] = data;
  assert.deepEqual(
    [dispute?.status, dispute?.reason, dispute?.amount, dispute?.is_charge_refundable],
    ['needs_response', 'fraudulent', 10_000, false],
  );
  assert.equal((await stripe.charges.retrieve(charge)).disputed, true);
  const refused = await refusal(stripe.refunds.create({ charge }));
  assert.deepEqual(
    [refused.statusCode, refused.code, refused.message],
    [400, 'charge_disputed', `Charge ${charge} has been charged back; cannot issue a refund.`],
  );
  assert.deepEqual((await eventTypes(stripe)).slice(-2), [
    'charge.dispute.created',
    'charge.dispute.funds_withdrawn',
  ]);
});

test('an inquiry can be refunded until it becomes a dispute', async (t) => {
  const { stripe, control } = await start(t);
  const { charge } = await pay(stripe, { payment_method: 'pm_card_createDisputeInquiry' });
  await control('POST', '/clock', { advance: 3 });
  const [inquiry] = (await stripe.disputes.list({ charge })).data;
  assert.ok(inquiry !== undefined);
  assert.deepEqual([inquiry.status, inquiry.is_charge_refundable], ['warning_needs_response', true]);
  assert.equal((await stripe.charges.retrieve(charge)).disputed, true);
  assert.equal((await stripe.refunds.create({ charge, amount: 100 })).status, 'succeeded');
  await control('POST', `/disputes/${inquiry.id}`, { status: 'needs_response' });
  assert.equal((await refusal(stripe.refunds.create({ charge, amount: 100 }))).code, 'charge_disputed');
  const types = await eventTypes(stripe);
  assert.deepEqual(types.slice(-2), ['charge.dispute.funds_withdrawn', 'charge.dispute.updated']);
});

test('a dispute may be larger than its charge, and takes that much from the balance', async (t) => {
  const { stripe, control } = await start(t);
  const { charge } = await pay(stripe);
  const before = (await stripe.balance.retrieve()).available[0]?.amount ?? 0;
  const dispute = await control('POST', '/disputes', { charge, amount: 12_345 });
  assert.equal(dispute.amount, 12_345);
  const after = (await stripe.balance.retrieve()).available[0]?.amount ?? 0;
  assert.equal(before - after, 12_345 + 1_500);
});

test('a won dispute gives the money back and closes', async (t) => {
  const { stripe, control } = await start(t);
  const { charge } = await pay(stripe);
  const dispute = await control('POST', '/disputes', { charge });
  await stripe.disputes.update(String(dispute.id), {
    evidence: { product_description: 'A book' },
    submit: true,
  });
  assert.equal((await stripe.disputes.retrieve(String(dispute.id))).status, 'under_review');
  await control('POST', `/disputes/${dispute.id}`, { status: 'won' });
  const won = await stripe.disputes.retrieve(String(dispute.id));
  assert.deepEqual(
    [won.status, won.balance_transactions.map((one) => one.amount)],
    ['won', [-10_000, 10_000]],
  );
  assert.deepEqual((await eventTypes(stripe)).slice(-2), [
    'charge.dispute.funds_reinstated',
    'charge.dispute.closed',
  ]);
});

test('closing a dispute accepts that it is lost, once', async (t) => {
  const { stripe, control } = await start(t);
  const { charge } = await pay(stripe);
  const dispute = await control('POST', '/disputes', { charge });
  assert.equal((await stripe.disputes.close(String(dispute.id))).status, 'lost');
  assert.equal((await refusal(stripe.disputes.close(String(dispute.id)))).statusCode, 400);
  assert.equal((await refusal(stripe.refunds.create({ charge }))).code, 'charge_disputed');
});

test('a dispute stops refunds that are still pending', async (t) => {
  const { stripe, control } = await start(t);
  const { charge } = await pay(stripe);
  const refund = await stripe.refunds.create({ charge, amount: 6_605 });
  await control('POST', '/disputes', { charge });
  const after = await stripe.refunds.retrieve(refund.id);
  assert.deepEqual([after.status, after.failure_reason], ['failed', 'charge_for_pending_refund_disputed']);
});

test('disputes are listed by charge, payment intent and time', async (t) => {
  const { stripe, control } = await start(t);
  const one = await pay(stripe);
  const other = await pay(stripe);
  const first = await control('POST', '/disputes', { charge: one.charge, inquiry: true });
  const second = await control('POST', '/disputes', { charge: other.charge });
  const ids = async (params: Parameters<typeof stripe.disputes.list>[0]) =>
    (await stripe.disputes.list(params)).data.map((dispute) => dispute.id);
  assert.deepEqual(await ids({}), [second.id, first.id]);
  assert.deepEqual(await ids({ charge: one.charge }), [first.id]);
  assert.deepEqual(await ids({ payment_intent: other.intent.id }), [second.id]);
  assert.deepEqual(await ids({ created: { gt: Number(second.created) } }), []);
});

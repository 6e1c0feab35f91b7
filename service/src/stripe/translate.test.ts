import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type Stripe from 'stripe';
import {
  isRelease,
  observedDispute,
  observedInvoice,
  observedPayment,
  observedRefund,
  withLatestCharge,
} from './translate.ts';

/** Stripe's own sample objects, from its OpenAPI repository. */
interface Samples {
  charge: Stripe.Charge;
  payment_intent: Stripe.PaymentIntent;
  refund: Stripe.Refund;
  dispute: Stripe.Dispute;
  invoice: Stripe.Invoice;
  invoice_payment: Stripe.InvoicePayment;
}
const samples = JSON.parse(
  readFileSync(new URL('./translate.fixture.json', import.meta.url), 'utf8'),
) as Samples;

const context = { default_brand: 'house', observed_at: new Date('2026-09-01T00:00:00Z') };
const charge = (changes: Partial<Stripe.Charge> = {}): Stripe.Charge => ({
  ...samples.charge,
  amount: 10_000,
  amount_captured: 10_000,
  captured: true,
  ...changes,
});
const intent = (changes: Partial<Stripe.PaymentIntent> = {}): Stripe.PaymentIntent => ({
  ...samples.payment_intent,
  amount: 10_000,
  status: 'succeeded',
  latest_charge: samples.charge.id,
  ...changes,
});
const payment = (ofIntent: Partial<Stripe.PaymentIntent>, ofCharge: Partial<Stripe.Charge>) =>
  observedPayment({ intent: intent(ofIntent), charge: charge(ofCharge) }, context);
const loneCharge = (changes: Partial<Stripe.Charge>) =>
  observedPayment({ intent: null, charge: charge(changes) }, context);

test("Stripe's own sample of a charge becomes a payment, word for word", () => {
  assert.deepEqual(observedPayment({ intent: null, charge: samples.charge }, context), {
    brand_id: 'house',
    customer_id: 'guest_ch_1PgafuB7WZ01zgkWXYmPNZs8',
    order_id: null,
    subscription_id: null,
    amount_cents: 100,
    currency: 'usd',
    status: 'requires_capture',
    captured_cents: 0,
    stripe_payment_intent_id: null,
    stripe_charge_id: 'ch_1PgafuB7WZ01zgkWXYmPNZs8',
    created_at: new Date('2009-02-13T23:31:30Z'),
    observed_at: context.observed_at,
    payment_method_type: 'card',
    payment_method_brand: 'visa',
    payment_method_last4: '4242',
  });
});

test('with what was paid is told by kind, brand and last digits as far as Stripe says, and never more', () => {
  const paidWith = (details: unknown) => {
    const { payment_method_type, payment_method_brand, payment_method_last4 } = loneCharge({
      payment_method_details: details as Stripe.Charge.PaymentMethodDetails,
    });
    return [payment_method_type, payment_method_brand, payment_method_last4];
  };
  assert.deepEqual(paidWith({ type: 'card', card: { brand: 'amex', last4: '0005' } }), [
    'card',
    'amex',
    '0005',
  ]);
  assert.deepEqual(paidWith({ type: 'card_present', card_present: { brand: 'visa', last4: '4242' } }), [
    'card_present',
    'visa',
    '4242',
  ]);
  assert.deepEqual(paidWith({ type: 'sepa_debit', sepa_debit: { last4: '3000', country: 'DE' } }), [
    'sepa_debit',
    null,
    '3000',
  ]);
  assert.deepEqual(paidWith({ type: 'ideal', ideal: { bank: 'ing', iban_last4: '5264' } }), [
    'ideal',
    null,
    '5264',
  ]);
  assert.deepEqual(paidWith({ type: 'klarna', klarna: { payment_method_category: 'pay_later' } }), [
    'klarna',
    null,
    null,
  ]);
  // What is longer than last digits is no last digits; what belongs to another kind is not looked at.
  assert.deepEqual(paidWith({ type: 'card', card: { brand: 'a b', last4: '4242424242424242' } }), [
    'card',
    null,
    null,
  ]);
  assert.deepEqual(paidWith({ type: 'pix', card: { brand: 'visa', last4: '4242' } }), ['pix', null, null]);
  assert.deepEqual(paidWith({ type: 'card', card: null }), ['card', null, null]);
  for (const nothing of [null, {}, { type: '' }, { type: 'x'.repeat(65) }])
    assert.deepEqual(paidWith(nothing), [null, null, null]);
});

test("Stripe's own sample of a refund becomes a refund, word for word", () => {
  assert.deepEqual(observedRefund(samples.refund, context), {
    stripe_refund_id: 're_1Pgc72B7WZ01zgkWqPvrRrPE',
    refund_id: null,
    charge_id: 'ch_1PgafuB7WZ01zgkWXYmPNZs8',
    amount_cents: 100,
    currency: 'usd',
    status: 'succeeded',
    reason: null,
    failure_reason: null,
    pending_reason: null,
    bank_reference: null,
    created_at: new Date('2009-02-13T23:31:30Z'),
    observed_at: context.observed_at,
  });
});

test("Stripe's own sample of a dispute becomes a dispute, word for word", () => {
  assert.deepEqual(observedDispute(samples.dispute, context), {
    stripe_dispute_id: 'dp_1Pgc71B7WZ01zgkWMevJiAUx',
    stripe_charge_id: 'ch_1PgafuB7WZ01zgkWXYmPNZs8',
    amount_cents: 1_000,
    currency: 'usd',
    reason: 'general',
    status: 'warning_needs_response',
    evidence_due_by: new Date(1_723_679_999_000),
    created_at: new Date('2009-02-13T23:31:30Z'),
    observed_at: context.observed_at,
  });
});

test('the customer is who the metadata names, else the customer at Stripe, else a guest named after the charge', () => {
  assert.equal(payment({}, { metadata: { customer_id: 'c_1' }, customer: 'cus_1' }).customer_id, 'c_1');
  assert.equal(payment({ metadata: { customer_id: 'c_2' } }, { customer: 'cus_1' }).customer_id, 'c_2');
  assert.equal(payment({}, { customer: 'cus_1' }).customer_id, 'cus_1');
  assert.equal(payment({ customer: 'cus_2' }, { customer: null }).customer_id, 'cus_2');
  const expanded = { id: 'cus_3', object: 'customer' } as Stripe.Customer;
  assert.equal(payment({}, { customer: expanded }).customer_id, 'cus_3');
  assert.equal(payment({}, {}).customer_id, `guest_${samples.charge.id}`);
});

test("the charge's metadata is read before the intent's, name by name; empty and unstorable is absent", () => {
  const observed = payment(
    { metadata: { brand_id: 'of_intent', order_id: 'order_1', subscription_id: 'sub_1' } },
    { metadata: { brand_id: 'of_charge', order_id: '', subscription_id: 'a\0b', customer_id: '  ' } },
  );
  assert.equal(observed.brand_id, 'of_charge');
  assert.equal(observed.order_id, 'order_1');
  assert.equal(observed.subscription_id, 'sub_1');
  assert.match(observed.customer_id, /^guest_/);
});

test("a payment's status is its intent's, and failed after an attempt that was declined", () => {
  assert.equal(payment({ status: 'processing' }, { status: 'pending' }).status, 'processing');
  assert.equal(payment({ status: 'requires_capture' }, { captured: false }).status, 'requires_capture');
  assert.equal(payment({ status: 'requires_payment_method' }, { status: 'failed' }).status, 'failed');
  assert.equal(payment({ status: 'requires_action' }, { status: 'failed' }).status, 'requires_action');
});

test("a lone charge's status is told in an intent's words", () => {
  assert.equal(loneCharge({ status: 'succeeded' }).status, 'succeeded');
  assert.equal(loneCharge({ status: 'pending' }).status, 'processing');
  assert.equal(loneCharge({ status: 'failed', captured: false }).status, 'failed');
  assert.equal(loneCharge({ captured: false, amount_captured: 0 }).status, 'requires_capture');
  assert.equal(loneCharge({ captured: false, refunded: true }).status, 'canceled');
});

test('captured is what was taken: part of an authorization, all of it, or nothing', () => {
  assert.equal(payment({}, { amount_captured: 6_000 }).captured_cents, 6_000);
  assert.equal(payment({}, { captured: false, amount_captured: 0 }).captured_cents, 0);
  assert.equal(payment({}, { status: 'failed', amount_captured: 10_000 }).captured_cents, 0);
  // On its way (e.g. a direct debit): Stripe lets it be refunded, and keeps that refund pending.
  assert.equal(payment({ status: 'processing' }, { status: 'pending' }).captured_cents, 10_000);
});

test('an amount of a currency without decimals is not touched', () => {
  const observed = payment({ amount: 5_800 }, { amount: 5_800, amount_captured: 5_800, currency: 'jpy' });
  assert.deepEqual(
    [observed.amount_cents, observed.captured_cents, observed.currency],
    [5_800, 5_800, 'jpy'],
  );
});

test('an intent with which nothing was charged is no payment, and one that was not expanded is a bug', () => {
  assert.equal(withLatestCharge(intent({ latest_charge: null })), null);
  assert.throws(() => withLatestCharge(intent({ latest_charge: 'ch_1' })), TypeError);
});

test("the bank's reference is found under whichever payment method the money went back to", () => {
  const reference = (details: unknown) =>
    observedRefund(
      { ...samples.refund, destination_details: details as Stripe.Refund.DestinationDetails },
      context,
    ).bank_reference;
  assert.equal(reference({ type: 'card', card: { type: 'refund', reference: '7453' } }), '7453');
  assert.equal(reference({ type: 'us_bank_transfer', us_bank_transfer: { reference: 'ACH1' } }), 'ACH1');
  assert.equal(reference({ type: 'card', card: { type: 'pending', reference_status: 'pending' } }), null);
  assert.equal(reference({ type: 'eu_bank_transfer', eu_bank_transfer: { reference: null } }), null);
  assert.equal(reference({ type: 'something_new' }), null);
  assert.equal(reference({ type: 'type' }), null);
  assert.equal(reference(undefined), null);
});

test('the refund object of an authorization that was let go is told from money that went back', () => {
  const released = samples.refund;
  assert.equal(isRelease(released, samples.charge), true);
  // Captured in part: the rest was let go; a refund of the same amount that moved money is a refund.
  const partly = charge({ amount_captured: 9_900 });
  assert.equal(isRelease(released, partly), true);
  assert.equal(isRelease({ ...released, balance_transaction: 'txn_1' }, partly), false);
  assert.equal(isRelease({ ...released, amount: 50 }, partly), false);
  assert.equal(isRelease(released, charge()), false);
});

test('an invoice names its subscription under parent, and its order in its own or the subscription’s metadata', () => {
  const details = (changes: object) =>
    ({ ...samples.invoice, metadata: {}, ...changes }) as unknown as Stripe.Invoice;
  const parent = {
    type: 'subscription_details',
    quote_details: null,
    subscription_details: { subscription: 'sub_1', metadata: { order_id: 'order_of_subscription' } },
  };
  assert.deepEqual(observedInvoice(details({ parent })), {
    subscription_id: 'sub_1',
    order_id: 'order_of_subscription',
  });
  assert.deepEqual(observedInvoice(details({ parent, metadata: { order_id: 'order_1' } })), {
    subscription_id: 'sub_1',
    order_id: 'order_1',
  });
  assert.deepEqual(observedInvoice(details({ parent: null, metadata: { order_id: 'order_2' } })), {
    subscription_id: null,
    order_id: 'order_2',
  });
  assert.equal(observedInvoice(details({ parent: null })), null);
  assert.equal(observedInvoice('in_1'), null);
  assert.equal(observedInvoice({ id: 'in_1', object: 'invoice', deleted: true }), null);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LOCATIONS, type Located, locate } from './location.ts';
import { REFUND_STATUSES } from './refund.ts';

const SENT = new Date('2026-01-31T14:05:00Z');
const CARD = { type: 'card' };

const refund = (changes: Partial<Located>): Located => ({
  status: 'succeeded',
  stripe_refund_id: 're_1',
  submitted_at: SENT,
  created_at: new Date('2026-01-20T09:00:00Z'),
  pending_reason: null,
  bank_reference: null,
  owed_cents: 0,
  resolution: null,
  replaced_by: null,
  failure_reason: null,
  failure_message: null,
  ...changes,
});
const after_days = (days: number) => new Date(SENT.getTime() + days * 86_400_000);
const at = (changes: Partial<Located>, days = 1, method: { type: string } | null = CARD) =>
  locate(refund(changes), method, after_days(days));

test('before Stripe has sent it, it says who has it and what is waited for', () => {
  assert.equal(at({ status: 'awaiting_approval', stripe_refund_id: null }).code, 'awaiting_approval');
  const unknown = at({ status: 'pending', stripe_refund_id: null });
  assert.equal(unknown.code, 'not_confirmed');
  assert.match(unknown.message, /do not refund again/);
  assert.equal(at({ status: 'pending' }).code, 'at_stripe');
  assert.match(at({ status: 'pending', pending_reason: 'insufficient_funds' }).message, /balance at Stripe/);
  assert.match(at({ status: 'pending', pending_reason: 'charge_pending' }).message, /payment itself/);
  assert.equal(at({ status: 'requires_action' }).code, 'needs_customer');
});

test('a refund to a card that Stripe has sent is on its way for 5 to 10 business days from when it was sent', () => {
  const { code, message, customer_message } = at({}, 14);
  assert.equal(code, 'on_its_way');
  assert.match(message, /^Stripe has sent it on 31 January 2026;.* 5 to 10 business days\./);
  assert.match(customer_message, /back to the card that you paid with\. .*5 to 10 business days/);
  assert.equal(at({}, 16).code, 'should_have_arrived');
});

test('what was made at Stripe itself was sent when it was made there', () => {
  const { message } = at({ submitted_at: null, created_at: new Date('2026-01-30T23:59:59Z') });
  assert.match(message, /sent it on 30 January 2026/);
});

test('no promise of cards is made where it is not a card, or nobody knows', () => {
  for (const method of [{ type: 'sepa_debit' }, { type: 'klarna' }, null]) {
    const { message, customer_message } = at({}, 1, method);
    assert.doesNotMatch(message + customer_message, /card|usually takes 5/);
  }
  assert.match(at({}, 1, { type: 'sepa_debit' }).customer_message, /the account that you paid from/);
});

test('a reference of the bank is told to both, however long ago it was sent', () => {
  for (const days of [0, 100]) {
    const { code, message, customer_message } = at({ bank_reference: '74208516031000000123456' }, days);
    assert.equal(code, 'bank_reference_known');
    for (const sentence of [message, customer_message])
      assert.match(sentence, /: 74208516031000000123456\.$/);
  }
});

test('what ended without paying is owed until somebody says how it was put right, and then says how', () => {
  for (const status of ['failed', 'canceled'] as const) {
    assert.equal(at({ status, owed_cents: 100 }).code, 'owed');
    const again = at({ status, owed_cents: 100, resolution: 'refunded_again', replaced_by: 'refund_2' });
    assert.equal(again.code, 'settled_otherwise');
    assert.match(again.message, /by refund_2\.$/);
    for (const resolution of ['paid_otherwise', 'not_owed'] as const)
      assert.equal(at({ status, owed_cents: 100, resolution }).code, 'settled_otherwise');
    assert.equal(at({ status }).code, 'not_paid');
  }
  assert.match(
    at({ status: 'failed', owed_cents: 100, failure_reason: 'expired_or_canceled_card' }).message,
    /^The refund failed: the card has expired or was canceled\. The customer is still owed/,
  );
  assert.equal(at({ status: 'rejected', stripe_refund_id: null }).code, 'not_paid');
});

test('whatever a refund is like, there is an answer in whole sentences, and a customer is never told why a bank refused', () => {
  const drawn = fc.record({
    status: fc.constantFrom(...REFUND_STATUSES),
    stripe_refund_id: fc.option(fc.constant('re_1')),
    submitted_at: fc.option(fc.date({ noInvalidDate: true })),
    created_at: fc.date({ noInvalidDate: true }),
    pending_reason: fc.option(fc.constantFrom('processing', 'insufficient_funds', 'charge_pending', 'new')),
    bank_reference: fc.option(fc.constant('742')),
    owed_cents: fc.constantFrom(0, 100),
    resolution: fc.option(fc.constantFrom('refunded_again', 'paid_otherwise', 'not_owed')),
    replaced_by: fc.option(fc.constant('refund_2')),
    failure_reason: fc.option(fc.constantFrom('lost_or_stolen_card', 'new')),
    failure_message: fc.option(fc.constant('Stripe says no')),
  });
  const method = fc.option(fc.record({ type: fc.constantFrom('card', 'sepa_debit', 'new') }));
  const seed = Math.floor(Math.random() * 2 ** 31);
  fc.assert(
    fc.property(drawn, method, fc.date({ noInvalidDate: true }), (one, paid, now) => {
      const { code, message, customer_message } = locate(one, paid, now);
      assert.ok(LOCATIONS.includes(code));
      for (const sentence of [message, customer_message]) assert.match(sentence, /^[A-Z].*[.]$/);
      assert.doesNotMatch(customer_message, /Stripe says no|stolen|re_1|refund_2/);
    }),
    { seed },
  );
});

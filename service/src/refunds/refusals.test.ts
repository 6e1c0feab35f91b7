import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Payment } from '../payments/payment.ts';
import type { Refund } from './queries.ts';
import { explainFailure, refusalOfFailed, refuseAmount } from './refusals.ts';

const payment = (state: Partial<Payment>) =>
  ({
    payment_id: 'payment_1',
    currency: 'eur',
    amount_cents: 10_000,
    captured_cents: 10_000,
    reserved_cents: 0,
    refunded_cents: 0,
    ...state,
  }) as Payment;

for (const [state, amount, message, field] of [
  [{ refunded_cents: 10_000 }, 1, 'The payment has already been refunded in full.', undefined],
  [
    { refunded_cents: 4_000, reserved_cents: 6_000 },
    1,
    'Nothing is left to refund: 40.00 EUR has been refunded, and 60.00 EUR is on its way.',
    undefined,
  ],
  [
    { refunded_cents: 4_000 },
    6_001,
    '60.01 EUR is more than what is left to refund: 60.00 EUR.',
    'amount_cents',
  ],
  [
    { currency: 'kwd', refunded_cents: 9_999 },
    1_000,
    '1.000 KWD is more than what is left to refund: 0.001 KWD.',
    'amount_cents',
  ],
] as const) {
  test(`of a payment in which ${JSON.stringify(state)}, ${amount} is refused: ${message}`, () => {
    const refusal = refuseAmount(payment(state), amount);
    const { captured_cents, reserved_cents, refunded_cents } = payment(state);
    assert.deepEqual(
      [refusal.status, refusal.message, refusal.field, refusal.facts],
      [409, message, field, { refundable_cents: captured_cents - reserved_cents - refunded_cents }],
    );
  });
}

const ended = (end: Partial<Refund>) =>
  ({
    refund_id: 'refund_1',
    status: 'failed',
    failure_reason: null,
    failure_message: null,
    ...end,
  }) as Refund;

for (const [end, sentence] of [
  [
    { failure_reason: 'expired_or_canceled_card' },
    'The refund failed: the card has expired or was canceled.',
  ],
  [
    { failure_reason: 'never_reached_provider' },
    'The refund failed: it never reached Stripe, and nothing was sent.',
  ],
  [{ failure_reason: 'a_reason_of_tomorrow' }, 'The refund failed: Stripe does not say why.'],
  [{ failure_reason: 'constructor' }, 'The refund failed: Stripe does not say why.'],
  [{}, 'The refund failed: Stripe does not say why.'],
  [{ failure_message: 'No such charge: ch_1' }, 'Stripe refused the refund: No such charge: ch_1.'],
  [{ failure_message: 'Too much.' }, 'Stripe refused the refund: Too much.'],
  [{ status: 'canceled' }, 'The refund was canceled before the money was sent.'],
] as const) {
  test(`a refund that ended with ${JSON.stringify(end)} is explained: ${sentence}`, () => {
    assert.equal(explainFailure(ended(end)), sentence);
  });
}

for (const [failure_reason, status] of [
  ['charge_already_refunded', 409],
  ['amount_too_large', 409],
  ['charge_disputed', 412],
  ['charge_not_refundable', 412],
  ['balance_insufficient', 502],
  ['not_authorized', 502],
  ['a_code_of_tomorrow', 502],
  ['constructor', 502],
  [null, 502],
] as const) {
  test(`what Stripe refuses as ${failure_reason} is a ${status}, and names the refund`, () => {
    const refusal = refusalOfFailed(ended({ failure_reason }));
    assert.deepEqual([refusal?.status, refusal?.facts.refund_id], [status, 'refund_1']);
  });
}

test('a refund that has not failed is not refused', () => {
  for (const status of [
    'pending',
    'succeeded',
    'requires_action',
    'canceled',
    'awaiting_approval',
  ] as const) {
    assert.equal(refusalOfFailed(ended({ status })), undefined);
  }
});

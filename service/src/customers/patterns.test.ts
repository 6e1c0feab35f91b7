import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findPatterns } from './patterns.ts';
import type { CustomerTotals } from './queries.ts';

const totals = (given: Partial<CustomerTotals>): CustomerTotals => ({
  currency: 'eur',
  payment_count: 10,
  paid_cents: 100_000,
  reserved_cents: 0,
  refunded_cents: 0,
  first_payment_at: null,
  last_payment_at: null,
  refund_count: 0,
  owed_cents: 0,
  last_refund_at: null,
  dispute_count: 0,
  disputed_cents: 0,
  open_dispute_count: 0,
  ...given,
});
const refunds = (amount_cents: number, count: number, currency = 'eur') => ({
  currency,
  amount_cents,
  count,
});

for (const [name, given, recent, expected] of [
  ['nothing', {}, [], []],
  ['four refunds', {}, [refunds(100, 2), refunds(200, 2)], []],
  [
    'five refunds',
    {},
    [refunds(100, 2), refunds(200, 2, 'usd'), refunds(300, 1)],
    ['5 refunds in the last 90 days.'],
  ],
  ['an amount twice', {}, [refunds(1250, 2)], []],
  ['an amount three times', {}, [refunds(1250, 3)], ['12.50 EUR was refunded 3 times in the last 90 days.']],
  ['exactly half gone back', { refunded_cents: 50_000 }, [], []],
  [
    'more than half gone back or on its way',
    { refunded_cents: 50_000, reserved_cents: 1 },
    [],
    ['500.01 EUR of 1000.00 EUR paid has gone back or is about to.'],
  ],
  ['all of two payments gone back', { payment_count: 2, refunded_cents: 100_000 }, [], []],
  ['one dispute open', { open_dispute_count: 1 }, [], ['A dispute is open.']],
  ['two disputes open', { open_dispute_count: 2 }, [], ['2 disputes are open.']],
  ['disputes decided', { dispute_count: 4 }, [], []],
  ['money owed', { owed_cents: 990 }, [], ['9.90 EUR is still owed: a refund ended without paying.']],
] as const) {
  test(`of a customer with ${name} the patterns tell ${expected.length === 0 ? 'nothing' : expected.join(' ')}`, () => {
    assert.deepEqual(
      findPatterns([totals(given)], recent).map(({ sentence }) => sentence),
      expected,
    );
  });
}

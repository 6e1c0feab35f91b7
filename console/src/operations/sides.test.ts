import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareSides } from './sides.ts';

test('both sides are compared fact by fact, amounts in their currency, and what differs says so', () => {
  assert.deepEqual(
    compareSides(
      { amount_cents: 1_250, currency: 'jpy', status: 'succeeded', note: null },
      { amount_cents: 1_300, currency: 'jpy', status: 'succeeded' },
    ).map(({ fact, here, at_stripe, differs }) => [fact, here, at_stripe, differs]),
    [
      ['Amount', '¥1,250', '¥1,300', true],
      ['Currency', 'jpy', 'jpy', false],
      ['Status', 'succeeded', 'succeeded', false],
      ['Note', '—', '—', false],
    ],
  );
});

test('where one side has nothing there is nothing to differ, and an amount without a currency stays a number', () => {
  assert.deepEqual(compareSides({ amount_cents: 100 }, null), [
    { fact: 'Amount', here: '100', at_stripe: '—', differs: false },
  ]);
  assert.deepEqual(compareSides(null, null), []);
});

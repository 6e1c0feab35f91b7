import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAmount } from './money.ts';

test("an amount is written with its currency's own decimals, also below one", () => {
  assert.equal(formatAmount(1_250, 'eur'), '12.50 EUR');
  assert.equal(formatAmount(5, 'usd'), '0.05 USD');
  assert.equal(formatAmount(0, 'usd'), '0.00 USD');
  assert.equal(formatAmount(5_800, 'jpy'), '5800 JPY');
  assert.equal(formatAmount(1_234, 'kwd'), '1.234 KWD');
  // Stripe counts it in hundredths, although it has none any more.
  assert.equal(formatAmount(500, 'isk'), '5.00 ISK');
});

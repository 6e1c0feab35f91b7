import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amountDigits } from '@payments/service/payments/money.ts';
import fc from 'fast-check';
import { formatMoney, parseMoney } from './money.ts';

const currencies = fc.constantFrom('eur', 'usd', 'jpy', 'kwd', 'isk');
const amounts = fc.integer({ min: 0, max: 999_999_999_999 });

test('what is typed as it is shown is the same amount, whatever the currency’s decimals', () => {
  fc.assert(
    fc.property(currencies, amounts, (currency, cents) => {
      const digits = amountDigits(cents, currency);
      // Three decimals after one to three digits may be thousands as well: that is asked about.
      if (currency === 'kwd' && /^[1-9]\d{0,2}\.\d{3}$/.test(digits)) {
        assert.deepEqual(parseMoney(digits, currency), { problem: 'ambiguous' });
        return;
      }
      assert.deepEqual(parseMoney(digits, currency), { cents });
      assert.deepEqual(parseMoney(digits.replace('.', ','), currency), { cents });
      for (const locale of ['en-GB', 'en-US', 'de-DE', 'de-CH', 'fr-FR'])
        assert.deepEqual(parseMoney(formatMoney(cents, currency, locale), currency, locale), { cents });
    }),
  );
});

test('what may be two amounts, is none, or has more decimals than the currency is not guessed at', () => {
  assert.deepEqual(parseMoney('1,234', 'eur'), { problem: 'ambiguous' });
  assert.deepEqual(parseMoney('1.234', 'usd'), { problem: 'ambiguous' });
  assert.deepEqual(parseMoney('1,234', 'jpy'), { cents: 1_234 });
  assert.deepEqual(parseMoney('12.5', 'eur'), { cents: 1_250 });
  assert.deepEqual(parseMoney('.5', 'eur'), { cents: 50 });
  assert.deepEqual(parseMoney('EUR 12', 'eur'), { cents: 1_200 });
  assert.deepEqual(parseMoney('12.345,6', 'eur'), { cents: 1_234_560 });
  assert.deepEqual(parseMoney('12.3456', 'eur'), { problem: 'too_many_decimals' });
  assert.deepEqual(parseMoney('12.5', 'jpy'), { problem: 'too_many_decimals' });
  assert.deepEqual(parseMoney('10000000000000', 'eur'), { problem: 'too_large' });
  for (const nothing of ['.', ',', 'abc', '-5', '1.2.3', '1,23,456', '12 USD', '$12', '1e3'])
    assert.deepEqual(parseMoney(nothing, 'eur'), { problem: 'not_an_amount' }, nothing);
  assert.deepEqual(parseMoney(' ', 'eur'), { problem: 'empty' });
});

test('an amount is shown exactly, also where a float could not hold it', () => {
  assert.equal(formatMoney(900_719_925_474_099, 'usd', 'en-US'), '$9,007,199,254,740.99');
  assert.equal(formatMoney(5_800, 'jpy', 'en-US'), '¥5,800');
  assert.equal(formatMoney(-1_250, 'eur', 'en-IE'), '-€12.50');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import Papa from 'papaparse';
import { ROWS_MAX, readRows } from './rows.ts';

test('a file says what is to be refunded, amounts in the decimals of their currency, whatever its separator and quotes', () => {
  for (const separator of [',', ';', '\t']) {
    const line = (...cells: string[]) => cells.join(separator);
    const { rows, problems } = readRows(
      [
        `\uFEFF${line('Payment_ID', 'charge_id', 'amount', 'currency', 'reason', 'note')}`,
        line('payment_1', '', '12.50', 'EUR', 'goodwill', `"Late${separator} twice"`),
        '',
        line('', 'ch_2', '5800', 'jpy', 'duplicate', ''),
        line('payment_3', '', '', '', '', ''),
      ].join('\r\n'),
      'other',
    );
    assert.deepEqual(problems, []);
    assert.deepEqual(rows, [
      {
        payment_id: 'payment_1',
        amount_cents: 1_250,
        currency: 'eur',
        reason: 'goodwill',
        note: `Late${separator} twice`,
      },
      { charge_id: 'ch_2', amount_cents: 5_800, currency: 'jpy', reason: 'duplicate' },
      { payment_id: 'payment_3', reason: 'other' },
    ]);
  }
});

for (const [line, what] of [
  ['payment_1,ch_1,,,goodwill', /not both/],
  [',,,,goodwill', /name a payment_id/],
  ['payment_1,,12.50,,goodwill', /needs its currency/],
  ['payment_1,,12.505,eur,goodwill', /no amount/],
  ['payment_1,,0,eur,goodwill', /no amount/],
  ['payment_1,,"1,234",eur,goodwill', /no amount/],
  ['payment_1,,,,', /no reason/],
] as const) {
  test(`the line ${line} is told of by its number, and nothing is guessed`, () => {
    const { problems } = readRows(
      `payment_id,charge_id,amount,currency,reason\npayment_0,,,,goodwill\n${line}`,
      undefined,
    );
    assert.equal(problems.length, 1, problems.join());
    assert.match(problems[0] ?? '', /^Line 3: /);
    assert.match(problems[0] ?? '', what);
  });
}

test('a file without rows, with too many, or with columns that nobody reads says so', () => {
  assert.equal(readRows('payment_id,reason', undefined).problems.length, 1);
  const many = Array.from({ length: ROWS_MAX + 1 }, (_, at) => ({ payment_id: `p${at}`, reason: 'x' }));
  assert.equal(readRows(Papa.unparse(many), undefined).problems.length, 1);
  assert.deepEqual(readRows('payment_id,reason,e-mail\np,x,a@b', undefined).unknown, ['e-mail']);
});

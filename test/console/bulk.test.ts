import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible } from './axe.ts';
import { type Desk, openDesk } from './desk.ts';

const PAYMENTS = 12;

let desk: Desk;
let payments: string[];
before(async () => {
  desk = await openDesk({ BATCH_REFUNDS_PER_SECOND: '3' });
  payments = [];
  for (let at = 0; at < PAYMENTS; at += 1) {
    payments.push((await desk.pay({ amount_cents: 5_000, customer_id: `customer_${at}` })).payment_id);
  }
});
after(() => desk[Symbol.asyncDispose]());

const refundsOf = async (ids: readonly string[]) =>
  (
    await desk.pool.query<{ payment_id: string; amount_cents: string; reason: string }>(
      'SELECT payment_id, amount_cents, reason FROM refunds WHERE payment_id = ANY($1) ORDER BY payment_id',
      [ids],
    )
  ).rows.map((row) => ({ ...row, amount_cents: Number(row.amount_cents) }));

test('a CSV is checked first, stopped in the middle, gone on with by a reload, and no row is refunded twice', async () => {
  const { page, complaints } = await desk.open('agent', '/bulk');
  await page.getByText('No batches yet').waitFor();
  await assertAccessible(page);
  await page.getByRole('link', { name: 'New batch' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('Storm of last week');
  const some = payments.slice(0, 9);
  const lines = some.map((payment_id) => `${payment_id},10.00,usd,goodwill`);
  await page.getByLabel('Or paste the lines').fill('payment_id,amount,currency\np,12.345,usd');
  await page.getByText('Line 2: “12.345” is no amount in its currency.').waitFor();
  await assertAccessible(page);
  assert.ok(await page.getByRole('button', { name: 'Check them' }).isDisabled());
  await page.locator('input[type=file]').setInputFiles({
    name: 'storm.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from(
      `payment_id,amount,currency,reason\n${lines.join('\n')}\npayment_unknown,1.00,usd,goodwill\n`,
    ),
  });
  await page.getByText('10 rows').waitFor();
  await page.getByRole('button', { name: 'Check them' }).click();

  await page.getByRole('heading', { name: 'Storm of last week' }).waitFor();
  await page.getByText('0 of 9 rows are done').waitFor();
  await page.getByText('US$90.00').first().waitFor();
  await page
    .getByText(/Cannot be refunded/)
    .first()
    .waitFor();
  await assertAccessible(page);
  assert.deepEqual(await refundsOf(some), []);

  await page.getByRole('button', { name: 'Refund 9 rows' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(/9 rows are refunded, US\$90\.00 in all/).waitFor();
  await assertAccessible(page);
  await dialog.getByRole('button', { name: 'Refund 9 rows' }).click();
  await page.getByText(/[1-8] of 9 rows are done/).waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByRole('button', { name: 'Go on' }).waitFor();
  assert.ok((await refundsOf(some)).length < 9);

  await page.reload();
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Go on' }).click();
  await page.getByText('9 of 9 rows are done').waitFor();
  await page.getByText('Finished').first().waitFor();
  await page.getByRole('link', { name: 'Sent to the bank' }).nth(8).waitFor();
  await assertAccessible(page);
  assert.deepEqual(
    await refundsOf(some),
    some.toSorted().map((payment_id) => ({ payment_id, amount_cents: 1_000, reason: 'goodwill' })),
  );
  assert.deepEqual(complaints, []);
});

test('payments that were selected are refunded with all that is left of them', async () => {
  const { page } = await desk.open('agent', '/payments');
  for (const at of [9, 10]) {
    await page
      .getByRole('row')
      .filter({ hasText: `customer_${at}` })
      .getByRole('checkbox')
      .check();
  }
  await assertAccessible(page);
  await page.getByRole('button', { name: 'Refund 2 payments in bulk' }).click();
  await page.getByText('From 2 payments that you selected').waitFor();
  await page.getByRole('combobox', { name: /Reason for rows/ }).click();
  await page.getByRole('option', { name: 'Goodwill' }).click();
  await page.getByRole('button', { name: 'Check them' }).click();
  await page.getByRole('button', { name: 'Refund 2 rows' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Refund 2 rows' }).click();
  await page.getByText('2 of 2 rows are done').waitFor();
  assert.deepEqual(
    (await refundsOf(payments.slice(9, 11))).map(({ amount_cents }) => amount_cents),
    [5_000, 5_000],
  );
});

test('batches can be looked at on a phone, in the dark; who may not refund is not shown them', async () => {
  const { page } = await desk.open('agent', '/bulk', { width: 390, height: 844, colorScheme: 'dark' });
  await page.getByRole('link', { name: /Storm of last week/ }).click();
  await page.getByText('9 of 9 rows are done').waitFor();
  await assertAccessible(page);
  const auditor = await desk.open('auditor', '/refunds');
  assert.equal(await auditor.page.getByRole('link', { name: 'Bulk refunds' }).count(), 0);
});

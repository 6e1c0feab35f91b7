import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { assertAccessible } from './axe.ts';
import { type Desk, openDesk } from './desk.ts';

let desk: Desk;
before(async () => {
  desk = await openDesk();
  const { payment_id } = await desk.pay({
    customer_id: 'customer_listed',
    amount_cents: 90_000,
    currency: 'eur',
  });
  for (const amount_cents of [1_100, 2_200, 3_300])
    await refund({ payment_id, amount_cents, reason: 'goodwill' });
  const other = await desk.pay({ customer_id: 'customer_other', amount_cents: 5_000 });
  await refund({ payment_id: other.payment_id, amount_cents: 400, reason: 'duplicate' });
});
after(() => desk[Symbol.asyncDispose]());

async function refund(body: { payment_id: string; amount_cents: number; reason?: string }) {
  const { access_token } = await desk.issuer.mintToken({ as: 'approver' });
  const answer = await fetch(`${desk.url}/v1/admin/refunds`, {
    method: 'POST',
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 201, await answer.text());
}

test('a link with filters shows a colleague the same rows, with what they come to', async () => {
  const { page, complaints } = await desk.open(
    'agent',
    '/refunds?customer_id=customer_listed&reason=goodwill',
  );
  await page.getByText('3 refunds: €66.00').waitFor();
  assert.equal(await page.getByRole('row').count(), 4);
  assert.equal(await page.getByLabel('Customer').inputValue(), 'customer_listed');
  await assertAccessible(page);
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await page
    .getByText('1 refunds: US$4.00')
    .or(page.getByText(/US\$4\.00/))
    .first()
    .waitFor();
  assert.equal(new URL(page.url()).search, '');
  assert.deepEqual(complaints, []);
});

test('filters are set by hand, amounts in the currency’s own decimals, and stand in the address', async () => {
  const { page } = await desk.open('agent', '/refunds');
  await page.getByRole('combobox', { name: 'Currency' }).click();
  await page.getByRole('option', { name: 'EUR' }).click();
  await page.getByLabel('Amount from').fill('22');
  await page.getByLabel('Amount from').press('Enter');
  await page.getByText('2 refunds: €55.00').waitFor();
  assert.equal(new URL(page.url()).search, '?currency=eur&amount_cents_gte=2200');
  await page.getByLabel('Amount to').fill('1,234');
  await page.getByLabel('Amount to').press('Enter');
  await page.getByText('This can be read as two amounts').waitFor();
  await assertAccessible(page);
});

test('what is new is told of, and what is shown keeps its place until it is asked for', async () => {
  const { payment_id } = await desk.pay({ customer_id: 'customer_new', amount_cents: 9_000 });
  await refund({ payment_id, amount_cents: 100 });
  const { page } = await desk.open('agent', '/refunds?customer_id=customer_new');
  await page.getByText('1 shown').waitFor();
  await refund({ payment_id, amount_cents: 200 });
  await page.getByRole('button', { name: '1 new refund' }).waitFor();
  assert.equal(await page.getByRole('row').count(), 2);
  await page.getByRole('button', { name: '1 new refund' }).click();
  await page.getByText('2 shown').waitFor();
});

test('the refunds of a filter are had as a file', async () => {
  const { page } = await desk.open('agent', '/refunds?customer_id=customer_listed');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'CSV' }).click(),
  ]);
  const csv = await readFile(await download.path(), 'utf8');
  assert.equal(csv.trim().split('\n').length, 4);
  assert.match(csv, /^refund_id,/);
});

test('columns and the look are chosen, and stay chosen', async () => {
  const { page } = await desk.open('agent', '/refunds');
  await page.getByRole('columnheader', { name: 'Reason' }).waitFor();
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('checkbox', { name: 'Stripe refund' }).check();
  await page.getByRole('checkbox', { name: 'Reason' }).uncheck();
  await assertAccessible(page);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Signed in as Amina Yusuf' }).click();
  await page.getByText('Dark').click();
  await assertAccessible(page);
  await page.reload();
  await page.getByRole('columnheader', { name: 'Stripe refund' }).waitFor();
  assert.equal(await page.evaluate('document.documentElement.dataset.mantineColorScheme'), 'dark');
  assert.equal(await page.getByRole('columnheader', { name: 'Reason' }).count(), 0);
});

test('figures over a period lead to the rows behind them, as a chart and as a table', async () => {
  const { page, complaints } = await desk.open('agent', '/insights?currency=eur');
  await page.getByRole('link', { name: '3 refunds', exact: true }).waitFor();
  await assertAccessible(page);
  await page.getByRole('button', { name: 'As a table' }).click();
  await assertAccessible(page);
  await page.getByRole('link', { name: 'Goodwill' }).click();
  await page.getByText('3 refunds: €66.00').waitFor();
  assert.match(page.url(), /reason_code=goodwill/);
  assert.deepEqual(complaints, []);
});

test('on a phone the filters are folded up and each refund is one below the other', async () => {
  const { page } = await desk.open('agent', '/refunds?customer_id=customer_listed', {
    width: 390,
    height: 844,
  });
  await page.getByRole('button', { name: 'Filters (1 set)' }).waitFor();
  await page.getByRole('listitem').nth(2).waitFor();
  assert.equal(await page.getByRole('listitem').count(), 3);
  assert.equal(await page.getByRole('table').count(), 0);
  const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
  assert.ok(Number(overflow) <= 0, 'nothing is wider than the phone');
  await assertAccessible(page);
});

test('in the dark everything can be read as well', async () => {
  const { page } = await desk.open('agent', '/refunds', { colorScheme: 'dark' });
  await page.getByRole('table').waitFor();
  await assertAccessible(page);
  await page.goto(`${desk.url}/console/insights?currency=eur`);
  await page.getByRole('heading', { name: 'By status' }).waitFor();
  await assertAccessible(page);
});

test('while it is waited for, a page says so, also to those who hear it', async () => {
  const { page } = await desk.open('agent', '/refunds');
  const asked = Promise.withResolvers<void>();
  const let_go = Promise.withResolvers<void>();
  await page.route('**/v1/admin/payments?*', async (route) => {
    asked.resolve();
    await let_go.promise;
    await route.abort();
  });
  await page.goto(`${desk.url}/console/payments`);
  await asked.promise;
  await page.getByRole('status', { name: 'Loading' }).waitFor();
  await assertAccessible(page);
  let_go.resolve();
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { assertAccessible } from './axe.ts';
import { type Desk, openDesk } from './desk.ts';

let desk: Desk;
let payment: { payment_id: string; charge_id: string };
let refund: { refund_id: string; stripe_refund_id: string };
before(async () => {
  desk = await openDesk();
  payment = await desk.pay({ customer_id: 'customer_found', order_id: 'order_7781', amount_cents: 9_000 });
  for (const amount_cents of [500, 500, 500, 500, 500]) refund = await issue(amount_cents);
  await desk.pay({ customer_id: 'customer_else' });
});
after(() => desk[Symbol.asyncDispose]());

async function issue(amount_cents: number): Promise<typeof refund> {
  const { access_token } = await desk.issuer.mintToken({ as: 'approver' });
  const answer = await fetch(`${desk.url}/v1/admin/refunds`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${access_token}`,
      'content-type': 'application/json',
      'idempotency-key': crypto.randomUUID(),
    },
    body: JSON.stringify({ payment_id: payment.payment_id, amount_cents, reason: 'goodwill' }),
  });
  assert.equal(answer.status, 201);
  return (await answer.json()) as typeof refund;
}

async function openSearch(page: Page, key: string): Promise<void> {
  await page.getByRole('button', { name: 'Search' }).waitFor();
  await page.keyboard.press(key);
  await page.getByRole('dialog').getByLabel('Any id').and(page.locator(':focus')).waitFor();
}

/** Pastes an id and presses Enter at once, as somebody does whose customer waits. */
async function find(page: Page, id: string): Promise<void> {
  await openSearch(page, '/');
  await page.keyboard.insertText(id);
  await page.keyboard.press('Enter');
}

test('whatever id is pasted, Enter leads to what has it, by keyboard alone', async () => {
  const { page, complaints } = await desk.open('agent', '/refunds');
  const {
    rows: [row],
  } = await desk.pool.query<{ intent: string }>(
    'SELECT stripe_payment_intent_id AS intent FROM payments WHERE payment_id = $1',
    [payment.payment_id],
  );
  const payments = `/console/payments/${payment.payment_id}`;
  for (const [id, path] of [
    [payment.payment_id, payments],
    [payment.charge_id, payments],
    [row?.intent ?? '', payments],
    ['order_7781', payments],
    [refund.refund_id, `/console/refunds/${refund.refund_id}`],
    [` ${refund.stripe_refund_id} `, `/console/refunds/${refund.refund_id}`],
    ['customer_found', '/console/customers/customer_found'],
  ] as const) {
    await find(page, id);
    await page.waitForURL(`${desk.url}${path}`);
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }
  assert.deepEqual(complaints, []);
});

test('what begins with what was typed is chosen from with the arrows, and what was found before is there again', async () => {
  const { page } = await desk.open('agent', '/refunds');
  await openSearch(page, 'Control+k');
  await page.keyboard.insertText('customer_');
  const options = page.getByRole('option');
  await options.filter({ hasText: 'customer_else' }).waitFor();
  await assertAccessible(page);
  const chosen = async () => await page.locator('[role=option][data-combobox-selected]').textContent();
  const first = await chosen();
  await page.keyboard.press('ArrowDown');
  assert.notEqual(await chosen(), first);
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/console\/customers\/customer_/);
  const [, customer] = /customers\/(\w+)/.exec(page.url()) ?? [];
  await openSearch(page, '/');
  await page.getByText('Found before').waitFor();
  await options.filter({ hasText: customer ?? '' }).waitFor();
  await assertAccessible(page);
  await page.getByRole('button', { name: 'Forget these' }).click();
  await page.getByText('Found before').waitFor({ state: 'detached' });
});

test('where nothing has an id it is said what can be looked for, and a slash in a field is a slash', async () => {
  const { page } = await desk.open('agent', '/refunds');
  await find(page, 're_of_somebody_else');
  await page.getByText('Nothing has the id “re_of_somebody_else”').waitFor();
  await assertAccessible(page);
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByLabel('Customer').fill('a');
  await page.getByLabel('Customer').press('/');
  assert.equal(await page.getByLabel('Customer').inputValue(), 'a/');
  assert.equal(await page.getByRole('dialog').count(), 0);
});

test('an answer comes within 200 ms', async (t) => {
  const { page } = await desk.open('agent', '/refunds');
  const waited: number[] = [];
  for (let at = 0; at < 20; at += 1) {
    const begun = performance.now();
    await page.request.get(`${desk.url}/v1/admin/search`, { params: { q: refund.stripe_refund_id } });
    waited.push(performance.now() - begun);
  }
  const median = waited.sort((a, b) => a - b)[10] ?? Number.NaN;
  t.diagnostic(`median ${median.toFixed(1)} ms`);
  assert.ok(median < 200);
});

test('a customer’s page has what they paid, what went back and what a look should not miss, in light and dark, on a desk and a phone', async () => {
  for (const look of [{}, { colorScheme: 'dark' }, { width: 390, height: 844 }] as const) {
    const { page, context, complaints } = await desk.open('agent', '/customers/customer_found', look);
    await page.getByRole('heading', { level: 1, name: 'Customer customer_found' }).waitFor();
    await page.getByText('US$90.00').first().waitFor();
    await page.getByText('US$25.00').first().waitFor();
    await page.getByText('Worth a look').waitFor();
    await page.getByRole('link', { name: 'All refunds' }).waitFor();
    await assertAccessible(page);
    assert.deepEqual(complaints, []);
    await context.close();
  }
});

test('payments are narrowed by what the address says, and lead to the payment', async () => {
  const { page } = await desk.open('agent', '/payments');
  await page.getByText('2 shown').waitFor();
  await assertAccessible(page);
  await page.getByLabel('Order').fill('order_7781');
  await page.getByLabel('Order').press('Enter');
  await page.getByText('1 shown').waitFor();
  assert.equal(new URL(page.url()).search, '?order_id=order_7781');
  await page.getByRole('row').nth(1).getByRole('link').first().click();
  await page.waitForURL(`${desk.url}/console/payments/${payment.payment_id}`);
});

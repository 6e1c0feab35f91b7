import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { assertAccessible } from './axe.ts';
import { type Desk, openDesk } from './desk.ts';

let desk: Desk;
before(async () => {
  desk = await openDesk();
});
after(() => desk[Symbol.asyncDispose]());

const refundsOf = async (payment_id: string) => {
  const { rows } = await desk.pool.query<{ amount_cents: string; status: string; note: string | null }>(
    'SELECT amount_cents, status, note FROM refunds WHERE payment_id = $1 ORDER BY created_at',
    [payment_id],
  );
  return rows.map(({ amount_cents, ...rest }) => ({ ...rest, amount_cents: Number(amount_cents) }));
};

test('an agent refunds a part, is told before what will happen and afterwards where the money is', async () => {
  const { payment_id } = await desk.pay({ amount_cents: 5_000, currency: 'eur' });
  const { page, complaints } = await desk.open('agent', `/payments/${payment_id}`);
  await page.getByRole('button', { name: 'Refund', exact: true }).click();
  await page.getByText('A part of it').click();
  await page.getByLabel('Amount in EUR').fill('12.50');
  await page.getByLabel('Note').fill('Photo of the parcel is in the ticket.');
  await page
    .getByText('Refund €12.50 of €50.00 to Visa ···4242 of customer customer_1; €37.50 remain.')
    .waitFor();
  await assertAccessible(page);
  await page.getByRole('button', { name: 'Refund €12.50' }).click();
  await page.getByText(/on its way to the bank/).waitFor();
  await assertAccessible(page);
  assert.deepEqual(await refundsOf(payment_id), [
    { amount_cents: 1_250, status: 'succeeded', note: 'Photo of the parcel is in the ticket.' },
  ]);
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByText('Left €37.50').waitFor();
  assert.deepEqual(complaints, []);
});

/** Goes on by Tab, as somebody does without a mouse, until what has this name has the focus, and can be seen to have it. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let steps = 0; steps < 60; steps += 1) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate<{ name: string; outline: string }>(`(() => {
      const one = document.activeElement;
      const label = one.labels?.[0]?.textContent ?? one.getAttribute('aria-label') ?? one.textContent;
      const { outlineStyle, borderColor } = getComputedStyle(one);
      return { name: label.trim(), outline: outlineStyle + borderColor };
    })()`);
    if (!focused.name.startsWith(name)) continue;
    assert.notEqual(focused.outline, '', name);
    return;
  }
  throw new Error(`${name} is not reached by Tab`);
}

test('an agent refunds by keyboard alone', async () => {
  const { payment_id } = await desk.pay({ amount_cents: 5_000 });
  const { page } = await desk.open('agent', `/payments/${payment_id}`);
  await page.getByRole('button', { name: 'Refund', exact: true }).waitFor();
  await tabTo(page, 'Skip to the page');
  await page.keyboard.press('Enter');
  await tabTo(page, 'Refund');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await tabTo(page, 'Reason');
  await page.keyboard.press('Enter');
  await page.getByRole('option').first().waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await tabTo(page, 'Refund US$50.00');
  await page.keyboard.press('Enter');
  await page.getByText(/on its way to the bank/).waitFor();
  assert.deepEqual(
    (await refundsOf(payment_id)).map(({ amount_cents }) => amount_cents),
    [5_000],
  );
});

test('a double click refunds once', async () => {
  const { payment_id } = await desk.pay();
  const { page } = await desk.open('agent', `/payments/${payment_id}?refund=true`);
  await page.getByText('A part of it').click();
  await page.getByLabel('Amount in USD').fill('5');
  await page.getByRole('button', { name: 'Refund US$5.00' }).dblclick();
  await page.getByRole('button', { name: 'Done' }).waitFor();
  assert.equal((await refundsOf(payment_id)).length, 1);
});

test('an answer that was lost, and then a reload, refund once, in one trace, and show what has come of it', async () => {
  const { payment_id } = await desk.pay();
  const { page } = await desk.open('agent', `/payments/${payment_id}?refund=true`);
  const traces: (string | undefined)[] = [];
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url().endsWith('/v1/admin/refunds'))
      traces.push(request.headers().traceparent);
  });
  await page.getByText('A part of it').click();
  await page.getByLabel('Amount in USD').fill('7.25');
  // The service does what it is asked, and its answer never arrives.
  await page.route('**/v1/admin/refunds', async (route) => {
    await route.fetch();
    await route.abort();
  });
  await page.getByRole('button', { name: 'Refund US$7.25' }).click();
  await page.getByText(/It is not known whether the refund has been made/).waitFor();
  await assertAccessible(page);
  assert.ok(await page.getByLabel('Amount in USD').isDisabled(), 'nothing of it can be changed now');
  await page.unroute('**/v1/admin/refunds');
  await page.reload();
  await page.getByRole('button', { name: 'Done' }).waitFor();
  await page.getByText(/on its way to the bank/).waitFor();
  assert.deepEqual(
    (await refundsOf(payment_id)).map(({ amount_cents }) => amount_cents),
    [725],
  );
  assert.equal(traces.length, 2, 'it was asked for again');
  assert.match(traces[0] ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  assert.equal(traces[1], traces[0], 'and whoever follows the click finds both');
});

test('a change of what is left is shown, and nothing is sent before it was seen', async () => {
  const { payment_id } = await desk.pay({ amount_cents: 8_000 });
  const first = await desk.open('agent', `/payments/${payment_id}?refund=true`);
  await first.page.getByText('All that is left: US$80.00').waitFor();
  const second = await desk.open('approver', `/payments/${payment_id}?refund=true`);
  await second.page.getByText('A part of it').click();
  await second.page.getByLabel('Amount in USD').fill('30');
  await second.page.getByRole('button', { name: 'Refund US$30.00' }).click();
  await second.page.getByRole('button', { name: 'Done' }).waitFor();
  await first.page.getByText('It was US$80.00 and is US$50.00 now').waitFor();
  const send = first.page.getByRole('button', { name: 'Refund US$50.00' });
  assert.ok(await send.isDisabled());
  await first.page.getByRole('button', { name: 'I have seen it' }).click();
  await send.click();
  await first.page.getByRole('button', { name: 'Done' }).waitFor();
  assert.deepEqual(
    (await refundsOf(payment_id)).map(({ amount_cents }) => amount_cents),
    [3_000, 5_000],
  );
});

test('above the limit it says before that it goes to an approver, and nothing is sent', async () => {
  const { payment_id } = await desk.pay({ amount_cents: 25_000 });
  const { page } = await desk.open('agent', `/payments/${payment_id}?refund=true`);
  await page.getByText(/above your limit of US\$100.00/).waitFor();
  await assertAccessible(page);
  await page.getByRole('button', { name: 'Ask for approval of US$250.00' }).click();
  await page.getByText(/waits for the approval of somebody else/).waitFor();
  assert.deepEqual(
    (await refundsOf(payment_id)).map(({ status }) => status),
    ['awaiting_approval'],
  );
});

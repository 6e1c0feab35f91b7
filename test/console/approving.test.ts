import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { advanceClock } from '../../local/stripe/time.ts';
import { assertAccessible } from './axe.ts';
import { type Desk, openDesk } from './desk.ts';

let desk: Desk;
before(async () => {
  desk = await openDesk({ APPROVAL_LIMITS: 'agent:usd=10000,approver:usd=15000' });
});
after(() => desk[Symbol.asyncDispose]());

/** Asks for a refund as somebody, by the API. */
async function ask(as: string, amount_cents: number, more: { amount_of_payment?: number } = {}) {
  const { payment_id } = await desk.pay({ amount_cents: more.amount_of_payment ?? amount_cents });
  const { access_token } = await desk.issuer.mintToken({ as });
  const answer = await fetch(`${desk.url}/v1/admin/refunds`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${access_token}`,
      'content-type': 'application/json',
      'idempotency-key': crypto.randomUUID(),
    },
    body: JSON.stringify({ payment_id, amount_cents, reason: 'goodwill', note: 'She called twice.' }),
  });
  const { refund_id, ...rest } = (await answer.json()) as { refund_id: string };
  assert.ok(answer.status === 201 || answer.status === 202, JSON.stringify(rest));
  return { payment_id, refund_id };
}

test('somebody else approves, and whoever asked sees it happen', async () => {
  const { refund_id } = await ask('agent', 25_000, { amount_of_payment: 40_000 });
  const asking = await desk.open('agent', `/refunds/${refund_id}`);
  await asking.page.getByText(/waits for the approval of somebody else/).waitFor();
  assert.equal(await asking.page.getByRole('button', { name: 'Approve', exact: true }).count(), 0);

  const { page, complaints } = await desk.open('approver', '/approvals');
  await page.getByText('1 waits').waitFor();
  await page.getByRole('button', { name: /US\$250\.00.*Goodwill.*asked for by agent/ }).click();
  await page.getByText('She called twice.').waitFor();
  await page.getByRole('link', { name: 'customer_1' }).waitFor();
  await assertAccessible(page);
  await page.getByRole('button', { name: 'Approve', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('US$250.00 goes back to customer_1 as soon as you approve.').waitFor();
  await dialog.getByLabel('Note for colleagues').fill('Checked with the warehouse.');
  await assertAccessible(page);
  await dialog.getByRole('button', { name: 'Approve', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText(/on its way to the bank/).waitFor();

  await asking.page.getByText(/on its way to the bank/).waitFor();
  await asking.page.getByText('Checked with the warehouse.').waitFor();
  await assertAccessible(asking.page);
  assert.deepEqual(complaints, []);
});

test('nobody approves what they asked for: they are told who has to', async () => {
  const { refund_id } = await ask('approver', 20_000);
  const { page } = await desk.open('approver', `/approvals?refund_id=${refund_id}`);
  await page.getByText('You asked for this, so somebody else has to approve it.').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Approve', exact: true }).count(), 0);
  await page.getByRole('button', { name: 'Call it back' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Call it back' }).click();
  await page
    .getByText(/called back/i)
    .first()
    .waitFor();
  await page.getByRole('button', { name: 'Call it back' }).first().waitFor({ state: 'detached' });
});

test('a refund is rejected with a reason, which whoever asked reads', async () => {
  const { refund_id } = await ask('agent', 30_000);
  const { page } = await desk.open('approver', `/refunds/${refund_id}`);
  await page.getByRole('button', { name: 'Reject' }).click();
  const dialog = page.getByRole('dialog');
  assert.ok(await dialog.getByRole('button', { name: 'Reject' }).isDisabled());
  await dialog.getByLabel('Why, for colleagues').fill('The parcel has arrived.');
  await assertAccessible(page);
  await dialog.getByRole('button', { name: 'Reject' }).click();
  await page.getByText('The parcel has arrived.').waitFor();
  await page.getByText('Rejected').first().waitFor();
});

test('a refund that fails late says so by itself, and how it was put right is said once', async () => {
  const { refund_id } = await ask('agent', 6_603);
  const { page } = await desk.open('agent', `/refunds/${refund_id}`);
  await page.getByText(/on its way to the bank/).waitFor();
  advanceClock(desk.standIn.world, 14 * 86_400);
  await page.getByText('Still owed: US$66.03').waitFor();
  await assertAccessible(page);
  await page.getByRole('button', { name: 'Say how it was put right' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('combobox', { name: 'How' }).click();
  await page.getByRole('option', { name: /Paid in another way/ }).click();
  await dialog.getByLabel('Reference of the payment').fill('SEPA 2026-11-23/77');
  await assertAccessible(page);
  await dialog.getByRole('button', { name: 'Say how it was put right' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('Still owed: US$66.03').waitFor({ state: 'detached' });
  const { rows } = await desk.pool.query('SELECT resolution FROM refunds WHERE refund_id = $1', [refund_id]);
  assert.deepEqual(rows, [{ resolution: 'paid_otherwise' }]);
});

test('finance approves what others have asked for, and asks for nothing', async () => {
  const { refund_id } = await ask('agent', 12_300);
  const { page, complaints } = await desk.open('finance', '/');
  await page.getByRole('link', { name: 'Approvals' }).waitFor();
  const links = await page.getByRole('navigation').getByRole('link').allInnerTexts();
  assert.deepEqual(
    links.map((link) => link.trim()).filter((link) => /Bulk|Operations|Audit/.test(link)),
    [],
  );
  await page.goto(`${desk.url}/console/refunds/${refund_id}`);
  await page.getByRole('button', { name: 'Approve', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Approve', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText(/on its way to the bank/).waitFor();
  const { payment_id } = await desk.pay({ amount_cents: 1_000 });
  await page.goto(`${desk.url}/console/payments/${payment_id}`);
  await page.getByText(payment_id).first().waitFor();
  assert.equal(await page.getByRole('button', { name: /^Refund/ }).count(), 0);
  await assertAccessible(page);
  assert.deepEqual(complaints, []);
});

test('whoever may only read sees no way to move money', async () => {
  const { refund_id } = await ask('agent', 40_000);
  const { page } = await desk.open('auditor', `/refunds/${refund_id}?action=approve`);
  await page.getByText(/waits for the approval of somebody else/).waitFor();
  assert.equal(await page.getByRole('button', { name: /Approve|Reject|Call it back|Ask Stripe/ }).count(), 0);
  assert.equal(await page.getByRole('dialog').count(), 0);
  assert.equal(await page.getByRole('link', { name: 'Approvals' }).count(), 0);
});

test('the queue can be worked on a phone, in the dark', async () => {
  await ask('agent', 50_000);
  const { page } = await desk.open('approver', '/approvals', {
    width: 390,
    height: 844,
    colorScheme: 'dark',
  });
  await page.getByRole('button', { name: /US\$500\.00/ }).click();
  await page.getByRole('button', { name: 'Approve', exact: true }).waitFor();
  await assertAccessible(page);
});

test('an auditor reads who did what, and nobody else does', async () => {
  const { refund_id } = await ask('agent', 60_000);
  const { page, complaints } = await desk.open('auditor', `/audit?entity_id=${refund_id}`);
  await page.getByRole('cell', { name: 'refund.awaiting_approval' }).waitFor();
  await page.getByRole('button', { name: 'Show' }).first().click();
  await page.getByText('"amount_cents": 60000').waitFor();
  await assertAccessible(page);
  await page.getByLabel('Who').fill('nobody-at-all');
  await page.getByLabel('Who').press('Enter');
  await page.getByText('Nothing is recorded for these filters').waitFor();
  assert.deepEqual(complaints, []);
  const agent = await desk.open('agent', '/audit');
  await agent.page.getByText('Your role does not open this').waitFor();
  assert.equal(await agent.page.getByRole('link', { name: 'Audit log' }).count(), 0);
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeDifference } from '../support/make.ts';
import { assertAccessible } from './axe.ts';
import { type Desk, openDesk } from './desk.ts';

let desk: Desk;
before(async () => {
  desk = await openDesk();
  const { charge_id } = await desk.pay({ amount_cents: 5_000 });
  await desk.pool.query(
    `INSERT INTO stripe_events (event_id, stripe_event_id, event_type, object_type, object_id, livemode, status, error,
                                attempts, stripe_created_at, received_at)
     VALUES ('event_given_up', 'evt_given_up', 'charge.updated', 'charge', $1, false, 'failed',
             'stripe_unavailable: Stripe did not answer.', 12, now(), now())`,
    [charge_id],
  );
  await makeDifference(desk.pool);
});
after(() => desk[Symbol.asyncDispose]());

test('an operator finds an event that was given up, and has Stripe asked again', async () => {
  const { page, complaints } = await desk.open('operator', '/operations?status=failed');
  await page.getByText('evt_given_up').waitFor();
  await page.getByText('1, the oldest for', { exact: false }).first().waitFor();
  await assertAccessible(page);
  await page.getByRole('button', { name: 'Ask Stripe again' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(/what it says now comes into the books/).waitFor();
  await assertAccessible(page);
  await dialog.getByRole('button', { name: 'Ask Stripe again' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('No events here').waitFor();
  const { rows } = await desk.pool.query(
    `SELECT status FROM stripe_events WHERE event_id = 'event_given_up'`,
  );
  assert.deepEqual(rows, [{ status: 'processed' }]);
  assert.deepEqual(complaints, []);
});

test('a difference is settled with a word of how, and leaves those that are open', async () => {
  const { page } = await desk.open('operator', '/operations?tab=differences');
  await page.getByText('Not at Stripe').waitFor();
  await assertAccessible(page);
  await page.getByRole('button', { name: 'Settle it' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('How it was settled').fill('Asked the bank: it never left.');
  await assertAccessible(page);
  await dialog.getByRole('button', { name: 'Settle it' }).click();
  await page.getByText('The books and Stripe agree').waitFor();
  await page.getByLabel('Only those that are open').uncheck();
  await page.getByText('Settled by operator').waitFor();
  await page.getByText('Asked the bank: it never left.').waitFor();
});

test('the last day is compared when an operator asks, and what came of it is shown', async () => {
  const { page } = await desk.open('operator', '/operations?tab=runs');
  await page.getByRole('button', { name: 'Compare the last day now' }).click();
  await page.getByRole('row').filter({ hasText: 'Finished' }).nth(1).waitFor();
  await assertAccessible(page);
});

test('it can be looked at on a phone, in the dark, and not at all by an agent', async () => {
  const { page } = await desk.open('operator', '/operations?tab=runs', {
    width: 390,
    height: 844,
    colorScheme: 'dark',
  });
  await page.getByText('Finished').first().waitFor();
  await assertAccessible(page);
  const agent = await desk.open('agent', '/operations');
  await agent.page.getByText('Your role does not open this').first().waitFor();
  assert.equal(await agent.page.getByRole('link', { name: 'Operations' }).count(), 0);
});

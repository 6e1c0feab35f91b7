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
  await page.getByText('evt_given_up: What Stripe says now is in the books.').waitFor();
  await page.getByText('No events here').waitFor();
  await assertAccessible(page);
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
  await page.getByText('Nothing is left for a person').waitFor();
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

test('whoever signs in begins where their role lets them, and an operator sees whom the service reaches', async () => {
  const { page, complaints } = await desk.open('operator', '/');
  await page.waitForURL(`${desk.url}/console/operations`);
  await page.getByText('Database good').waitFor();
  await page.getByText('Stripe good').waitFor();
  await assertAccessible(page);
  assert.deepEqual(complaints, []);
  await page.route('**/readyz', (route) => route.fulfill({ status: 404, body: 'Not for browsers' }));
  await page.reload();
  await page.getByText(/cannot be asked from here/).waitFor();
  await page.getByText('Events to work on').waitFor();
  await assertAccessible(page);
  const agent = await desk.open('agent', '/');
  await agent.page.waitForURL(`${desk.url}/console/refunds`);
});

test('a refund of which nothing is known is shown to an operator, whose word leads an agent to it', async () => {
  const { payment_id } = await desk.pay({ customer_id: 'customer_unsure' });
  const fault = desk.standIn.faults.add({ kind: 'reset_before', method: 'POST', route: '/v1/refunds' });
  const { access_token } = await desk.issuer.mintToken({ as: 'agent' });
  const answer = await fetch(`${desk.url}/v1/admin/refunds`, {
    method: 'POST',
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ payment_id, amount_cents: 900 }),
  });
  assert.equal(answer.status, 202, await answer.text());
  const { page } = await desk.open('operator', '/operations', { width: 390, height: 844 });
  // Operators see no refunds: what they have is an address for somebody who does.
  const address = (await page.getByText('/console/refunds?unknown=true').textContent()) ?? '';
  assert.ok(address.startsWith(desk.url), address);
  await assertAccessible(page);

  const agent = await desk.open('agent', address.slice(`${desk.url}/console`.length));
  await agent.page.getByText('1 shown').waitFor();
  assert.ok(await agent.page.getByRole('checkbox', { name: 'Outcome not known' }).isChecked());
  await assertAccessible(agent.page);
  await agent.page.locator('tbody a[href*="/refunds/"]').click();
  await agent.page.getByText(/do not refund again/).waitFor();
  desk.standIn.faults.clear(fault.id);
  // As soon as Stripe answers it is known, to both.
  await agent.page.getByText(/on its way to the bank/).waitFor();
  await page.getByText('/console/refunds?unknown=true').waitFor({ state: 'detached' });
});

test('an operator has events sent somewhere, hands the secret on, tries it, and sends again what was given up', async () => {
  const { page, complaints } = await desk.open('operator', '/operations?tab=sent');
  await page.getByText('Events go nowhere yet').waitFor();
  await assertAccessible(page);
  await page.getByRole('button', { name: 'Add an endpoint' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Address').fill('https://user:secret@shop.example/events');
  await dialog.getByRole('button', { name: 'Add an endpoint' }).click();
  await dialog.getByText('must not have a user or a password', { exact: false }).waitFor();
  await assertAccessible(page);
  await dialog.getByLabel('Address').fill('https://shop.example/events');
  await dialog.getByRole('button', { name: 'Add an endpoint' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('https://shop.example/events').waitFor();
  await page.getByRole('button', { name: 'Show secret' }).click();
  await page.getByText(/^whsec_/).waitFor();
  await assertAccessible(page);
  await page.keyboard.press('Escape');
  await page.getByText(/^whsec_/).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Send a test event' }).click();
  await page.getByText('event_endpoint.test.v1').waitFor();
  await desk.pool.query(
    `UPDATE event_deliveries SET status = 'failed', due_at = NULL, attempts = 10, last_error = 'timeout'`,
  );
  await page.getByText('The receiver did not answer in time.').waitFor();
  await page.getByRole('button', { name: 'Send again' }).click();
  await page.getByRole('row').filter({ hasText: 'To be sent' }).waitFor();
  await assertAccessible(page);
  const { rows } = await desk.pool.query('SELECT status FROM event_deliveries');
  assert.deepEqual(rows, [{ status: 'pending' }]);
  await page.getByRole('button', { name: 'Switch off' }).click();
  await page.getByText('switched off by somebody').waitFor();
  // What the first address was refused with is said once by the browser, too.
  assert.deepEqual(
    complaints.filter((complaint) => !/422/.test(complaint)),
    [],
  );
});

test('where events go can be looked at on a phone, in the dark', async () => {
  const { page } = await desk.open('operator', '/operations?tab=sent', {
    width: 390,
    height: 844,
    colorScheme: 'dark',
  });
  await page.getByText('https://shop.example/events').waitFor();
  await assertAccessible(page);
  const width = await page.evaluate<number>('document.documentElement.scrollWidth');
  assert.ok(width <= 390, String(width));
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible } from './axe.ts';
import { type Desk, openDesk } from './desk.ts';

let desk: Desk;
before(async () => {
  desk = await openDesk();
});
after(() => desk[Symbol.asyncDispose]());

test('a session that ends while somebody types leaves what they typed: they sign in again, come back to it, and it is sent once', async () => {
  const { payment_id } = await desk.pay({ amount_cents: 5_000 });
  const { page } = await desk.open('agent', `/payments/${payment_id}?refund=true`);
  await page.getByText('A part of it').click();
  await page.getByLabel('Amount in USD').fill('6.50');
  await page.getByLabel('Note').fill('Agreed with the warehouse.');
  await desk.pool.query('DELETE FROM sessions');
  await page.getByRole('button', { name: 'Refund US$6.50' }).click();
  await page.getByRole('dialog', { name: 'You are no longer signed in' }).waitFor();
  await assertAccessible(page);
  await page.getByRole('link', { name: 'Sign in again' }).click();
  await page.getByRole('button', { name: 'Done' }).waitFor();
  assert.equal(page.url(), `${desk.url}/console/payments/${payment_id}?refund=true`);
  const { rows } = await desk.pool.query('SELECT amount_cents, note FROM refunds WHERE payment_id = $1', [
    payment_id,
  ]);
  assert.deepEqual(
    rows.map(({ amount_cents, note }) => [Number(amount_cents), note]),
    [[650, 'Agreed with the warehouse.']],
  );
});

test('what is behind the word that the session has ended is still there, and what was typed is when nothing was sent', async () => {
  const { payment_id } = await desk.pay({ amount_cents: 5_000 });
  const { page } = await desk.open('agent', `/payments/${payment_id}?refund=true`);
  await page.getByText('A part of it').click();
  await page.getByLabel('Amount in USD').fill('3.33');
  await desk.pool.query('DELETE FROM sessions');
  // The page looks at the payment every few seconds, and hears that nobody is signed in.
  await page.getByRole('dialog', { name: 'You are no longer signed in' }).waitFor();
  await page.getByRole('link', { name: 'Sign in again' }).click();
  await page.getByLabel('Amount in USD').waitFor();
  assert.equal(await page.getByLabel('Amount in USD').inputValue(), '3.33');
});

test('a role sees only what it may do', async () => {
  const { payment_id } = await desk.pay({ amount_cents: 5_000 });
  const { page, complaints } = await desk.open('auditor', `/payments/${payment_id}`);
  await page.getByText('Left US$50.00').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Refund' }).count(), 0);
  await page.goto(`${desk.url}/console/payments/${payment_id}?refund=true`);
  await page.getByText('Left US$50.00').waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
  assert.deepEqual(complaints, []);
});

test('somebody whose role opens nothing is told so', async () => {
  const { page } = await desk.open('nobody', '/refunds');
  await page.getByText('Your role does not open this').waitFor();
  await assertAccessible(page);
});

test('an error is shown in place with the service’s sentence and the request’s id, and asked again where that helps', async () => {
  await desk.pay({ customer_id: 'customer_failing' });
  const { page } = await desk.open('agent', '/refunds');
  await page.getByText('No refunds').or(page.getByRole('table')).first().waitFor();
  await page.route('**/v1/admin/refunds/detailed*', (route) =>
    route.fulfill({
      status: 500,
      headers: { 'x-request-id': 'req_of_this_test', 'content-type': 'application/json' },
      body: JSON.stringify({ error: 'internal_error', message: 'Something went wrong here.' }),
    }),
  );
  await page.goto(`${desk.url}/console/refunds?customer_id=customer_failing`);
  await page.getByText('Something went wrong here.').waitFor();
  await page.getByText('req_of_this_test').waitFor();
  await assertAccessible(page);
  await page.unroute('**/v1/admin/refunds/detailed*');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('No refund fits these filters').waitFor();
  await assertAccessible(page);
});

test('offline is said, what was seen stays, and it goes on by itself afterwards', async () => {
  const { payment_id } = await desk.pay({ amount_cents: 5_000 });
  const { page, context } = await desk.open('agent', `/payments/${payment_id}`);
  await page.getByText('Left US$50.00').waitFor();
  await context.setOffline(true);
  await page.getByText('You are offline.').waitFor();
  await page.getByText('Left US$50.00').waitFor();
  await assertAccessible(page);
  await context.setOffline(false);
  await page.getByText('You are offline.').waitFor({ state: 'detached' });
});

test('signing out ends the session and leaves nothing of what was typed', async () => {
  const { payment_id } = await desk.pay({ amount_cents: 5_000 });
  const { page } = await desk.open('agent', `/payments/${payment_id}?refund=true`);
  await page.getByLabel('Note').fill('Something about somebody.');
  await page.getByRole('button', { name: 'Close', exact: true }).click();
  await page.goto(`${desk.url}/console/payments/${payment_id}?refund=true`);
  await page.getByLabel('Note').fill('Something about somebody else.');
  await page.goto(`${desk.url}/console/refunds`);
  await page.getByRole('button', { name: 'Signed in as Amina Yusuf' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL((url) => !url.href.startsWith(`${desk.url}/console/refunds`));
  await page.goto(`${desk.url}/console/refunds`);
  await page.getByRole('link', { name: 'Sign in' }).waitFor();
  await assertAccessible(page);
  const kept = await page.evaluate('JSON.stringify(sessionStorage) + JSON.stringify(localStorage)');
  assert.doesNotMatch(String(kept), /Something about|draft/);
});

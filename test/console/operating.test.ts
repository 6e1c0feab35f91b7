import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createRefund } from '../../local/stripe/resources/refunds.ts';
import { newId } from '../../service/src/ids.ts';
import { makePayment } from '../support/make.ts';
import { assertAccessible } from './axe.ts';
import { type Desk, openDesk } from './desk.ts';

const ROOMS = [
  ['', 'Operations'],
  ['/events', 'Events from Stripe'],
  ['/reconciliations', 'Reconciliations'],
  ['/differences', 'Differences'],
] as const;

let desk: Desk;
before(async () => {
  desk = await openDesk();
});
after(() => desk[Symbol.asyncDispose]());

/** A refund that somebody made at Stripe, and the event of it as it is left after the last attempt: given up, and the books know nothing. */
async function giveUp() {
  const { charge_id } = await desk.pay();
  const lost = desk.standIn.faults.addWebhook({ kind: 'lost' });
  const refund = createRefund(desk.standIn.world, { charge: charge_id, amount: 700 });
  desk.standIn.faults.clear(lost.id);
  const event_id = newId('event');
  await desk.pool.query(
    `INSERT INTO stripe_events (event_id, stripe_event_id, event_type, object_type, object_id, livemode, status, attempts,
                                error, stripe_created_at, received_at, processed_at)
     VALUES ($1, $2, 'refund.created', 'refund', $3, false, 'failed', 25,
             'stripe_unavailable: Stripe did not answer as expected with 500.', now(), now(), now())`,
    [event_id, event_id.replace('event_', 'evt_'), refund.id],
  );
  return { stripe_refund_id: refund.id, stripe_event_id: event_id.replace('event_', 'evt_') };
}

const isKnown = async (stripe_refund_id: string) =>
  (await desk.pool.query('SELECT 1 FROM refunds WHERE stripe_refund_id = $1', [stripe_refund_id]))
    .rowCount === 1;

test('an operator begins at how the service is doing, finds what was given up, and replays it into the books', async () => {
  const { stripe_refund_id } = await giveUp();
  const { page, complaints } = await desk.open('operator', '/');
  await page.waitForURL(`${desk.url}/console/operations`);
  await page.getByText('Database').waitFor();
  await page.getByText('Stripe', { exact: true }).waitFor();
  await page.getByText('Look at it').first().waitFor();
  await assertAccessible(page);
  await page.getByRole('link', { name: 'Given up' }).click();
  await page.getByRole('cell', { name: 'Stripe did not answer as expected with 500.' }).waitFor();
  assert.equal(new URL(page.url()).search, '?status=failed');
  await assertAccessible(page);

  await page.getByRole('row', { name: stripe_refund_id }).getByRole('link').click();
  const dialog = page.getByRole('dialog', { name: 'refund.created' });
  await dialog.getByText(stripe_refund_id).waitFor();
  await assertAccessible(page);
  await dialog.getByRole('button', { name: 'Replay', exact: true }).click();
  await dialog.getByText(/Nothing is done twice/).waitFor();
  assert.equal(await isKnown(stripe_refund_id), false);
  await assertAccessible(page);
  await dialog.getByRole('button', { name: 'Replay now' }).click();
  await dialog.getByRole('status').getByText('What Stripe says now is in the books.').waitFor();
  await assertAccessible(page);
  assert.equal(await isKnown(stripe_refund_id), true);
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await page.getByText('No event fits these filters').waitFor();
  await assertAccessible(page);
  assert.deepEqual(complaints, []);
});

test('an event is replayed by the id that somebody has of it, and one that is not there is said to be none', async () => {
  const { stripe_refund_id, stripe_event_id } = await giveUp();
  const { page } = await desk.open('operator', '/operations/events');
  const replay = async (id: string) => {
    await page.getByLabel('Id of the event').fill(id);
    await page.getByRole('button', { name: 'Replay', exact: true }).click();
    await page.getByRole('button', { name: 'Replay now' }).click();
  };
  await replay('evt_nobody_has');
  await page.getByText('There is no such event in the inbox.').waitFor();
  await assertAccessible(page);
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click();
  await replay(stripe_event_id);
  await page.getByText('What Stripe says now is in the books.').waitFor();
  assert.equal(await isKnown(stripe_refund_id), true);
});

test('a link to an event opens it, with the filters under it', async () => {
  const { stripe_refund_id } = await giveUp();
  const { rows } = await desk.pool.query<{ event_id: string }>(
    'SELECT event_id FROM stripe_events WHERE object_id = $1',
    [stripe_refund_id],
  );
  const address = `/operations/events?object_id=${stripe_refund_id}&event_id=${rows[0]?.event_id}`;
  const { page } = await desk.open('operator', address);
  await page.getByRole('dialog').getByText('Stripe did not answer as expected with 500.').waitFor();
  await page.keyboard.press('Escape');
  await page.getByText('1 shown').waitFor();
  assert.equal(new URL(page.url()).search, `?object_id=${stripe_refund_id}`);
  await page.goto(`${desk.url}/console/operations/events?status=processed&event_id=${rows[0]?.event_id}`);
  await page.getByText('This event is not among those shown').waitFor();
  await assertAccessible(page);
});

test('a reconciliation is started and finds what Stripe does not have, which an operator closes with a word', async () => {
  const { payment } = await makePayment(desk.pool);
  const { page, complaints } = await desk.open('operator', '/operations/reconciliations');
  await page.getByText('The books were never held against Stripe').waitFor();
  await assertAccessible(page);
  await page.getByRole('button', { name: 'Start a reconciliation' }).click();
  const starting = page.getByRole('dialog');
  await starting.getByLabel('Until').fill('2020-01-01');
  await starting.getByText('Choose a day that is not before the first.').waitFor();
  assert.ok(await starting.getByRole('button', { name: 'Start a reconciliation' }).isDisabled());
  await assertAccessible(page);
  await starting.getByLabel('Until').fill('');
  await starting.getByRole('button', { name: 'Start a reconciliation' }).click();
  await page.getByText('asked for by operator').waitFor();
  await page.getByText(/left for a person/).waitFor();
  await page.getByText('Finished').waitFor();
  await assertAccessible(page);
  await page.getByRole('link', { name: 'Its differences' }).click();

  const close = page.getByRole('button', { name: `Close the difference of ${payment.payment_id}` });
  await page.getByRole('heading', { name: 'Payment: Not at Stripe' }).waitFor();
  await page.getByRole('cell', { name: 'US$100.00' }).first().waitFor();
  await assertAccessible(page);
  await close.click();
  const dialog = page.getByRole('dialog');
  assert.ok(await dialog.getByRole('button', { name: 'Close the difference' }).isDisabled());
  await dialog.getByLabel('How it was settled').fill('Made by a test, never at Stripe.');
  await assertAccessible(page);
  await dialog.getByRole('button', { name: 'Close the difference' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('by operator').waitFor();
  await page.getByText('Made by a test, never at Stripe.').waitFor();
  await close.waitFor({ state: 'detached' });
  await assertAccessible(page);
  const { rows } = await desk.pool.query(
    'SELECT closed_by_id, note FROM reconcile_differences WHERE entity_id = $1',
    [payment.payment_id],
  );
  assert.deepEqual(rows, [{ closed_by_id: 'operator', note: 'Made by a test, never at Stripe.' }]);

  await page.getByRole('link', { name: 'Differences', exact: true }).click();
  await page.getByText('No difference is left for a person').waitFor();
  assert.equal(new URL(page.url()).search, '?open=true');
  await assertAccessible(page);
  assert.deepEqual(complaints, []);
});

test('an agent sees none of it, wherever they come from', async () => {
  const { page } = await desk.open('agent', '/');
  await page.waitForURL(`${desk.url}/console/refunds`);
  assert.equal(await page.getByRole('link', { name: 'Operations' }).count(), 0);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  for (const [path] of ROOMS) {
    await page.goto(`${desk.url}/console/operations${path}`);
    await page.getByText('Your role does not open this').waitFor();
    assert.equal(await page.getByRole('button', { name: /Replay|Start|Close/ }).count(), 0);
  }
  await assertAccessible(page);
  assert.deepEqual(
    asked.filter((path) => path.startsWith('/v1/') || path === '/readyz'),
    [],
  );
});

test('what cannot be asked is said in its place, and the rest is there', async () => {
  const { page } = await desk.open('operator', '/operations');
  await page.getByText('Database').waitFor();
  await page.route('**/readyz', (route) => route.fulfill({ status: 404, body: 'Not here' }));
  await page.reload();
  await page.getByText('Its health cannot be asked from here').waitFor();
  await page.getByRole('link', { name: 'On the shelf' }).waitFor();
  await assertAccessible(page);
  for (const [path, api] of [
    ['', 'operations'],
    ['/events', 'webhook-events'],
    ['/reconciliations', 'reconcile-runs'],
    ['/differences', 'reconcile-differences'],
  ]) {
    await page.route(`**/v1/admin/${api}*`, (route) =>
      route.fulfill({ status: 500, json: { error: 'internal_error', message: `No ${api} here.` } }),
    );
    await page.goto(`${desk.url}/console/operations${path}`);
    await page.getByText(`No ${api} here.`).waitFor();
    await assertAccessible(page);
    await page.unroute(`**/v1/admin/${api}*`);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText(`No ${api} here.`).waitFor({ state: 'detached' });
  }
});

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [1_280, 390]) {
    test(`each page can be read by everybody at ${width} px, ${colorScheme}`, async () => {
      await giveUp();
      const { page } = await desk.open('operator', '/operations', { width, colorScheme });
      for (const [path, heading] of ROOMS) {
        await page.goto(`${desk.url}/console/operations${path}`);
        await page.getByRole('heading', { level: 1, name: heading }).waitFor();
        await page.locator('main [aria-label=Loading]').first().waitFor({ state: 'detached' });
        await assertAccessible(page);
        const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
        assert.ok(Number(overflow) <= 0, `${path} is ${String(overflow)} px too wide`);
      }
      await page.goto(`${desk.url}/console/operations/events?status=failed`);
      await page
        .getByRole('link', { name: /refund\.created/ })
        .first()
        .click();
      await page.getByRole('dialog').getByRole('button', { name: 'Replay', exact: true }).click();
      await page.getByRole('button', { name: 'Replay now' }).waitFor();
      await assertAccessible(page);
    });
  }
}

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
  const { page } = await desk.open('operator', '/operations');
  await page.getByText('Refunds of which Stripe has not said what has become.').waitFor();
  await assertAccessible(page);
  // Operators see no refunds: what they see is an address for somebody who does.
  const address = (await page.getByText('/console/refunds?unknown=true').textContent()) ?? '';
  assert.ok(address.startsWith(desk.url), address);

  const agent = await desk.open('agent', address.slice(`${desk.url}/console`.length));
  await agent.page.getByText('1 shown').waitFor();
  assert.ok(await agent.page.getByRole('checkbox', { name: 'Outcome not known' }).isChecked());
  await agent.page.locator('tbody a[href*="/refunds/"]').click();
  await agent.page.getByText('customer_unsure').waitFor();
  await agent.page.getByText(/do not refund again/).waitFor();
  desk.standIn.faults.clear(fault.id);
  // It is known as soon as Stripe answers, and the operator is told of nothing any more.
  await agent.page.getByText(/on its way to the bank/).waitFor();
  await page
    .getByText('Refunds of which Stripe has not said what has become.')
    .waitFor({ state: 'detached' });
});

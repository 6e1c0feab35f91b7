import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible } from './axe.ts';
import { type Desk, openDesk } from './desk.ts';

let desk: Desk;
let paths: readonly (readonly [as: string, path: string])[];
before(async () => {
  desk = await openDesk();
  const { payment_id } = await desk.pay({ amount_cents: 90_000, payment_method: 'pm_card_createDispute' });
  const other = await desk.pay({ amount_cents: 5_000 });
  const { access_token } = await desk.issuer.mintToken({ as: 'approver' });
  const answer = await fetch(`${desk.url}/v1/admin/refunds`, {
    method: 'POST',
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ payment_id: other.payment_id, amount_cents: 400, reason: 'duplicate' }),
  });
  const { refund_id } = (await answer.json()) as { refund_id: string };
  paths = [
    ['approver', '/refunds'],
    ['approver', `/refunds/${refund_id}`],
    ['approver', '/approvals'],
    ['approver', '/payments'],
    ['approver', `/payments/${payment_id}`],
    ['approver', `/payments/${other.payment_id}?refund=true`],
    ['approver', '/customers/customer_1'],
    ['approver', '/bulk'],
    ['approver', '/bulk/new'],
    ['approver', '/insights'],
    ['auditor', '/audit'],
    ['operator', '/operations'],
  ];
});
after(() => desk[Symbol.asyncDispose]());

/** What makes a page wider than its window; what is scrolled by itself, as a wide table is, does not. */
const BEYOND = `(() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth <= clientWidth) return [];
  return [...document.querySelectorAll('main *')]
    .filter((one) => one.getBoundingClientRect().right > clientWidth)
    .map((one) => one.outerHTML.slice(0, 160));
})()`;

/** What moves, for longer than can be seen. */
const MOVING = `document.getAnimations()
  .filter((one) => one.playState === 'running' && one.effect.getTiming().duration > 1)
  .map((one) => (one.animationName ?? one.transitionProperty) + ' of ' + one.effect.target.outerHTML.slice(0, 160))`;

for (const [zoom, width] of [
  ['200 %', 640],
  ['400 %', 320],
] as const) {
  test(`at ${zoom} everything is still there, and nothing has to be scrolled sideways to be read (WCAG 2.2, 1.4.4 and 1.4.10)`, async () => {
    for (const as of new Set(paths.map(([who]) => who))) {
      // A desk's window of 1280 points, magnified so much, is as wide as this.
      const first = paths.find(([who]) => who === as)?.[1] ?? '/refunds';
      const { page, context } = await desk.open(as, first, { width, height: 700 });
      for (const [, path] of paths.filter(([who]) => who === as)) {
        await page.goto(`${desk.url}/console${path}`);
        await page.getByRole('heading', { level: 1 }).first().waitFor();
        await page.waitForLoadState('networkidle');
        const beyond = await page.evaluate<string[]>(BEYOND);
        assert.deepEqual(beyond, [], path);
      }
      await context.close();
    }
  });
}

test('whoever wants no motion sees none, and a customer with a dispute is shown with it', async () => {
  const { page } = await desk.open('agent', '/customers/customer_1');
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.getByRole('heading', { name: 'Disputes' }).waitFor();
  await page.getByText('needs response').waitFor();
  await assertAccessible(page);
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByRole('dialog').waitFor();
  const moving = await page.evaluate<string[]>(MOVING);
  assert.deepEqual(moving, []);
});

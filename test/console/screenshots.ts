import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { findPerson } from '../../local/issuer/people.ts';
import { isUp, makeWorldFolder } from '../support/local-world.ts';
import { launchChromium } from './chromium.ts';

const HELP = `npm run screenshots [-- options]

Pictures of every page of the console, with the sample data of \`npm start\`: as a desk and as a phone has it, light and dark.

  --out <folder>   where they go (.local/screenshots)
  --only <word>    only pages with that word in their name
  --help           this text
`;

interface Shot {
  name: string;
  as: string;
  /** Under `/console`. */
  path: string;
  /** What leads from there to what is to be seen; resolves when it is there. */
  reach?: (page: Page) => Promise<void>;
}

const follow = (selector: string) => async (page: Page) => {
  await page.locator(selector).first().click();
  await page.getByRole('heading', { level: 1 }).waitFor();
};

/** Every page, as somebody whom it is for. */
const SHOTS: readonly Shot[] = [
  { name: 'refunds', as: 'agent', path: '/refunds' },
  { name: 'refunds-attention', as: 'agent', path: '/refunds?needs_attention=true' },
  {
    name: 'refund',
    as: 'agent',
    path: '/refunds?status=succeeded',
    reach: follow('main a[href*="/refunds/refund_"]'),
  },
  {
    name: 'refund-owed',
    as: 'agent',
    path: '/refunds?needs_attention=true',
    reach: follow('main a[href*="/refunds/refund_"]'),
  },
  {
    name: 'refunding',
    as: 'agent',
    path: '/refunds?needs_attention=true',
    async reach(page) {
      await page.locator('main a[href*="/refunds/refund_"]').first().click();
      await page.locator('main a[href*="/payments/payment_"]').first().click();
      await page.getByRole('button', { name: 'Refund', exact: true }).click();
      await page.getByText('A part of it').click();
      await page.getByRole('textbox', { name: /Amount in/ }).fill('4.20');
      await page.getByText(/remain\.$/).waitFor();
    },
  },
  { name: 'insights', as: 'agent', path: '/insights?currency=eur' },
  {
    name: 'search',
    as: 'agent',
    path: '/refunds',
    async reach(page) {
      await page.keyboard.press('Control+k');
      await page.getByLabel('Any id').fill('customer_000');
      await page.getByRole('option').first().waitFor();
    },
  },
  { name: 'payments', as: 'agent', path: '/payments' },
  {
    name: 'customer',
    as: 'agent',
    path: '/refunds?needs_attention=true',
    async reach(page) {
      await follow('main a[href*="/refunds/refund_"]')(page);
      await follow('main a[href*="/customers/"]')(page);
      await page.getByText('First paid').waitFor();
    },
  },
  {
    name: 'approvals',
    as: 'approver',
    path: '/approvals',
    async reach(page) {
      await page.locator('ul.cards button').first().click();
      await page.getByRole('heading', { level: 2 }).first().waitFor();
    },
  },
  {
    name: 'bulk-new',
    as: 'agent',
    path: '/bulk/new',
  },
  {
    name: 'bulk',
    as: 'agent',
    path: '/payments?status=succeeded',
    async reach(page) {
      const select = page.getByRole('checkbox', { name: 'Select for bulk refund' });
      if ((await select.count()) === 0) return;
      for (const at of [0, 1, 2, 3]) await select.nth(at).check();
      await page.getByRole('button', { name: /payments in bulk/ }).click();
      await page.getByLabel('Name').first().fill('Storm of last week');
      await page.getByRole('combobox', { name: /Reason for rows/ }).click();
      await page.getByRole('option', { name: 'Goodwill' }).click();
      await page.getByRole('button', { name: 'Check them' }).click();
      await page.getByText(/rows are done/).waitFor();
    },
  },
  { name: 'audit', as: 'auditor', path: '/audit' },
  { name: 'operations', as: 'operator', path: '/operations' },
  { name: 'operations-runs', as: 'operator', path: '/operations?tab=runs' },
];

const LOOKS = [
  { look: 'desktop-light', width: 1_280, height: 860, colorScheme: 'light' },
  { look: 'desktop-dark', width: 1_280, height: 860, colorScheme: 'dark' },
  { look: 'phone-light', width: 390, height: 844, colorScheme: 'light' },
  { look: 'phone-dark', width: 390, height: 844, colorScheme: 'dark' },
] as const;

async function takeShots(browser: Browser, url: string, out: string, only: string): Promise<void> {
  const shots = SHOTS.filter(({ name }) => name.includes(only));
  for (const { look, ...options } of LOOKS) {
    for (const as of new Set(shots.map((shot) => shot.as))) {
      const { width, height, colorScheme } = options;
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme,
        locale: 'en-GB',
        timezoneId: 'Europe/Berlin',
        reducedMotion: 'reduce',
      });
      const page = await context.newPage();
      await page.goto(`${url}/console`);
      await page.getByRole('link', { name: 'Sign in' }).click();
      await page.getByRole('button', { name: findPerson(as)?.name ?? as }).click();
      await page.getByRole('heading', { level: 1 }).waitFor();
      for (const { name, path, reach } of shots.filter((shot) => shot.as === as)) {
        await page.goto(`${url}/console${path}`);
        await page.getByRole('heading', { level: 1 }).waitFor();
        await page.waitForLoadState('networkidle');
        await reach?.(page);
        await page.waitForLoadState('networkidle');
        await page.screenshot({ path: join(out, `${name}-${look}.png`) });
        process.stdout.write(`  ${name}-${look}.png\n`);
      }
      await context.close();
    }
  }
}

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: '.local/screenshots' },
    only: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) process.stdout.write(HELP);
else {
  await using folder = await makeWorldFolder();
  await using world = folder.start();
  await isUp(world);
  const [url = ''] = await world.says(/http:\/\/127\.0\.0\.1:\d+(?=\/console)/);
  await mkdir(values.out, { recursive: true });
  const browser = await launchChromium();
  try {
    await takeShots(browser, url, values.out, values.only);
  } finally {
    await browser.close();
  }
}

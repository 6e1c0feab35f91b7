import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { buildDocs } from '../../local/console.ts';
import { startTestApp } from '../support/app.ts';
import { assertAccessible } from './axe.ts';
import { launchChromium } from './chromium.ts';

let service: Awaited<ReturnType<typeof startTestApp>>;
let browser: Browser;
let places: string[];
before(async () => {
  await buildDocs();
  service = await startTestApp();
  browser = await launchChromium();
  places = JSON.parse(
    readFileSync(fileURLToPath(new URL('../../docs/dist/built.json', import.meta.url)), 'utf8'),
  );
});
after(async () => {
  await browser?.close();
  await service?.[Symbol.asyncDispose]();
});

const addressOf = (place: string) => `${service.url}/docs${place === '' ? '' : `/${place}`}`;

async function open(
  width: number,
  colorScheme: 'light' | 'dark',
): Promise<[page: Page, complaints: string[]]> {
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  return [page, complaints];
}

/** Pages of every kind: the index, guides with code and pictures, wide tables, long texts. */
const KINDS = ['', 'guides/first-refund', 'guides/console', 'settings', 'concepts', 'proof', 'decisions'];

for (const colorScheme of ['light', 'dark'] as const) {
  test(`pages of every kind can be read by everybody, ${colorScheme}, and load nothing that their policy refuses`, async () => {
    const [page, complaints] = await open(1_280, colorScheme);
    for (const place of KINDS) {
      await page.goto(addressOf(place));
      await assertAccessible(page);
    }
    assert.deepEqual(complaints, []);
    await page.context().close();
  });
}

test('on a phone of 360 points no page is scrolled sideways, and none complains', async () => {
  const [page, complaints] = await open(360, 'light');
  const beyond: string[] = [];
  for (const place of places) {
    await page.goto(addressOf(place));
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    if (width > 360) beyond.push(`${place}: ${width}`);
  }
  assert.deepEqual(beyond, []);
  assert.deepEqual(complaints, []);
  await page.goto(addressOf(''));
  await assertAccessible(page);
  await page.getByText('All pages').click();
  await page.getByRole('link', { name: 'Operating', exact: true }).first().click();
  await page.waitForURL(addressOf('guides/operate'));
  await page.context().close();
});

test('every link within the documentation leads to a page, and to a heading on it', async () => {
  const anchors = new Map<string, Set<string>>();
  const links: [from: string, to: string][] = [];
  for (const place of places) {
    const html = await (await fetch(addressOf(place))).text();
    const path = new URL(addressOf(place)).pathname;
    anchors.set(path, new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id = '']) => id)));
    for (const [, href = ''] of html.matchAll(/ href="((?:\/docs|#)[^"]*)"/g)) links.push([path, href]);
  }
  assert.ok(links.length > 500);
  const broken: string[] = [];
  for (const [from, to] of links) {
    const { pathname, hash } = new URL(to, `${service.url}${from}`);
    if (pathname.startsWith('/docs/assets/')) continue;
    const found = anchors.get(pathname);
    if (found === undefined || (hash !== '' && !found.has(decodeURIComponent(hash.slice(1)))))
      broken.push(`${from} → ${to}`);
  }
  assert.deepEqual([...new Set(broken)], []);
});

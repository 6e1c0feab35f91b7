import { performance } from 'node:perf_hooks';
import type { BrowserContext, Page } from 'playwright-core';
import { type Desk, openDesk } from '../test/console/desk.ts';
import { announceServer } from '../test/support/database.ts';
import { fillBooks } from '../test/support/rows.ts';
import { startTestServer } from '../test/support/server.ts';
import type { Progress } from './world.ts';

/** How long somebody at the console waits, in milliseconds. */
export interface ConsoleFigures {
  refunds: number;
  /** From asking for the address to the list's first row, with nothing in the browser's cache. */
  opened: Waits;
  /** The same with the files in the cache. */
  opened_again: Waits;
  /** From choosing a filter to the first row of what it leaves. */
  filtered: Waits;
  /** From asking for more rows to the last of them. */
  more: Waits;
  /** From asking the API for something by its id to the answer. */
  found: Waits;
  /** How much of what is seen jumps while the list opens (Cumulative Layout Shift; below 0.1 is good, https://web.dev/cls). */
  layout_shift: number;
}

interface Waits {
  p50_ms: number;
  max_ms: number;
}

export interface ConsoleOptions {
  refunds: number;
  times: number;
  onProgress: Progress;
}

const BUSY = 'cus_busy';
const ROWS = 'tbody tr';

/** Measures the console in a real browser, on the machine on which the service and PostgreSQL run. */
export async function measureConsole({
  refunds,
  times,
  onProgress,
}: ConsoleOptions): Promise<ConsoleFigures> {
  await using stack = new AsyncDisposableStack();
  const server = await startTestServer(undefined);
  stack.defer(() => server.stop());
  announceServer(server);
  // What is put in directly has no history, of which books that balance consist.
  const desk = stack.use(await openDesk({}, async () => {}));
  onProgress(`putting ${refunds} refunds in`);
  const payments = Math.ceil(refunds / 4);
  await fillBooks(desk.pool, { payments, refunds, busy: BUSY });

  onProgress('opening the list');
  const { page, context } = await desk.open('agent', '/refunds');
  await firstRow(page);
  const cookies = await context.cookies();
  const opened: number[] = [];
  const shifts: number[] = [];
  await repeat(times, async () => {
    await using fresh = await openContext(desk, cookies);
    opened.push(await timed(() => openList(desk, fresh.page)));
    shifts.push(await fresh.page.evaluate<number>(LAYOUT_SHIFT));
  });
  const opened_again: number[] = [];
  await repeat(times, async () => {
    opened_again.push(await timed(() => openList(desk, page)));
  });

  onProgress('filtering');
  const filtered: number[] = [];
  for (const search of ['status=failed', 'needs_attention=true', 'reason=duplicate', `customer_id=${BUSY}`]) {
    await repeat(Math.ceil(times / 4), async () => {
      await openList(desk, page);
      filtered.push(await timed(() => filter(page, search)));
    });
  }
  const more: number[] = [];
  await openList(desk, page);
  await repeat(times, async () => {
    const before = await page.locator(ROWS).count();
    more.push(
      await timed(async () => {
        await page.getByRole('button', { name: 'Show more' }).click();
        await page.locator(ROWS).nth(before).waitFor();
      }),
    );
  });

  onProgress('searching');
  const found: number[] = [];
  const last = String(payments).padStart(8, '0');
  for (const q of [`payment_${last}`, `ch_${payments}`, `re_${refunds}`, BUSY, 'nothing-of-that-name']) {
    await repeat(times, async () => {
      found.push(
        await timed(async () => {
          const answer = await page.request.get(`${desk.url}/v1/admin/search`, { params: { q } });
          if (!answer.ok()) throw new Error(`The search answered ${answer.status()}`);
        }),
      );
    });
  }
  return {
    refunds,
    opened: waits(opened),
    opened_again: waits(opened_again),
    filtered: waits(filtered),
    more: waits(more),
    found: waits(found),
    layout_shift: Math.max(...shifts),
  };
}

type Cookies = Awaited<ReturnType<BrowserContext['cookies']>>;

/** A browser that has nothing but the session. */
async function openContext(desk: Desk, cookies: Cookies) {
  const context = await desk.browser.newContext({ viewport: { width: 1_280, height: 860 } });
  await context.addCookies(cookies);
  return { page: await context.newPage(), [Symbol.asyncDispose]: () => context.close() };
}

async function openList({ url }: Desk, page: Page): Promise<void> {
  await page.goto(`${url}/console/refunds`, { waitUntil: 'commit' });
  await firstRow(page);
}

const firstRow = (page: Page) => page.locator(ROWS).first().waitFor();

/** What following a link within the console does. */
async function filter(page: Page, search: string): Promise<void> {
  const answered = page.waitForResponse(
    (response) => response.url().includes(`/detailed?`) && response.url().includes(search),
  );
  const address = JSON.stringify(`/console/refunds?${search}`);
  await page.evaluate(
    `history.pushState(null, '', ${address}); dispatchEvent(new PopStateEvent('popstate'))`,
  );
  await answered;
  await firstRow(page);
}

/** The sum of what has jumped since the page began to open. */
const LAYOUT_SHIFT = `new Promise((resolve) => {
  new PerformanceObserver((list) => {
    resolve(list.getEntries().reduce((sum, { value }) => sum + value, 0));
  }).observe({ type: 'layout-shift', buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => resolve(0)));
})`;

async function repeat(times: number, work: () => Promise<void>): Promise<void> {
  for (let time = 0; time < times; time += 1) await work();
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

function waits(all: number[]): Waits {
  const sorted = all.toSorted((a, b) => a - b);
  return { p50_ms: sorted[Math.floor(sorted.length / 2)] ?? NaN, max_ms: sorted.at(-1) ?? NaN };
}

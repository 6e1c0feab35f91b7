import getPort from 'get-port';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { buildConsole } from '../../local/console.ts';
import { findPerson } from '../../local/issuer/people.ts';
import { API_AUDIENCE } from '../../local/issuer/scopes.ts';
import { type Issuer, startIssuer } from '../../local/issuer/start.ts';
import { createPaymentIntent } from '../../local/stripe/resources/payment_intents.ts';
import { createWebhookEndpoint } from '../../local/stripe/resources/webhook_endpoints.ts';
import { type StripeStandIn, startStripe } from '../../local/stripe/server.ts';
import { TEST_KEY } from '../../local/stripe/testing.ts';
import { createPool, type Pool } from '../../service/src/database/pool.ts';
import { until } from '../../service/src/stripe/test-world.ts';
import { assertBooksBalance } from '../support/books.ts';
import { createTestDatabase } from '../support/database.ts';
import { Service, settingsOf } from '../support/service.ts';
import { launchChromium } from './chromium.ts';

/** The whole product as its users have it: the service as a process, PostgreSQL, Stripe's stand-in with webhooks, an issuer, a browser. */
export interface Desk extends AsyncDisposable {
  url: string;
  pool: Pool;
  standIn: StripeStandIn;
  issuer: Issuer;
  browser: Browser;
  /** A payment at Stripe that the books know. */
  pay(options?: PayOptions): Promise<{ payment_id: string; charge_id: string }>;
  /** A page of somebody who is signed in, in a browser of their own, at a path under `/console`. */
  open(as: string, path: string, options?: OpenOptions): Promise<Visit>;
}

interface PayOptions {
  amount_cents?: number;
  currency?: string;
  customer_id?: string;
  order_id?: string;
  payment_method?: string;
}

interface OpenOptions {
  width?: number;
  height?: number;
  colorScheme?: 'light' | 'dark';
}

interface Visit {
  page: Page;
  context: BrowserContext;
  /** What the browser complained about: scripts that failed, what the pages' policy has refused. */
  complaints: string[];
}

const WEBHOOK_SECRET = 'whsec_the_desk';

/** @param check what has to hold when it closes */
export async function openDesk(
  settings: Record<string, string> = {},
  check: (pool: Pool) => Promise<void> = assertBooksBalance,
): Promise<Desk> {
  await using stack = new AsyncDisposableStack();
  await buildConsole();
  const database = stack.use(await createTestDatabase());
  const issuer = await startIssuer();
  stack.defer(() => issuer.close());
  const standIn = await startStripe({
    databaseFile: ':memory:',
    apiKey: TEST_KEY,
    webhooks: { reorder_flush_ms: 20 },
  });
  stack.defer(() => standIn.close());
  const port = await getPort({ host: '127.0.0.1' });
  const service = stack.use(
    new Service({
      ...settingsOf({ databaseUrl: database.url, standIn, issuer, webhookSecret: WEBHOOK_SECRET }),
      PORT: String(port),
      OAUTH_AUDIENCE: API_AUDIENCE,
      OAUTH_ROLES_CLAIM: 'roles',
      PUBLIC_URL: `http://127.0.0.1:${port}`,
      CONSOLE_CLIENT_ID: 'console',
      CONSOLE_CLIENT_SECRET: issuer.clients.console,
      APPROVAL_LIMITS: 'agent:usd=10000,agent:eur=10000',
      ...settings,
    }),
  );
  const url = await service.ready();
  createWebhookEndpoint(standIn.world, {
    url: `${url}/v1/webhooks/stripe`,
    enabled_events: ['*'],
    secret: WEBHOOK_SECRET,
  });
  const pool = createPool({ connectionString: database.url, max: 2 });
  stack.defer(async () => {
    await check(pool);
    await pool.end();
  });
  const browser = await launchChromium();
  stack.defer(() => browser.close());
  const owned = stack.move();
  return {
    url,
    pool,
    standIn,
    issuer,
    browser,
    async pay({
      amount_cents = 5_000,
      currency = 'usd',
      customer_id = 'customer_1',
      order_id,
      payment_method,
    } = {}) {
      const { intent } = createPaymentIntent(standIn.world, {
        amount: amount_cents,
        currency,
        payment_method: payment_method ?? 'pm_card_visa',
        confirm: true,
        metadata: { customer_id, ...(order_id === undefined ? {} : { order_id }) },
      });
      const find = async () =>
        await pool.query<{ payment_id: string; charge_id: string }>(
          `SELECT payment_id, stripe_charge_id AS charge_id FROM payments
           WHERE stripe_payment_intent_id = $1 AND status = 'succeeded'`,
          [intent.id],
        );
      await until(async () => (await find()).rows.length > 0);
      const [paid] = (await find()).rows;
      if (paid === undefined) throw new Error('The payment is gone');
      return paid;
    },
    async open(as, path, { width = 1_280, height = 860, colorScheme = 'light' } = {}) {
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme,
        locale: 'en-GB',
        timezoneId: 'Europe/Berlin',
      });
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        // That nobody is signed in yet is asked and answered with 401; the issuer's page names an address that old browsers ignore.
        if (message.type() !== 'error' || /status of 4\d\d|form-action/.test(message.text())) return;
        complaints.push(message.text());
      });
      await page.goto(`${url}/console${path}`);
      await page.getByRole('link', { name: 'Sign in' }).click();
      await page.getByRole('button', { name: findPerson(as)?.name ?? as }).click();
      await page.waitForURL(`${url}/console${path}`);
      return { page, context, complaints };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

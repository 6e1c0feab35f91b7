import { setTimeout as wait } from 'node:timers/promises';
import fastify, { type FastifyBaseLogger } from 'fastify';
import pino from 'pino';
import { createWebhookEndpoint } from '../../../local/stripe/resources/webhook_endpoints.ts';
import { type StripeStandIn, type StripeStandInOptions, startStripe } from '../../../local/stripe/server.ts';
import { assertBooksBalance } from '../../../test/support/books.ts';
import { createTestDatabase } from '../../../test/support/database.ts';
import { createPool, type Pool } from '../database/pool.ts';
import { answerErrors } from '../http/errors.ts';
import type { AskDeps } from './ask.ts';
import { createStripe } from './client.ts';
import { webhookRoutes } from './webhook.ts';
import { startWorker } from './worker.ts';

export const API_KEY = 'sk_test_a_key_of_a_test';
export const SECRET = 'whsec_a_secret_of_a_test';

/** What the tests of this room stand on: the real database, the stand-in over HTTP, the webhook route on a port. */
export interface TestWorld extends AskDeps {
  databaseUrl: string;
  pool: Pool;
  standIn: StripeStandIn;
  /** The webhook route's address. */
  webhookUrl: string;
  /** Every line that was logged. */
  logged: string[];
  /** From here on the stand-in delivers its events to the route. */
  listen(): void;
  /** From here on the inbox is worked through, until the world is closed or the worker stopped. */
  work(): Promise<{ stop(): Promise<void> }>;
  /** Waits until every event is delivered and none is open. */
  settled(): Promise<void>;
  /** Checks the books and takes everything down. */
  close(): Promise<void>;
}

export async function createTestWorld(
  standInOptions: Partial<StripeStandInOptions> = {},
): Promise<TestWorld> {
  const database = await createTestDatabase();
  const pool = createPool({ connectionString: database.url, max: 20 });
  const standIn = await startStripe({
    databaseFile: ':memory:',
    apiKey: API_KEY,
    webhooks: { reorder_flush_ms: 50 },
    ...standInOptions,
  });
  const stripe = createStripe({ api_key: API_KEY, api_base: standIn.url });
  const logged: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => logged.push(line) });
  const app = fastify({ loggerInstance: log as FastifyBaseLogger });
  answerErrors(app);
  webhookRoutes(app, { pool, secrets: ['whsec_of_another_endpoint', SECRET], live: false });
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  const webhookUrl = `${address}/v1/webhooks/stripe`;
  const deps: AskDeps = { pool, stripe, default_brand: 'house' };
  const workers: { stop(): Promise<void> }[] = [];

  return {
    ...deps,
    databaseUrl: database.url,
    pool,
    standIn,
    webhookUrl,
    logged,
    listen() {
      createWebhookEndpoint(standIn.world, { url: webhookUrl, enabled_events: ['*'], secret: SECRET });
    },
    async work() {
      const worker = await startWorker({ ...deps, connectionString: database.url, log });
      let stopped: Promise<void> | undefined;
      const once = {
        stop: () => {
          stopped ??= worker.stop();
          return stopped;
        },
      };
      workers.push(once);
      return once;
    },
    async settled() {
      await standIn.deliverer.idle();
      await until(async () => {
        const { rows } = await pool.query("SELECT 1 FROM stripe_events WHERE status = 'received' LIMIT 1");
        return rows.length === 0;
      });
    },
    async close() {
      for (const worker of workers) await worker.stop();
      try {
        await assertBooksBalance(pool);
      } finally {
        await standIn.close();
        await app.close();
        await pool.end();
        await database.drop();
      }
    },
  };
}

/** Waits for a condition; fails after 20 s. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('Waited 20 s in vain');
    await wait(10);
  }
}

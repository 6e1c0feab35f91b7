import { type Issuer, startIssuer } from '../local/issuer/start.ts';
import { TEST_KEY } from '../local/stripe/testing.ts';
import { migrate } from '../service/src/database/migrate.ts';
import { createPool, type Pool } from '../service/src/database/pool.ts';
import { backfill } from '../service/src/stripe/backfill.ts';
import { createStripe } from '../service/src/stripe/client.ts';
import { assertBooksBalance } from '../test/support/books.ts';
import { Service, settingsOf } from '../test/support/service.ts';
import { startChild } from './child.ts';
import { cpuOf } from './cpu.ts';
import { startDatabase } from './database.ts';
import type { Group, GroupFigures, LoadOrder } from './load.ts';
import type { StandInAnswer, StandInOrder } from './stand-in.ts';

const SECRET = 'whsec_of_the_measurement';
const LOOKS_BACK_ms = 86_400_000;

/** What is measured together; `bench` keeps the measurement itself, and the issuer. */
export type Program = 'service' | 'postgres' | 'stand_in' | 'callers' | 'bench';
export type Progress = (sentence: string) => void;

/** A durable PostgreSQL, the stand-in and the callers in processes of their own, and services as they are asked for. */
export interface BenchWorld extends AsyncDisposable {
  pool: Pool;
  /** The charges of payments that the books know, all of them alike. */
  charges: string[];
  /** Starts `node service/src/main.ts` with the usual settings, and these. */
  startService(settings?: Record<string, string>): Promise<RunningService>;
  /** Lets callers ask for refunds, with all rights of a service. */
  load(
    url: string,
    groups: Group[],
    times: Pick<LoadOrder, 'warm_up_s' | 'measured_s'>,
  ): Promise<GroupFigures[]>;
  /** A control endpoint of the stand-in. */
  control(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Record<string, unknown>>;
  /** Has the stand-in send its events to a service from now on. */
  sendEventsTo(url: string): Promise<void>;
  /** What each of the programs has used of the processors so far; undefined where the system does not tell. */
  cpu_s(): Record<Program, number> | undefined;
  /** Refunds that the stand-in has. */
  countAtStripe(): Promise<number>;
  /** What the database does by itself once a minute: tables that have grown are looked at, and plans made anew. */
  rest(): Promise<void>;
  /** Holds the books to their rules, and to what the stand-in has. */
  check(): Promise<void>;
}

interface RunningService {
  url: string;
  stop(): Promise<void>;
}

export interface BenchWorldOptions {
  payments: number;
  /** Of each payment. */
  amount_cents: number;
  onProgress: Progress;
}

export async function startBenchWorld({
  payments,
  amount_cents,
  onProgress,
}: BenchWorldOptions): Promise<BenchWorld> {
  await using stack = new AsyncDisposableStack();
  const { databaseUrl, files } = await startDatabase(stack);
  await migrate(databaseUrl);
  const pool = createPool({ connectionString: databaseUrl, max: 4 });
  stack.defer(() => pool.end());
  const issuer: Issuer = await startIssuer();
  stack.defer(() => issuer.close());
  const standIn = startChild('stand-in.ts');
  stack.defer(() => standIn.stop());
  const callers = startChild('load.ts');
  stack.defer(() => callers.stop());

  onProgress(`making ${payments} payments`);
  const tell = (order: StandInOrder) => standIn.ask<StandInAnswer>(order);
  const { url: stripeUrl, charges } = await tell({ make: 'payments', payments, amount_cents });
  const stripe = createStripe({ api_key: TEST_KEY, api_base: stripeUrl });
  const since = new Date(Date.now() - LOOKS_BACK_ms);
  await backfill({ pool, stripe, default_brand: 'default' }, { since });
  // What a database that has been running for a while knows of its tables.
  await pool.query('VACUUM ANALYZE');

  const settings = {
    ...settingsOf({ databaseUrl, standIn: { url: stripeUrl }, issuer, webhookSecret: SECRET }),
    RATE_LIMIT_WRITES_PER_MINUTE: '10000000',
    ...(process.env.BENCH_NODE_OPTIONS === undefined ? {} : { NODE_OPTIONS: process.env.BENCH_NODE_OPTIONS }),
  };
  const running = new Set<Service>();
  stack.defer(async () => {
    for (const service of running) await service.stop();
  });
  const owned = stack.move();
  return {
    pool,
    charges,
    async startService(more = {}) {
      const service = new Service({ ...settings, ...more });
      running.add(service);
      return {
        url: await service.ready(),
        async stop() {
          running.delete(service);
          await service.stop();
        },
      };
    },
    async load(url, groups, times) {
      const { access_token } = await issuer.mintToken({ scope: 'admin:refunds' });
      return await callers.ask<GroupFigures[]>({
        url,
        token: access_token,
        groups,
        ...times,
      } satisfies LoadOrder);
    },
    async control(method, path, body = {}) {
      const response = await fetch(`${stripeUrl}/_control${path}`, {
        method,
        headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' },
        ...(method === 'GET' ? {} : { body: JSON.stringify({ wait: false, ...body }) }),
      });
      if (!response.ok) throw new Error(`The stand-in answered ${response.status} to ${path}`);
      return (await response.json()) as Record<string, unknown>;
    },
    async sendEventsTo(url) {
      await tell({ make: 'endpoint', url: `${url}/v1/webhooks/stripe`, secret: SECRET });
    },
    cpu_s: () =>
      cpuOf({
        service: [...running].map(({ pid }) => pid),
        postgres: files,
        stand_in: [standIn.pid],
        callers: [callers.pid],
        bench: [process.pid],
      }),
    countAtStripe: async () => (await tell({ make: 'count' })).refunds,
    async rest() {
      await pool.query('VACUUM ANALYZE');
    },
    async check() {
      await assertBooksBalance(pool);
      const { rows } = await pool.query<{ made: number; unknown: number }>(
        `SELECT count(*) FILTER (WHERE stripe_refund_id IS NOT NULL) AS made,
                count(*) FILTER (WHERE recover_at IS NOT NULL) AS unknown FROM refunds`,
      );
      const made = (await tell({ make: 'count' })).refunds;
      if (rows[0]?.made !== made || rows[0].unknown !== 0) {
        throw new Error(`Stripe has ${made} refunds, the books ${JSON.stringify(rows[0])}`);
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

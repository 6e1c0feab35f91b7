import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import fastify, { type FastifyInstance } from 'fastify';
import { Logger, runOnce, type TaskList, type WorkerEvents } from 'graphile-worker';
import type pg from 'pg';
import Stripe from 'stripe';
import { TEST_KEY } from '../../local/stripe/testing.ts';
import { type AppDeps, buildApp } from '../../service/src/app.ts';
import { type Connections, openPool, type Pool, seeBooks } from '../../service/src/database/pool.ts';
import { createMetrics } from '../../service/src/health/metrics.ts';
import type { Probe } from '../../service/src/health/probes.ts';
import { CONNECTION_LIMITS } from '../../service/src/http/connections.ts';
import { answerErrors } from '../../service/src/http/errors.ts';
import { createLog } from '../../service/src/log.ts';
import type { RefundProvider } from '../../service/src/refunds/provider.ts';
import { recoverDue } from '../../service/src/refunds/recover.ts';
import { type Turns, takeTurns } from '../../service/src/refunds/turns.ts';
import { createSeal } from '../../service/src/seal.ts';
import { patientWithRateLimits } from '../../service/src/stripe/client.ts';
import { processEvent } from '../../service/src/stripe/inbox.ts';
import { releaseAbandonedJobs } from '../../service/src/stripe/job-queries.ts';
import { createProvider } from '../../service/src/stripe/provider.ts';
import { enqueueForgotten, PROCESS_EVENT } from '../../service/src/stripe/queries.ts';
import { type ReconcileResult, reconcile } from '../../service/src/stripe/reconcile/reconcile.ts';
import { webhookRoutes } from '../../service/src/stripe/webhook.ts';
import { UNLIMITED } from '../support/limits.ts';
import { type Clock, fly, flying } from './flight.ts';
import { createLifeline, type Lifeline } from './lifeline.ts';
import { APPROVAL_LIMITS, issuer } from './people.ts';

export type HttpClient = NonNullable<NonNullable<ConstructorParameters<typeof Stripe>[1]>['httpClient']>;

/** What an instance finds around it. */
export interface Surroundings {
  databaseUrl: string;
  stripe: { host: string; port: number; http: HttpClient };
  webhookSecret: string;
  clock: Clock;
  /** What an instance says of errors, for the history. */
  complain(line: string): void;
}

/** A process of the service, API and worker in one, which can die at any use of the world outside. */
export interface Instance {
  life: Lifeline;
  /** A request; its connection is closed where the instance dies. */
  serve(request: IncomingMessage, response: ServerResponse): void;
  /** Works through the inbox until nothing is due, as the job queue does. */
  workInbox(): Promise<void>;
  /** Asks for what is due to be asked about; resolves with how much that was. */
  recover(): Promise<number>;
  /** Compares everything with Stripe; resolves with where the two differed. */
  reconcile(): Promise<ReconcileResult['differences']>;
  close(): Promise<void>;
}

// The job queue's library prints what the simulation does to its connections, besides telling its logger.
console.trace = () => {};

/** Short enough that a schedule with time-outs is not a long one. */
const STRIPE_TIMEOUT_ms = 120;
const PAUSE_ms = 40;
const ABANDONED_AFTER_s = 300;
const pass: Probe = { check: () => ({ status: 'pass' }), stop() {} };
const quiet = new Logger(() => () => {});

/** What holds an instance's state; each one has its own. */
interface Organs {
  pool: Connections;
  stripe: Stripe;
  provider: RefundProvider;
  turns: Turns;
}

/**
 * The routes, compiled: a tenth of a second's work, and without state of their own, but for webhooks, which each instance takes
 * by itself. They are kept when an instance dies, and used by the next one; each request reaches the organs of the instance that
 * it came to.
 */
export async function buildRoutes({ webhookSecret, complain }: Surroundings): Promise<FastifyInstance> {
  const mine = () => flying() as Organs;
  const pool = {
    connect: () => mine().pool.connect(),
    query: (...query: Parameters<Pool['query']>) => mine().pool.query(...query),
    ofBrand: (brandId: string) => mine().pool.ofBrand(brandId),
  } as unknown as Connections;
  const provider: RefundProvider = {
    name: 'stripe',
    pausedFor_ms: () => mine().provider.pausedFor_ms(),
    createRefund: (...order) => mine().provider.createRefund(...order),
    findRefund: (...order) => mine().provider.findRefund(...order),
    cancelRefund: (...order) => mine().provider.cancelRefund(...order),
    bringInCharge: (...charge) => mine().provider.bringInCharge(...charge),
    refreshPayment: (...payment) => mine().provider.refreshPayment(...payment),
    refreshRefund: (...refund) => mine().provider.refreshRefund(...refund),
  };
  const turns: Turns = (payment, work) => mine().turns(payment, work);
  const deps: AppDeps = {
    pool,
    issuer,
    log: createLog({ level: 'error', role: 'all' }, { write: complain }),
    metrics: createMetrics(),
    probes: { issuer: pass, stripe: pass },
    webhook: { secrets: [webhookSecret], live: false },
    cursorSecrets: ['a secret for cursors'],
    defaultBrand: 'default',
    roles: {},
    stripe: new Stripe(TEST_KEY),
    provider,
    turns,
    approvalLimits: APPROVAL_LIMITS,
    recentSignIn_s: 0,
    events: { seal: createSeal(['a secret for endpoints'], 'event endpoint'), allow_private: true },
    tls: false,
    corsOrigins: [],
    limits: UNLIMITED,
    connections: { ...CONNECTION_LIMITS, most: 20_000 },
    sharedCounts: undefined,
    trustProxy: undefined,
    api: true,
  };
  const app = await buildApp(deps);
  await app.ready();
  return app;
}

/** The route for webhooks, which keeps in memory what it is storing. */
async function buildWebhooks(pool: Pool, webhookSecret: string): Promise<FastifyInstance> {
  const app = fastify();
  answerErrors(app);
  webhookRoutes(app, { pool, secrets: [webhookSecret], live: false });
  await app.ready();
  return app;
}

/** As the service runs its queue (stripe/job-queue.ts): one that cannot tell the database how a job ended is over. */
async function workOnce(pgPool: pg.Pool, taskList: TaskList): Promise<void> {
  const events: WorkerEvents = new EventEmitter();
  const over = new Promise<void>((resolve) => {
    events.once('pool:fatalError', () => resolve());
    events.once('pool:gracefulShutdown', () => resolve());
  });
  const done = runOnce({
    pgPool,
    taskList,
    events,
    logger: quiet,
    noHandleSignals: true,
    preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
  });
  done.catch(() => {});
  await Promise.race([done, over]);
}

export function startInstance(app: FastifyInstance, surroundings: Surroundings): Instance {
  const { databaseUrl, clock, stripe: there, complain } = surroundings;
  const life = createLifeline();
  const connect = (options: { max: number; pipeline: boolean; applicationName: string }): pg.Pool => {
    const pool = openPool({ connectionString: databaseUrl, onError: () => {}, ...options });
    // An idle connection needs no timer, and one of a dead instance must not wake up.
    Object.assign(pool.options, { stream: () => life.socket(), idleTimeoutMillis: 0, query_timeout: 0 });
    pool.on('connect', (client) => client.on('error', () => {}));
    return pool;
  };
  const pool = seeBooks(connect({ max: 4, pipeline: true, applicationName: 'payments' }));
  const jobs = connect({ max: 2, pipeline: false, applicationName: 'payments jobs' });
  const log = createLog({ level: 'error', role: 'all' }, { write: complain });
  const http = life.http(there.http);
  const connectStripe = (retries: number) =>
    new Stripe(TEST_KEY, {
      host: there.host,
      port: there.port,
      protocol: 'http',
      timeout: STRIPE_TIMEOUT_ms,
      maxNetworkRetries: 0,
      telemetry: false,
      httpClient: patientWithRateLimits(http, retries),
    });
  const stripe = connectStripe(0);
  const provider = createProvider({
    pool,
    stripe: connectStripe(1),
    default_brand: 'default',
    log,
    registry: createMetrics(),
    timeout_ms: STRIPE_TIMEOUT_ms,
    pause_ms: PAUSE_ms,
  });
  const organs: Organs = { pool, stripe, provider, turns: takeTurns() };
  const deps = { ...organs, default_brand: 'default', live: false, log };
  let building: Promise<FastifyInstance> | undefined;
  const webhooks = () => {
    building ??= buildWebhooks(pool, surroundings.webhookSecret);
    return building;
  };

  /** What it does, until it is done or the instance dies. */
  const live = <T>(work: () => Promise<T>): Promise<T | undefined> =>
    new Promise((resolve, reject) => {
      const callOff = life.onDeath(() => resolve(undefined));
      fly(organs, clock, work)
        .then((result) => life.use(() => resolve(result)), reject)
        .finally(callOff);
    });
  const tasks: TaskList = {
    [PROCESS_EVENT]: async (payload, { job }) => {
      const { event_id } = payload as { event_id: string };
      await processEvent(deps, event_id, { number: job.attempts, last: job.attempts >= job.max_attempts });
    },
  };

  return {
    life,
    serve(request, response) {
      const callOff = life.onDeath(() => request.socket.destroy());
      response.once('close', callOff);
      // The answer leaves by the lifeline too.
      const end = response.end.bind(response) as (...rest: unknown[]) => ServerResponse;
      response.end = ((...rest: unknown[]) => {
        life.use(() => end(...rest));
        return response;
      }) as typeof response.end;
      const isWebhook = request.url?.startsWith('/v1/webhooks/') === true;
      fly(organs, clock, async () => {
        (isWebhook ? await webhooks() : app).routing(request, response);
      });
    },
    async workInbox() {
      await live(async () => {
        await releaseAbandonedJobs(pool, ABANDONED_AFTER_s);
        await enqueueForgotten(pool, ABANDONED_AFTER_s);
        await workOnce(jobs, tasks);
      });
    },
    recover: async () => (await live(() => recoverDue(deps))) ?? 0,
    async reconcile() {
      const result = await live(() => reconcile(deps, { from: new Date(0) }));
      return result?.differences ?? [];
    },
    async close() {
      await Promise.all([pool.end(), jobs.end()]);
    },
  };
}

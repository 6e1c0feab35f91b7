import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type pg from 'pg';
import Stripe from 'stripe';
import { startPostgres } from '../../local/postgres/start.ts';
import { createWebhookEndpoint } from '../../local/stripe/resources/webhook_endpoints.ts';
import { type StripeStandIn, startStripe } from '../../local/stripe/server.ts';
import { TEST_KEY } from '../../local/stripe/testing.ts';
import { catchUp } from '../../local/stripe/time.ts';
import { transact } from '../../local/stripe/world.ts';
import { migrate } from '../../service/src/database/migrate.ts';
import { openPool, type Pool } from '../../service/src/database/pool.ts';
import { isDatabaseUnavailable } from '../../service/src/database/unavailable.ts';
import type { Clock } from './flight.ts';
import { buildRoutes, type HttpClient, type Instance, startInstance } from './instance.ts';

/** A request that has left for Stripe. */
interface Asked {
  method: string;
  path: string;
  key: string | undefined;
  body: string;
}

/** A caller's request. */
interface Call {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  body?: string;
}

export interface Reply {
  status: number;
  text: string;
  retry_after: string | undefined;
}

/** A database server, Stripe, and instances of the service: all that one schedule after the other happens in. */
export interface World {
  standIn: StripeStandIn;
  clock: Clock;
  /** What has left for Stripe in this schedule. */
  asked: Asked[];
  /** Errors that instances have logged in this schedule. */
  complaints: string[];
  /** Instance n, modulo how many there are; a fresh one where the one before has died. */
  instance(n: number): Instance;
  instances(): Instance[];
  /** A caller's request to instance n; undefined where no answer came. */
  call(n: number, call: Call): Promise<Reply | undefined>;
  /** Connections of the simulation's own. */
  books: Pool;
  /** A statement of the simulation's own, which survives what befalls the database. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Moves time on, in all that is stored here and at Stripe. */
  pass(time_s: number): Promise<void>;
  /** Ends up to so many of the instances' connections, as an operator or a failing server does. Resolves with how many. */
  cutConnections(count: number): Promise<number>;
  /** Kills a process of the server, which makes it drop everything and recover from its log. */
  crashDatabase(): Promise<void>;
  /** Has Stripe deliver everything that it has to say, whenever it was to be said. */
  deliver(): Promise<void>;
  /** Forgets everything that has happened; the instances live on. */
  reset(instances: number): Promise<void>;
  deaths(): number;
  close(): Promise<void>;
}

const WEBHOOK_SECRET = 'whsec_simulation';
/** Which instance a caller means; Stripe's requests have none, and go to each in turn. */
const TO_INSTANCE = 'x-instance';
const LOCK_NOT_AVAILABLE = '55P03';
const PATIENCE_ms = 20_000;
/** Tables in which nothing happens; they are neither emptied nor moved in time. */
const STILL = ['schema_migrations', 'pgmigrations', 'refund_reasons', 'approval_limits'];
/** The order in which transactions of the service lock, so that moving time waits for them rather than they for it. */
const LOCK_ORDER = [
  'idempotency_keys',
  'payments',
  'refunds',
  'refund_transitions',
  'disputes',
  'anomalies',
  'audit_log',
  'outbox',
];

export async function startWorld(): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'payments-simulation-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  // Run by root, the server is another account's process, which must be able to enter.
  await chmod(directory, 0o755);
  const postgres = await startPostgres({
    dataDirectory: directory,
    durable: false,
    settings: {
      // What is committed is in the log before it is acknowledged, so that a crash of the server loses none of it.
      synchronous_commit: 'on',
      max_connections: '60',
      deadlock_timeout: '1s',
      scram_iterations: '1',
      shared_buffers: '32MB',
    },
  });
  stack.defer(async () => {
    await postgres.stop();
    await rm(postgres.directory, { recursive: true, force: true });
  });
  await migrate(postgres.url);
  const admin = openPool({
    connectionString: postgres.url,
    max: 2,
    applicationName: 'simulation',
    pipeline: false,
    onError: () => {},
  });
  admin.on('connect', (client) => client.on('error', () => {}));
  stack.defer(() => admin.end());
  // A password that is cheap to check: an instance that starts anew opens connections.
  const password = new URL(postgres.url).password;
  await admin.query(`ALTER USER payments PASSWORD '${password}'`);
  // What is moved into the past must not be from before the tables were made.
  await admin.query("UPDATE schema_migrations SET run_on = '2000-01-01'");
  const tables = await readTables(admin);

  const standIn = await startStripe({
    databaseFile: ':memory:',
    apiKey: TEST_KEY,
    webhooks: { reorder_flush_ms: 15, timeout_ms: 5_000, concurrency: 8 },
  });
  stack.defer(() => standIn.close());

  const asked: Asked[] = [];
  const sending: Sending = { underWay: 0, cuts: 0 };
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  stack.defer(() => agent.destroy());
  const clock: Clock = { jumped_ms: 0 };
  const complaints: string[] = [];
  const surroundings = {
    databaseUrl: postgres.url,
    stripe: {
      host: standIn.host,
      port: standIn.port,
      http: listening(Stripe.createNodeHttpClient(agent), asked, sending),
    },
    webhookSecret: WEBHOOK_SECRET,
    clock,
    complain: (line: string) => complaints.push(shorten(line)),
  };

  interface Slot {
    routes: FastifyInstance;
    instance: Instance;
  }
  const slots: Slot[] = [];
  const spare: FastifyInstance[] = [];
  let deaths = 0;
  const alive = (n: number): Instance => {
    const slot = slots[n % slots.length];
    if (slot === undefined) throw new Error('No instance runs');
    if (!slot.instance.life.alive()) {
      deaths += 1;
      slot.instance = startInstance(slot.routes, surroundings);
    }
    return slot.instance;
  };
  stack.defer(() => Promise.all(slots.map(({ instance }) => instance.life.cut())).then(() => {}));

  let delivered = 0;
  const balancer = http.createServer((request, response) => {
    const asked = request.headers[TO_INSTANCE];
    if (asked === undefined) delivered += 1;
    alive(asked === undefined ? delivered : Number(asked)).serve(request, response);
  });
  balancer.keepAliveTimeout = 0;
  balancer.listen(0, '127.0.0.1');
  await once(balancer, 'listening');
  stack.defer(() => {
    balancer.closeAllConnections();
    balancer.close();
  });
  const { port } = balancer.address() as AddressInfo;
  const callers = new http.Agent({ keepAlive: true });
  stack.defer(() => callers.destroy());
  createWebhookEndpoint(standIn.world, {
    url: `http://127.0.0.1:${port}/v1/webhooks/stripe`,
    enabled_events: ['*'],
    secret: WEBHOOK_SECRET,
  });

  const query: World['query'] = async <Row extends pg.QueryResultRow>(
    text: string,
    values: unknown[] = [],
  ) => {
    const deadline = performance.now() + PATIENCE_ms;
    for (;;) {
      try {
        return (await admin.query<Row>(text, values)).rows;
      } catch (error) {
        const again =
          isDatabaseUnavailable(error) || (error as { code?: string }).code === LOCK_NOT_AVAILABLE;
        if (!again || performance.now() > deadline) throw error;
        await pause(5);
      }
    }
  };
  /** Several statements in one transaction, without triggers: as nobody but a test may write. */
  const rewrite = (statements: readonly string[]) =>
    query(
      [
        'SET LOCAL session_replication_role = replica',
        // Where it and a transaction of the service wait for each other, it is this one that gives way, and tries again.
        "SET LOCAL lock_timeout = '50ms'",
        ...statements,
      ].join(';\n'),
    );
  const sql = (text: string, ...values: (string | number)[]) => standIn.world.store.sql(text).run(...values);
  /** No request is under way for minutes, let alone for longer than its key lives: time moves on between them. */
  const whileNothingIsSent = async () => {
    sending.cuts += 1;
    while (sending.underWay > 0 || standIn.underWay() > 0) await pause(5);
    return {
      [Symbol.asyncDispose]: async () => {
        sending.cuts -= 1;
      },
    };
  };

  let crashing = Promise.resolve();
  const crash = async () => {
    const started = 'SELECT max(backend_start)::text AS at, pg_backend_pid() AS pid FROM pg_stat_activity';
    const checkpointer = `${started} WHERE backend_type = 'checkpointer'`;
    const [before] = await query<{ at: string | null; pid: number }>(checkpointer);
    if (before === undefined) throw new Error('The database has no processes');
    process.kill(before.pid, 'SIGKILL');
    for (;;) {
      const [now] = await query<{ at: string | null }>(checkpointer);
      if (now?.at != null && now.at !== before.at) return;
      await pause(5);
    }
  };

  const owned = stack.move();
  return {
    standIn,
    clock,
    asked,
    complaints,
    instance: alive,
    instances: () => slots.map((_slot, n) => alive(n)),
    books: admin,
    call: (n, { method, path, headers, body }) =>
      new Promise((resolve) => {
        const request = http.request(
          {
            host: '127.0.0.1',
            port,
            method,
            path,
            agent: callers,
            headers: { ...headers, [TO_INSTANCE]: n },
          },
          (response) => {
            let text = '';
            response.setEncoding('utf8');
            response.on('data', (chunk: string) => {
              text += chunk;
            });
            response.on('error', () => resolve(undefined));
            response.on('end', () =>
              resolve({
                status: response.statusCode ?? 0,
                text,
                retry_after: response.headers['retry-after'],
              }),
            );
          },
        );
        request.on('error', () => resolve(undefined));
        request.end(body);
      }),
    query,
    async pass(time_s) {
      await crashing;
      await using _ = await whileNothingIsSent();
      await rewrite([
        `LOCK TABLE ${tables.map(({ name }) => name).join(', ')} IN EXCLUSIVE MODE`,
        ...tables
          .filter(({ times }) => times.length > 0)
          .map(
            ({ name, times }) =>
              `UPDATE ${name} SET ${times.map((time) => `${time} = ${time} - interval '${time_s} s'`).join(', ')}`,
          ),
      ]);
      clock.jumped_ms += time_s * 1_000;
      transact(standIn.world, () => {
        sql(
          "UPDATE objects SET created = created - ?, body = json_set(body, '$.created', created - ?) WHERE kind <> 'webhook_endpoint'",
          time_s,
          time_s,
        );
        sql('UPDATE idempotency SET stored_at_ms = stored_at_ms - ?', time_s * 1_000);
        sql('UPDATE due SET due_at_ms = due_at_ms - ?', time_s * 1_000);
        sql(
          'UPDATE deliveries SET created_ms = created_ms - ?, next_attempt_ms = next_attempt_ms - ?',
          time_s * 1_000,
          time_s * 1_000,
        );
      });
      catchUp(standIn.world);
      standIn.deliverer.pump();
    },
    async cutConnections(count) {
      const cut = await query(
        `SELECT pg_terminate_backend(pid) FROM (
           SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'payments%' ORDER BY pid LIMIT $1) AS chosen`,
        [count],
      );
      return cut.length;
    },
    crashDatabase() {
      crashing = crashing.then(crash);
      return crashing;
    },
    async deliver() {
      // `idle` is told to whoever waits when nothing is due; a delivery that fails is due again later.
      for (let round = 0; round < 10; round += 1) {
        sql("UPDATE deliveries SET next_attempt_ms = ? WHERE status = 'pending'", Date.now());
        await standIn.deliverer.idle();
        const left = standIn.world.store
          .sql("SELECT count(*) AS n FROM deliveries WHERE status IN ('pending', 'held')")
          .get();
        if (left?.n === 0) return;
      }
    },
    async reset(instances) {
      standIn.faults.clear();
      await standIn.deliverer.idle();
      transact(standIn.world, () => {
        sql("DELETE FROM objects WHERE kind <> 'webhook_endpoint'");
        for (const table of ['due', 'idempotency', 'deliveries', 'balances']) sql(`DELETE FROM ${table}`);
      });
      await rewrite(tables.map(({ name }) => `DELETE FROM ${name}`));
      asked.length = 0;
      complaints.length = 0;
      deaths = 0;
      while (slots.length < instances) {
        const routes = spare.pop() ?? (await buildRoutes(surroundings));
        slots.push({ routes, instance: startInstance(routes, surroundings) });
      }
      for (const { routes, instance } of slots.splice(instances)) {
        instance.life.cut();
        spare.push(routes);
      }
      for (const [n] of slots.entries()) alive(n).life.arm(Number.POSITIVE_INFINITY, false);
      deaths = 0;
    },
    deaths: () => deaths,
    close: () => owned.disposeAsync(),
  };
}

/** An error that was logged, in one line. */
function shorten(line: string): string {
  const { msg, err } = JSON.parse(line) as { msg?: string; err?: Record<string, string> };
  const where = err?.stack?.split('\n').slice(0, 3).join(' ') ?? '';
  return [msg, err?.type, err?.code, err?.message, err?.table, err?.constraint, where]
    .filter(Boolean)
    .join(' · ');
}

/** Notes what leaves for Stripe. */
function listening(inner: HttpClient, asked: Asked[], sending: Sending): HttpClient {
  return {
    getClientName: () => inner.getClientName(),
    async makeRequest(...request) {
      const [, , path, method, headers, body] = request;
      const key = (headers as Record<string, unknown>)['Idempotency-Key'];
      const changes = typeof key === 'string';
      if (changes && sending.cuts > 0) throw Object.assign(new Error('No network'), { code: 'ENETUNREACH' });
      asked.push({
        method: String(method),
        path: String(path),
        key: changes ? key : undefined,
        body: String(body ?? ''),
      });
      if (!changes) return await inner.makeRequest(...request);
      sending.underWay += 1;
      try {
        return await inner.makeRequest(...request);
      } finally {
        sending.underWay -= 1;
      }
    },
  };
}

/** What is on its way to Stripe and changes something there. */
interface Sending {
  underWay: number;
  /** While there are any, nothing leaves. */
  cuts: number;
}

/** The tables in which things happen, in the order in which they are locked, with their columns of time. */
async function readTables(admin: Pool): Promise<{ name: string; times: string[] }[]> {
  const { rows } = await admin.query<{ name: string; schema: string; times: string[] }>(
    `SELECT c.table_schema AS schema, c.table_name AS name,
            coalesce(array_agg(c.column_name::text) FILTER (WHERE c.data_type = 'timestamp with time zone'), '{}') AS times
     FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
     WHERE t.table_type = 'BASE TABLE'
       AND (c.table_schema = 'public' OR c.table_name IN ('_private_jobs', '_private_job_queues'))
     GROUP BY 1, 2`,
  );
  const order = (name: string) => (LOCK_ORDER.includes(name) ? LOCK_ORDER.indexOf(name) : LOCK_ORDER.length);
  return rows
    .filter(({ name }) => !STILL.includes(name))
    .sort((one, other) => order(one.name) - order(other.name) || (one.name < other.name ? -1 : 1))
    .map(({ schema, name, times }) => ({ name: `${schema}.${name}`, times }));
}

import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { API_AUDIENCE } from '../../local/issuer/scopes.ts';
import { type Issuer, startIssuer } from '../../local/issuer/start.ts';
import type { StripeStandIn } from '../../local/stripe/server.ts';
import { TEST_KEY } from '../../local/stripe/testing.ts';
import { connectIssuer } from '../../service/src/access/issuer.ts';
import { DEFAULT_ROLES } from '../../service/src/access/roles.ts';
import { type AppDeps, buildApp } from '../../service/src/app.ts';
import { type Connections, createPool } from '../../service/src/database/pool.ts';
import { createMetrics } from '../../service/src/health/metrics.ts';
import type { Probe } from '../../service/src/health/probes.ts';
import { CONNECTION_LIMITS } from '../../service/src/http/connections.ts';
import { createLog } from '../../service/src/log.ts';
import { shareThroughDatabase } from '../../service/src/rates/queries.ts';
import type { RefundProvider } from '../../service/src/refunds/provider.ts';
import { takeTurns } from '../../service/src/refunds/turns.ts';
import { createSeal } from '../../service/src/seal.ts';
import { createStripe } from '../../service/src/stripe/client.ts';
import { createProvider, type ProviderDeps } from '../../service/src/stripe/provider.ts';
import { createTestDatabase } from './database.ts';
import { UNLIMITED } from './limits.ts';

/** The service's whole app on a port of its own, with a database of its own and a real issuer. */
export interface TestApp {
  url: string;
  port: number;
  app: FastifyInstance;
  databaseUrl: string;
  pool: Connections;
  issuer: Issuer;
  /** Everything logged so far, as it was written. */
  logged(): string;
  /** A request as a service with these scopes (default: every scope that reads); `path` with its query. */
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** How many connections the app under test has. */
export const APP_CONNECTIONS = 8;

const READING = 'admin:refunds.read admin:payments.read admin:disputes.read';

const pass: Probe = { check: () => ({ status: 'pass' }), stop() {} };

/** An address of this machine at which nobody listens. */
const NOWHERE = 'http://127.0.0.1:1';

export interface TestAppOptions extends Partial<AppDeps> {
  /** Another instance of this one: with its database and its issuer. */
  beside?: Pick<TestApp, 'databaseUrl' | 'issuer'>;
  /** Where refunds are made. Without it Stripe cannot be reached. */
  standIn?: Pick<StripeStandIn, 'url'>;
  /** How patient the sending of refunds is. */
  sending?: Pick<ProviderDeps, 'timeout_ms' | 'breaks_after' | 'pause_ms'>;
  /** Puts something between the app and where refunds are made. */
  around?: (provider: RefundProvider) => RefundProvider;
  /** Adds routes before the app listens. */
  extend?: (app: FastifyInstance) => void;
}

export async function startTestApp({
  beside,
  extend,
  standIn,
  sending,
  around = (provider) => provider,
  ...deps
}: TestAppOptions = {}): Promise<TestApp> {
  await using stack = new AsyncDisposableStack();
  const databaseUrl = beside?.databaseUrl ?? stack.use(await createTestDatabase()).url;
  const issuer = beside?.issuer ?? (await startIssuer());
  if (beside === undefined) stack.defer(() => issuer.close());
  const pool = createPool({ connectionString: databaseUrl, max: APP_CONNECTIONS });
  stack.defer(() => pool.end());
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const log = createLog({ level: 'trace', role: 'all' }, stream);
  const metrics = createMetrics();
  const stripe = createStripe({ api_key: TEST_KEY, api_base: standIn?.url ?? NOWHERE });
  const app = await buildApp({
    pool,
    issuer: connectIssuer({
      issuer: issuer.url,
      client_id: 'payments-service',
      client_secret: issuer.clients['payments-service'],
      audience: API_AUDIENCE,
      roles_claim: 'roles',
    }),
    log,
    metrics,
    probes: { issuer: pass, stripe: pass },
    webhook: { secrets: ['whsec_test'], live: false },
    cursorSecrets: ['a secret for cursors'],
    defaultBrand: 'default',
    roles: DEFAULT_ROLES,
    stripe,
    provider: around(
      createProvider({
        pool,
        stripe,
        default_brand: 'default',
        log,
        registry: metrics,
        timeout_ms: 2_000,
        ...sending,
      }),
    ),
    turns: takeTurns(),
    approvalLimits: {},
    recentSignIn_s: 0,
    events: { seal: createSeal(['a secret for endpoints'], 'event endpoint'), allow_private: true },
    tls: false,
    corsOrigins: [],
    limits: UNLIMITED,
    connections: { ...CONNECTION_LIMITS, most: 20_000 },
    sharedCounts: shareThroughDatabase(pool),
    trustProxy: undefined,
    api: true,
    ...deps,
  });
  stack.defer(() => app.close());
  extend?.(app);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const { access_token } = await issuer.mintToken({ scope: READING });
  const owned = stack.move();
  return {
    url,
    port,
    app,
    databaseUrl,
    pool,
    issuer,
    logged: () => lines.join(''),
    get: (path, headers) =>
      fetch(`${url}${path}`, { headers: { authorization: `Bearer ${access_token}`, ...headers } }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

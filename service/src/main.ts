import './memory.ts';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { connectIssuer } from './access/issuer.ts';
import { SCOPES } from './access/scopes.ts';
import { cookiesFor } from './access/sessions/cookies.ts';
import { createRelyingParty } from './access/sessions/relying-party.ts';
import type { SignInDeps } from './access/sessions/routes.ts';
import { createSessions } from './access/sessions/sessions.ts';
import { buildApp } from './app.ts';
import { measureUnsealed, startSealer } from './audit/sealer.ts';
import { measureBatches } from './batches/metrics.ts';
import { startBatches } from './batches/worker.ts';
import { type Config, ConfigError, readConfig, STOP_WITHIN_MS } from './config.ts';
import { isMigrated, MigrationHeldUp, migrate } from './database/migrate.ts';
import { createPool, type Pool } from './database/pool.ts';
import { checkRole, ServingRefused } from './database/roles.ts';
import { isDatabaseUnavailable } from './database/unavailable.ts';
import { startDeliveries } from './events/deliver.ts';
import { createSender } from './events/send.ts';
import { createMetrics } from './health/metrics.ts';
import { measureNeighbours, type Probe, startProbe } from './health/probes.ts';
import { CONNECTION_LIMITS } from './http/connections.ts';
import { createLog } from './log.ts';
import { shareThroughDatabase } from './rates/queries.ts';
import { shareThroughRedis } from './rates/redis.ts';
import { measureRefunds, measureUnknown } from './refunds/metrics.ts';
import { startRecovery } from './refunds/recover.ts';
import { takeTurns } from './refunds/turns.ts';
import { createSeal } from './seal.ts';
import { createStripe, isLiveKey, knock } from './stripe/client.ts';
import { createProvider } from './stripe/provider.ts';
import { measureReconciliation } from './stripe/reconcile/metrics.ts';
import { startNightly } from './stripe/reconcile/nightly.ts';
import { startWorker } from './stripe/worker.ts';
import { startTracing } from './tracing/start.ts';
import { findUnencrypted } from './unencrypted.ts';

const DATABASE_WAIT_MS = 30_000;
const DATABASE_PAUSE_MS = 500;
/** A refund that Stripe has no time for at once is found out about later; its caller is not kept for long. */
const RATE_LIMIT_RETRIES = 2;

/** Starts the service, and stops it cleanly on SIGTERM or SIGINT: what is under way ends, nothing new is taken. */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = createLog({ level: config.log_level, role: config.role });
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort(signal));

  for (const setting of findUnencrypted(config)) {
    log.warn(
      { setting },
      'a connection to another machine is not encrypted, or not to a verified certificate',
    );
  }

  await using running = new AsyncDisposableStack();
  const tracing = await startTracing(process.env);
  if (tracing !== undefined) running.defer(() => tracing.stop());
  if (!(await waitForDatabase(config, log, stop.signal))) return;

  const pool = createPool({
    connectionString: config.database_url,
    max: config.database_pool_size,
    onError: (err) => log.warn({ err }, 'lost an idle connection to the database'),
  });
  running.defer(() => pool.end());
  await checkRole(pool, log);
  const metrics = createMetrics();
  if (config.oauth_audience === undefined) {
    log.warn('OAUTH_AUDIENCE is not set: tokens that the issuer has made for other services are taken too');
  }
  const issuer = connectIssuer({
    ...(config.oauth_issuer === undefined ? {} : { issuer: config.oauth_issuer }),
    ...(config.oauth_introspection_url === undefined
      ? {}
      : { introspection_url: config.oauth_introspection_url }),
    ...(config.oauth_audience === undefined ? {} : { audience: config.oauth_audience }),
    ...(config.oauth_roles_claim === undefined ? {} : { roles_claim: config.oauth_roles_claim }),
    verifies_jwt: config.oauth_jwt === 'verify',
    signatures: config.oauth_signing_algorithms,
    client_id: config.oauth_client_id,
    client_secret: config.oauth_client_secret,
  });
  const stripe = createStripe({ api_key: config.stripe_api_key, api_base: config.stripe_api_base });

  // What nobody waits for shares one pace, so that it leaves Stripe room for what somebody waits for.
  const background = createStripe({
    api_key: config.stripe_api_key,
    api_base: config.stripe_api_base,
    requests_per_second: config.stripe_background_requests_per_second,
  });

  const provider = createProvider({
    pool,
    // Connections of its own: what runs in the background must not hold up somebody who waits for a refund.
    stripe: createStripe({
      api_key: config.stripe_api_key,
      api_base: config.stripe_api_base,
      rate_limit_retries: RATE_LIMIT_RETRIES,
    }),
    background,
    default_brand: config.default_brand,
    log,
    registry: metrics,
  });
  measureUnknown(metrics, pool);
  measureRefunds(metrics, pool);
  measureReconciliation(metrics, pool);
  measureUnsealed(metrics, pool);
  const turns = takeTurns();
  const events = {
    seal: config.event_secrets && createSeal(config.event_secrets, 'event endpoint'),
    allow_private: config.event_private_addresses,
  };

  if (config.role !== 'api') {
    const recovery = startRecovery({ pool, provider, turns, log });
    running.defer(() => recovery.stop());
    const batches = startBatches({
      pool,
      provider,
      turns,
      log,
      approvalLimits: config.approval_limits,
      refunds_per_second: config.batch_refunds_per_second,
    });
    running.defer(() => batches.stop());
    measureBatches(metrics, pool);
    const worker = await startWorker({
      pool,
      stripe,
      background,
      log,
      default_brand: config.default_brand,
      connectionString: config.database_url,
      live: isLiveKey(config.stripe_api_key),
      event_retention_days: config.event_retention_days,
      registry: metrics,
    });
    running.defer(() => worker.stop());
    const deliveries = startDeliveries({
      pool,
      log,
      sender: createSender(events),
      seal: events.seal,
      registry: metrics,
      retention_days: config.event_retention_days,
    });
    running.defer(() => deliveries.stop());
    const sealer = startSealer({ pool, log, registry: metrics });
    running.defer(() => sealer.stop());
    if (config.reconcile_at_min !== undefined) {
      const nightly = startNightly({
        pool,
        stripe: background,
        default_brand: config.default_brand,
        log,
        at_min: config.reconcile_at_min,
      });
      running.defer(() => nightly.stop());
    }
  }
  const probes: Record<string, Probe> = {
    // Whoever sends requests here is to stop doing so before they are refused.
    process: {
      check: () =>
        stop.signal.aborted ? { status: 'fail', output: 'It is being stopped.' } : { status: 'pass' },
      stop() {},
    },
    issuer: startProbe('The issuer', () => issuer.reach()),
    stripe: startProbe('Stripe', () => knock(stripe)),
  };
  measureNeighbours(metrics, probes, pool);
  running.defer(() => {
    for (const probe of Object.values(probes)) probe.stop();
  });

  const redis = config.redis_url === undefined ? undefined : await shareThroughRedis(config.redis_url);
  if (redis !== undefined) running.defer(() => redis.close());

  const app = await buildApp({
    pool,
    issuer,
    log,
    metrics,
    probes,
    webhook: { secrets: config.stripe_webhook_secrets, live: isLiveKey(config.stripe_api_key) },
    cursorSecrets: config.cursor_secrets,
    defaultBrand: config.default_brand,
    roles: config.role_scopes,
    stripe,
    provider,
    turns,
    approvalLimits: config.approval_limits,
    recentSignIn_s: config.recent_sign_in_s,
    events,
    signIn: connectSignIn(config, pool),
    tls: config.public_url?.startsWith('https:') === true,
    corsOrigins: config.cors_origins,
    limits: config.limits,
    connections: { ...CONNECTION_LIMITS, most: config.connections_max },
    sharedCounts: redis ?? shareThroughDatabase(pool),
    trustProxy: config.trust_proxy,
    api: config.role !== 'worker',
  });
  running.defer(() => app.close());
  await app.listen({ port: config.port, host: config.host });

  if (!stop.signal.aborted) await once(stop.signal, 'abort');
  const drain_s = config.role === 'worker' ? 0 : config.drain_s;
  log.info({ signal: stop.signal.reason, drain_s }, 'stopping');
  await pause(drain_s * 1_000);
  setTimeout(() => {
    log.error(`did not stop within ${STOP_WITHIN_MS / 1_000} s`);
    process.exit(1);
  }, STOP_WITHIN_MS).unref();
}

/** People sign in with a browser where the settings say as which client. */
function connectSignIn(
  { sign_in, oauth_issuer, oauth_audience, oauth_signing_algorithms }: Config,
  pool: Pool,
): SignInDeps | undefined {
  if (sign_in === undefined || oauth_issuer === undefined) return undefined;
  const { public_url, client_id, client_secret, session_secrets, idle_s, lifetime_s } = sign_in;
  const party = createRelyingParty({
    issuer: oauth_issuer,
    client_id,
    client_secret,
    redirect_uri: `${public_url}/auth/callback`,
    scopes: Object.keys(SCOPES).filter((scope) => scope.startsWith('admin:')),
    audience: oauth_audience,
    signatures: oauth_signing_algorithms,
  });
  return {
    party,
    sessions: createSessions({
      pool,
      party,
      seal: createSeal(session_secrets, 'session'),
      lifetime_s,
      idle_s,
    }),
    seal: createSeal(session_secrets, 'sign-in'),
    cookies: cookiesFor(public_url),
    public_url,
  };
}

/**
 * A database that is still starting is waited for; one that says no is not. Brought to this version by somebody else, it is waited
 * for until that is done: however long it takes, the version before serves meanwhile. False: told to stop in the meantime.
 */
async function waitForDatabase(config: Config, log: Logger, stop: AbortSignal): Promise<boolean> {
  let deadline = Date.now() + DATABASE_WAIT_MS;
  for (let told = false; ; ) {
    try {
      if (config.migrations === 'run') {
        await migrate(config.database_migration_url, config.database_url);
        return true;
      }
      if (await isMigrated(config.database_url)) return true;
      if (!told) log.warn('the database is not at this version yet: payments migrate brings it there');
      told = true;
      deadline = Date.now() + DATABASE_WAIT_MS;
      await pause(DATABASE_PAUSE_MS, undefined, { signal: stop }).catch(() => undefined);
      if (stop.aborted) return false;
    } catch (error) {
      if (!isDatabaseUnavailable(error) || Date.now() > deadline) throw error;
      log.warn('the database is not there yet');
      await pause(DATABASE_PAUSE_MS, undefined, { signal: stop }).catch(() => undefined);
      if (stop.aborted) return false;
    }
  }
}

/** A start that fails says why in a sentence, and the exit code says that it failed. */
function explain(error: unknown): string {
  if (error instanceof ConfigError || error instanceof ServingRefused || error instanceof MigrationHeldUp) {
    return error.message;
  }
  if (error instanceof Error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') return 'PORT is taken by another program: set another one.';
    if (code === 'EACCES') return 'PORT may not be used by this user: set one above 1023.';
    if (isDatabaseUnavailable(error))
      return `The database at DATABASE_URL cannot be reached (${code ?? error.message}).`;
    if (code === '28P01' || code === '28000')
      return 'The database at DATABASE_URL refuses the user or password.';
    if (code === '3D000') return 'The database that DATABASE_URL names does not exist.';
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 1;
}

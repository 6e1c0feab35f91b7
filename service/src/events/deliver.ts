import { setTimeout as wait } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { Counter, Gauge, type Registry } from 'prom-client';
import { recordAudit, SERVICE } from '../audit/record.ts';
import { type Pool, type Transaction, withTransaction } from '../database/pool.ts';
import type { Seal } from '../seal.ts';
import { inSpan, NOWHERE, SpanKind } from '../tracing/spans.ts';
import { openSecret } from './endpoints.ts';
import { appendEvent } from './outbox.ts';
import { GIVEN_UP_AFTER_s, nextAttemptIn, PROBED_FROM, pauseAfter } from './schedule.ts';
import type { Outcome, Sender } from './send.ts';
import * as queries from './work-queries.ts';

export interface DeliveryDeps {
  pool: Pool;
  log: FastifyBaseLogger;
  sender: Sender;
  seal: Seal | undefined;
  registry: Registry;
  /** How long what is done with can be seen. */
  retention_days: number;
}

/** Between looks for what is due. */
const POLL_ms = 500;
/** Attempts under way here at a time, in all and at one endpoint: a slow one takes its own turns only. */
const AT_ONCE = 256;
const AT_ONCE_PER_ENDPOINT = 8;
/** Longer than an attempt takes, and what comes of it is written down. */
const LEASE_s = 45;
const GONE = 410;
const PRUNE_EVERY_ms = 3_600_000;
const PRUNE_BATCH = 1_000;

/** Delivers events to the endpoints that are owed them, beside any number of others, until stopped; then what is under way comes to its end. */
export function startDeliveries(deps: DeliveryDeps): { stop(): Promise<void> } {
  const { pool, log, registry } = deps;
  const attempts = new Counter({
    name: 'event_delivery_attempts_total',
    help: 'Attempts at delivering events to other services, by what came of them.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  measureBacklog(registry, pool);
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();
  const busy = new Map<string, number>();

  const begin = (due: queries.Due) => {
    busy.set(due.endpoint_id, (busy.get(due.endpoint_id) ?? 0) + 1);
    const attributes = { 'event.id': due.event_id, 'event.type': due.event_type };
    const attempt = inSpan('deliver event', { kind: SpanKind.PRODUCER, attributes, within: NOWHERE }, () =>
      deliver(deps, due),
    )
      .then((outcome) => attempts.inc({ outcome: outcome.error ?? 'delivered' }))
      .catch((error: unknown) => {
        // It is due again when the time for which it was taken is over.
        log.error({ err: error, event_id: due.event_id }, 'an event could not be delivered');
      })
      .finally(() => {
        underWay.delete(attempt);
        const left = (busy.get(due.endpoint_id) ?? 1) - 1;
        if (left === 0) busy.delete(due.endpoint_id);
        else busy.set(due.endpoint_id, left);
      });
    underWay.add(attempt);
  };

  let pruned_ms = Number.NEGATIVE_INFINITY;
  const prune = async () => {
    if (performance.now() - pruned_ms < PRUNE_EVERY_ms) return;
    pruned_ms = performance.now();
    while ((await queries.pruneDeliveries(pool, deps.retention_days, PRUNE_BATCH)) === PRUNE_BATCH) {
      if (stopping.signal.aborted) return;
    }
  };
  const run = async () => {
    while (!stopping.signal.aborted) {
      try {
        await prune();
        const due = await queries.takeDue(pool, {
          busy,
          at_once: AT_ONCE_PER_ENDPOINT,
          lease_s: LEASE_s,
          limit: AT_ONCE - underWay.size,
        });
        for (const one of due) begin(one);
      } catch (error) {
        log.warn({ err: error }, 'could not look for events that are due');
      }
      // What has ended makes room for what comes after it; what is slow keeps nobody else waiting.
      await Promise.race([...underWay, pause(stopping.signal)]);
    }
    await Promise.all(underWay);
  };
  const running = run();
  return {
    async stop() {
      stopping.abort();
      await running;
      deps.sender.close();
    },
  };
}

const pause = (signal: AbortSignal) => wait(POLL_ms, undefined, { signal }).catch(() => {});

async function deliver(deps: DeliveryDeps, due: queries.Due): Promise<Outcome> {
  const outcome = await attempt(deps, due);
  const retryAfter_s = outcome.retry_after_s;
  const next_s = outcome.error === null ? undefined : nextAttemptIn(due.round_attempts, retryAfter_s);
  await withTransaction(deps.pool, async (tx) => {
    // The endpoint's row before the delivery's, as whoever deletes an endpoint locks them.
    if (outcome.error === null) await queries.forgiveEndpoint(tx, due.endpoint_id);
    else await blame(deps, tx, due, outcome, next_s);
    await queries.recordAttempt(tx, due, outcome, next_s);
  });
  return outcome;
}

async function attempt({ sender, seal }: DeliveryDeps, due: queries.Due): Promise<Outcome> {
  const sealed = due.former_secret === null ? [due.secret] : [due.secret, due.former_secret];
  const secrets = (await Promise.all(sealed.map((one) => openSecret(seal, one)))).filter(
    (secret) => secret !== undefined,
  );
  if (secrets.length === 0) {
    return { status_code: null, error: 'no_secret', retry_after_s: undefined, duration_ms: 0 };
  }
  return await sender.send({ url: due.url, event_id: due.event_id, body: writeBody(due), secrets });
}

/** An event as it goes out: the same bytes at every attempt. */
export const writeBody = ({
  event_id,
  event_type,
  occurred_at,
  brand_id,
  data,
}: Pick<queries.Due, 'event_id' | 'event_type' | 'occurred_at' | 'brand_id' | 'data'>): string =>
  JSON.stringify({ type: event_type, timestamp: occurred_at.toISOString(), event_id, brand_id, data });

/** Leaves an endpoint alone that fails again and again, and switches it off in the end, or when it says that it is gone. */
async function blame(
  { log }: DeliveryDeps,
  tx: Transaction,
  due: queries.Due,
  { status_code, error }: Outcome,
  next_s: number | undefined,
): Promise<void> {
  const { endpoint_id, event_id } = due;
  const failing = await queries.blameEndpoint(tx, endpoint_id);
  if (next_s === undefined)
    log.warn({ endpoint_id, event_id, status_code, error }, 'gave up delivering an event');
  if (failing === undefined) return;
  const reason =
    status_code === GONE ? 'gone' : failing.failing_for_s >= GIVEN_UP_AFTER_s ? 'failing' : undefined;
  if (reason !== undefined) return await switchOff({ log }, tx, due, reason);
  const pause_s = pauseAfter(failing.failures);
  if (pause_s > 0) await queries.pauseEndpoint(tx, endpoint_id, pause_s);
  if (failing.failures === PROBED_FROM) {
    log.warn({ endpoint_id, status_code, error }, 'nothing gets through to an endpoint for events');
  }
}

async function switchOff(
  { log }: Pick<DeliveryDeps, 'log'>,
  tx: Transaction,
  { endpoint_id, brand_id, event_id }: queries.Due,
  reason: 'failing' | 'gone',
): Promise<void> {
  await queries.disableEndpoint(tx, endpoint_id, reason);
  const state = { status: 'disabled', disabled_reason: reason } as const;
  await recordAudit(tx, {
    ...SERVICE,
    brand_id,
    event_type: 'event_endpoint.disabled',
    entity_type: 'event_endpoint',
    entity_id: endpoint_id,
    details: { cause: event_id, before: { status: 'enabled', disabled_reason: null }, ...state },
  });
  await appendEvent(tx, {
    event_type: 'event_endpoint.disabled.v1',
    brand_id,
    entity_type: 'event_endpoint',
    entity_id: endpoint_id,
    data: { endpoint_id, ...state },
  });
  log.error({ endpoint_id, reason }, 'switched an endpoint for events off');
}

/** Shows what waits to be delivered and which endpoints fail, read from the database when it is asked for. */
function measureBacklog(registry: Registry, pool: Pool): void {
  let reading: Promise<queries.Backlog> | undefined;
  const gauge = (name: string, help: string, value: (backlog: queries.Backlog) => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        reading ??= queries.readBacklog(pool).finally(() => {
          reading = undefined;
        });
        // Without the database there is nothing to show; that it is gone shows elsewhere.
        const backlog = await reading.catch(() => undefined);
        if (backlog === undefined) this.reset();
        else this.set(value(backlog));
      },
    });
  gauge(
    'event_deliveries_pending',
    'Events that endpoints which are on are still owed.',
    ({ pending }) => pending,
  );
  gauge(
    'event_deliveries_pending_oldest_seconds',
    'For how long the oldest of them has been.',
    ({ oldest_s }) => oldest_s,
  );
  gauge(
    'event_endpoints_failing',
    'Endpoints to which nothing gets through at the moment.',
    ({ failing }) => failing,
  );
  gauge(
    'event_endpoints_disabled',
    'Endpoints that were switched off because nothing got through.',
    ({ disabled }) => disabled,
  );
}

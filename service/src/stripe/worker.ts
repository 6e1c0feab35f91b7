import type { TaskList } from 'graphile-worker';
import type { Logger as Log } from 'pino';
import { Registry } from 'prom-client';
import type Stripe from 'stripe';
import { inSpan, NOWHERE, SpanKind } from '../tracing/spans.ts';
import { explainStripe } from './client.ts';
import { describeFailure, type InboxDeps, processEvent } from './inbox.ts';
import { releaseAbandonedJobs } from './job-queries.ts';
import { startJobQueue } from './job-queue.ts';
import { measureInbox } from './metrics.ts';
import { enqueueForgotten, PROCESS_EVENT, pruneEvents } from './queries.ts';
import { RECONCILE_JOB } from './reconcile/list-queries.ts';
import { ReconcileRunning } from './reconcile/reconcile.ts';
import { performRun } from './reconcile/request.ts';

export interface WorkerDeps extends InboxDeps {
  /** For what nobody waits for; the same as for events where it is left out. */
  background?: Stripe;
  /** For the job queue's own connections: one to listen and one for each job under way. */
  connectionString: string;
  log: Log;
  /** Jobs under way at once. */
  concurrency?: number;
  /** How long events that are done with are kept. */
  event_retention_days?: number;
  /** Where the worker counts what it does, and shows how deep the inbox is. */
  registry?: Registry;
}

export interface RunningWorker {
  /** Takes no more jobs, lets those under way end, and closes its connections. */
  stop(): Promise<void>;
}

const CONCURRENCY = 8;
const SWEEP_INTERVAL_ms = 30_000;
/** Longer than any event takes: every request to Stripe is bounded, and so is every statement. */
const ABANDONED_AFTER_s = 300;

/** Also what Stripe's own list of events has (30 days) must be known as a duplicate for as long as it may be sent again. */
const RETENTION_days = 90;
const PRUNE_INTERVAL_ms = 24 * 3_600_000;
/** Events forgotten in one statement: short, so that nobody beside it waits. */
const PRUNE_BATCH = 1_000;

/** Works through the inbox, beside any number of others, until stopped. */
export async function startWorker(deps: WorkerDeps): Promise<RunningWorker> {
  const { log, pool } = deps;
  const count = measureInbox(deps.registry ?? new Registry(), pool);
  const tasks: TaskList = {
    [PROCESS_EVENT]: async (payload, { job }) => {
      const eventId = readEventId(payload);
      const started = performance.now();
      const attempt = { number: job.attempts, last: job.attempts >= job.max_attempts };
      const entry = { event_id: eventId, attempt: attempt.number };
      try {
        const outcome = await inSpan(
          'job process_stripe_event',
          { kind: SpanKind.CONSUMER, attributes: { 'stripe_event.id': eventId }, within: NOWHERE },
          () => processEvent(deps, eventId, attempt),
        );
        const duration_ms = Math.round(performance.now() - started);
        count(outcome, duration_ms);
        log[outcome === 'failed' ? 'error' : 'info']({ ...entry, outcome, duration_ms }, 'stripe event');
      } catch (error) {
        const failure = describeFailure(error);
        count('retried', performance.now() - started);
        log.warn({ ...entry, outcome: 'retried', failure }, 'stripe event');
        // The queue keeps and logs the message of what is thrown: the original's may quote data.
        throw new Error(failure);
      }
    },
  };
  const ending = new AbortController();
  tasks[RECONCILE_JOB] = async (payload) => {
    const asking = { ...deps, stripe: deps.background ?? deps.stripe };
    try {
      const performed = await performRun(asking, payload, ending.signal);
      log.info({ performed }, 'reconciled with Stripe, as was asked for');
      if (performed !== 'stopped') return;
    } catch (error) {
      const failure =
        error instanceof ReconcileRunning ? error.message : (explainStripe(error) ?? describeFailure(error));
      log.warn({ failure }, 'could not reconcile; tries again');
      // The queue keeps and logs the message of what is thrown: the original's may quote data.
      throw new Error(failure);
    }
    throw new Error('The worker was stopped: another attempt goes on with it.');
  };
  const queue = await startJobQueue({
    connectionString: deps.connectionString,
    tasks,
    concurrency: deps.concurrency ?? CONCURRENCY,
    log,
  });

  const sweep = async () => {
    try {
      const released = await releaseAbandonedJobs(pool, ABANDONED_AFTER_s);
      const enqueued = await enqueueForgotten(pool, ABANDONED_AFTER_s);
      if (released + enqueued > 0)
        log.warn({ released, enqueued }, 'took up what another worker left behind');
    } catch (error) {
      log.warn({ failure: describeFailure(error) }, 'could not look for what was left behind');
    }
  };
  const prune = async () => {
    try {
      let pruned = 0;
      for (let batch = PRUNE_BATCH; batch >= PRUNE_BATCH && !stopping; pruned += batch)
        batch = await pruneEvents(pool, deps.event_retention_days ?? RETENTION_days, PRUNE_BATCH);
      if (pruned > 0) log.info({ pruned }, 'forgot old events');
    } catch (error) {
      log.warn({ failure: describeFailure(error) }, 'could not forget old events');
    }
  };
  let stopping = false;
  let pruning = prune();
  const pruneTimer = setInterval(() => {
    pruning = pruning.then(prune);
  }, PRUNE_INTERVAL_ms);
  pruneTimer.unref();
  let sweeping = sweep();
  const timer = setInterval(() => {
    sweeping = sweeping.then(sweep);
  }, SWEEP_INTERVAL_ms);
  timer.unref();

  return {
    async stop() {
      stopping = true;
      ending.abort();
      clearInterval(timer);
      clearInterval(pruneTimer);
      await Promise.all([sweeping, pruning]);
      await queue.stop();
    },
  };
}

function readEventId(payload: unknown): string {
  const eventId = (payload as { event_id?: unknown } | null)?.event_id;
  if (typeof eventId !== 'string') throw new Error('A job names no event');
  return eventId;
}

import { setTimeout as wait } from 'node:timers/promises';
import { Logger, type Runner, run, type TaskList } from 'graphile-worker';
import type { Logger as Log } from 'pino';
import { Registry } from 'prom-client';
import type { AskDeps } from './ask.ts';
import { describeFailure, processEvent } from './inbox.ts';
import { measureInbox } from './metrics.ts';
import { enqueueForgotten, PROCESS_EVENT, releaseAbandonedJobs } from './queries.ts';

export interface WorkerDeps extends AskDeps {
  /** For the job queue's own connections: one to listen and one for each job under way. */
  connectionString: string;
  log: Log;
  /** Jobs under way at once. */
  concurrency?: number;
  /** Where the worker counts what it does, and shows how deep the inbox is. */
  registry?: Registry;
}

export interface RunningWorker {
  /** Takes no more jobs, lets those under way end, and closes its connections. */
  stop(): Promise<void>;
}

const CONCURRENCY = 8;
/** Between looks for jobs where no notification came. */
const POLL_INTERVAL_ms = 2_000;
const SWEEP_INTERVAL_ms = 30_000;
const RESTART_AFTER_ms = 1_000;
/** Longer than any event takes: every request to Stripe is bounded, and so is every statement. */
const ABANDONED_AFTER_s = 300;
/** How long jobs under way may take to end after `stop()`; what is cut off is done again. */
const SHUTDOWN_TIMEOUT_ms = 10_000;

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
        const outcome = await processEvent(deps, eventId, attempt);
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
  const concurrency = deps.concurrency ?? CONCURRENCY;
  const startQueue = () =>
    run({
      connectionString: deps.connectionString,
      maxPoolSize: concurrency + 2,
      concurrency,
      pollInterval: POLL_INTERVAL_ms,
      noHandleSignals: true,
      gracefulShutdownAbortTimeout: SHUTDOWN_TIMEOUT_ms,
      taskList: tasks,
      logger: queueLogger(log),
    });
  const queue = await keepRunning(startQueue, log);

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
  let sweeping = sweep();
  const timer = setInterval(() => {
    sweeping = sweeping.then(sweep);
  }, SWEEP_INTERVAL_ms);
  timer.unref();

  return {
    async stop() {
      clearInterval(timer);
      await sweeping;
      await queue.stop();
    },
  };
}

/**
 * Keeps a job queue at work: it bears a lost connection or two, but gives up where it cannot tell the database that a
 * job has ended. Then another one is started, as soon as the database lets it.
 */
async function keepRunning(start: () => Promise<Runner>, log: Log): Promise<RunningWorker> {
  const stopping = new AbortController();
  let runner = await start();
  const supervise = async () => {
    for (;;) {
      await runner.promise.catch(() => {});
      while (!stopping.signal.aborted) {
        await wait(RESTART_AFTER_ms, undefined, { signal: stopping.signal }).catch(() => {});
        if (stopping.signal.aborted) return;
        try {
          runner = await start();
          log.warn('the job queue had ended and was started again');
          break;
        } catch (error) {
          log.warn({ failure: describeFailure(error) }, 'the job queue has ended and cannot be started yet');
        }
      }
      if (stopping.signal.aborted) return;
    }
  };
  const supervising = supervise();
  return {
    async stop() {
      stopping.abort();
      // One that has ended by itself says so by refusing to be stopped.
      await runner.stop().catch(() => {});
      await supervising;
    },
  };
}

function readEventId(payload: unknown): string {
  const eventId = (payload as { event_id?: unknown } | null)?.event_id;
  if (typeof eventId !== 'string') throw new Error('A job names no event');
  return eventId;
}

/** The queue's own log lines, in ours. What it says of single jobs is said better by the task. */
function queueLogger(log: Log): Logger {
  const child = log.child({ component: 'jobs' });
  return new Logger(() => (level, message, meta) => {
    if (level === 'error' && meta?.failure !== true) child.error(message);
    else if (level === 'warning') child.warn(message);
    else child.debug(message);
  });
}

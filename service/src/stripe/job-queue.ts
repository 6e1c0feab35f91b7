import { EventEmitter } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { Logger, type Runner, run, type TaskList, type WorkerEvents } from 'graphile-worker';
import type pg from 'pg';
import type { Logger as Log } from 'pino';
import { openPool } from '../database/pool.ts';
import { releaseJobsOf } from './job-queries.ts';
import { startLiveness } from './liveness.ts';

export interface JobQueueOptions {
  connectionString: string;
  tasks: TaskList;
  /** Jobs under way at once. */
  concurrency: number;
  log: Log;
}

export interface RunningJobQueue {
  /** Takes no more jobs, lets those under way end, and closes its connections. */
  stop(): Promise<void>;
}

/** Between looks for jobs where no notification came. */
const POLL_INTERVAL_ms = 2_000;
const RESTART_AFTER_ms = 1_000;
/** How long jobs under way may take to end after `stop()`; what is cut off is done again. */
const SHUTDOWN_TIMEOUT_ms = 10_000;

/** One run of Graphile Worker, and what says that it is over. */
interface QueueRun {
  runner: Runner;
  queue_id: string | undefined;
  ended: Promise<void>;
}

/**
 * Runs Graphile Worker and keeps it at work. It bears lost connections, but where it cannot tell the database how a job
 * ended it shuts itself down, in some cases (0.17.3) without its promise ever settling. Then this starts another one as
 * soon as the database lets it, on the same connections, and gives back at once what the one before held.
 */
export async function startJobQueue(options: JobQueueOptions): Promise<RunningJobQueue> {
  const { log } = options;
  const pool = createQueuePool(options);
  const stopping = new AbortController();
  let current = await startRun(pool, options);

  const startAgain = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await wait(RESTART_AFTER_ms, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return;
      try {
        const before = current;
        const next = await startRun(pool, options);
        // Told to stop in the meantime, when only the one before was known.
        if (stopping.signal.aborted) return await stopRun(next);
        current = next;
        if (before.queue_id !== undefined) await releaseJobsOf(pool, before.queue_id);
        log.warn('the job queue had ended and was started again');
        return;
      } catch {
        log.warn('the job queue has ended and cannot be started yet');
      }
    }
  };
  const supervise = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await current.ended;
      // Whatever of it still runs, its clock for one, is told to stop; whether it ever says so does not matter.
      current.runner.stop().catch(() => {});
      await startAgain();
    }
  };
  const supervising = supervise();
  const liveness = startLiveness({ pool, log, workerId: () => current.queue_id });

  return {
    async stop() {
      stopping.abort();
      await stopRun(current);
      await supervising;
      await liveness.stop();
      await pool.end();
    },
  };
}

async function startRun(pool: pg.Pool, { tasks, concurrency, log }: JobQueueOptions): Promise<QueueRun> {
  const events: WorkerEvents = new EventEmitter();
  let queueId: string | undefined;
  events.on('pool:create', ({ workerPool }) => {
    queueId = workerPool.id;
  });
  const fatal = new Promise<void>((resolve) => {
    events.once('pool:fatalError', () => resolve());
    events.once('pool:gracefulShutdown', () => resolve());
  });
  const runner = await run({
    pgPool: pool,
    concurrency,
    pollInterval: POLL_INTERVAL_ms,
    noHandleSignals: true,
    gracefulShutdownAbortTimeout: SHUTDOWN_TIMEOUT_ms,
    taskList: tasks,
    events,
    logger: queueLogger(log),
    // Without a batch, a job whose end cannot be told to the database is an unhandled rejection, which ends the process.
    // No local queue (0.17.3): what it has fetched and cannot give back, when the database goes, ends the process too.
    preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
  });
  const settled = runner.promise.catch(() => {});
  return { runner, queue_id: queueId, ended: Promise.race([fatal, settled]) };
}

/** One that has ended by itself says so by refusing to be stopped, or never says it. */
async function stopRun({ runner }: QueueRun): Promise<void> {
  const late = wait(SHUTDOWN_TIMEOUT_ms + 1_000, undefined, { ref: false });
  await Promise.race([runner.stop().catch(() => {}), late]);
}

/** One connection to listen, one to say that it is at work, and one for each job under way. */
function createQueuePool({ connectionString, concurrency, log }: JobQueueOptions): pg.Pool {
  return openPool({
    connectionString,
    max: concurrency + 3,
    applicationName: 'payments jobs',
    pipeline: false,
    onError: () => log.warn('an idle connection of the job queue was lost'),
  });
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

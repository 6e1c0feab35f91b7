import type { Queryable } from '../database/pool.ts';
import { PROCESS_EVENT } from './queries.ts';

/** A job queue at work, and how often it has said so. */
export interface Beat {
  worker_id: string;
  beat: number;
}

/** Says that a queue is at work (primary key) and reads what all others have said; they are as many as there are processes. */
export async function beat(db: Queryable, workerId: string): Promise<Beat[]> {
  const { rows } = await db.query<Beat>({
    name: 'job_workers.beat',
    text: `WITH mine AS (
             INSERT INTO job_workers (worker_id, beat, seen_at) VALUES ($1, 1, clock_timestamp())
             ON CONFLICT (worker_id) DO UPDATE SET beat = job_workers.beat + 1, seen_at = excluded.seen_at
           )
           SELECT worker_id, beat FROM job_workers WHERE worker_id <> $1`,
    values: [workerId],
  });
  return rows;
}

/** How many queues have said of late that they are at work, and when one last has; they are as many as there are processes. */
export async function readQueues(db: Queryable): Promise<{ alive: number; last_seen_at: Date | null }> {
  const { rows } = await db.query<{ alive: number; last_seen_at: Date | null }>({
    name: 'job_workers.read',
    text: `SELECT count(*) FILTER (WHERE seen_at > clock_timestamp() - interval '10 seconds') AS alive,
                  max(seen_at) AS last_seen_at
           FROM job_workers`,
  });
  return rows[0] ?? { alive: 0, last_seen_at: null };
}

/** Forgets a queue that has ended by itself: it holds nothing (primary key). */
export async function leave(db: Queryable, workerId: string): Promise<void> {
  await db.query({
    name: 'job_workers.leave',
    text: 'DELETE FROM job_workers WHERE worker_id = $1',
    values: [workerId],
  });
}

/**
 * Forgets a queue that is dead and gives back what it held, in one statement, if it has not said anything since (primary
 * key). Graphile Worker itself would give it back after four hours. True: it was this call that did so.
 */
export async function bury(db: Queryable, { worker_id, beat }: Beat): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'job_workers.bury',
    text: `WITH dead AS (
             DELETE FROM job_workers WHERE worker_id = $1 AND beat = $2 RETURNING worker_id
           )
           SELECT graphile_worker.force_unlock_workers(ARRAY[worker_id]) FROM dead`,
    values: [worker_id, beat],
  });
  return rowCount === 1;
}

/**
 * Gives back jobs of queues that never said that they are at work: killed before they could. They are taken for dead when all
 * that they hold is older than any event takes.
 */
export async function releaseAbandonedJobs(db: Queryable, olderThan_s: number): Promise<number> {
  const { rows } = await db.query<{ released: number }>({
    name: 'stripe_events.release_abandoned',
    text: `WITH dead AS (
             SELECT locked_by, count(*) AS jobs FROM graphile_worker.jobs
             WHERE task_identifier = '${PROCESS_EVENT}' AND locked_by IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM job_workers WHERE worker_id = locked_by)
             GROUP BY locked_by
             HAVING max(locked_at) < clock_timestamp() - make_interval(secs => $1)
           ), totals AS (
             SELECT coalesce(sum(jobs), 0)::bigint AS released, array_agg(locked_by) AS workers FROM dead
           )
           SELECT released, CASE WHEN released > 0 THEN graphile_worker.force_unlock_workers(workers) END
           FROM totals`,
    values: [olderThan_s],
  });
  return rows[0]?.released ?? 0;
}

/** Gives back the jobs that a queue held which is known to have ended. */
export async function releaseJobsOf(db: Queryable, queueId: string): Promise<void> {
  await db.query({
    name: 'stripe_events.release_jobs_of',
    text: 'SELECT graphile_worker.force_unlock_workers(ARRAY[$1::text])',
    values: [queueId],
  });
}

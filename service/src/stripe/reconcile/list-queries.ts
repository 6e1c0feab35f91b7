import { type Page, type PageKey, readPage } from '../../database/page.ts';
import type { Queryable } from '../../database/pool.ts';
import type { RecordedDifference, Run } from './queries.ts';

/** The job of a run that was asked for; there is one of its name. */
export const RECONCILE_JOB = 'reconcile';
/** Stripe may be away for hours: Graphile Worker waits e^1 … e^10 s, then 6 h each. */
const MAX_ATTEMPTS = 25;

/** A run as it is shown. */
export interface ListedRun extends Omit<Run, 'starting_after'> {
  updated_at: Date;
  finished_at: Date | null;
  abandoned_at: Date | null;
  requested_by_type: 'user' | 'service' | null;
  requested_by_id: string | null;
  /** How many differences it has seen that were brought in, were repaired, or are still left for a person. */
  imported: number;
  repaired: number;
  left: number;
}

const RUN = `run_id, window_from, window_until, asked_until, step, counts, started_at, updated_at, finished_at, abandoned_at,
  requested_by_type, requested_by_id`;
const FOUND = `LATERAL (
  SELECT count(*) FILTER (WHERE done = 'imported') AS imported,
         count(*) FILTER (WHERE done = 'repaired') AS repaired,
         count(*) FILTER (WHERE done = 'left' AND closed_at IS NULL) AS "left"
  FROM reconcile_differences WHERE seen_run_id = r.run_id
) AS found`;

/** Runs, the latest first (reconcile_runs_by_time), each with what it found (reconcile_differences_by_run). */
export async function listRuns(
  db: Queryable,
  { after, limit }: { after: PageKey | undefined; limit: number },
): Promise<Page<ListedRun & { created_at: Date }>> {
  return await readPage(db, {
    name: 'reconcile_runs.list',
    select: `SELECT ${RUN}, started_at AS created_at, imported, repaired, "left" FROM reconcile_runs r, ${FOUND}`,
    timeColumn: 'started_at',
    idColumn: 'run_id',
    conditions: [['true', true]],
    after,
    limit,
  });
}

/** Whether a job of such a run waits or is under way and may still be tried (unique job key). */
export async function isQueued(db: Queryable): Promise<boolean> {
  const { rows } = await db.query({
    name: 'reconcile_runs.is_queued',
    text: `SELECT 1 FROM graphile_worker.jobs WHERE key = '${RECONCILE_JOB}' AND attempts < max_attempts`,
  });
  return rows.length > 0;
}

/** Gives a run its job and notes who has asked for it, in one statement (primary key, unique job key). */
export async function queueRun(
  tx: Queryable,
  { run_id }: Pick<Run, 'run_id'>,
  by: { actor_type: 'user' | 'service'; actor_id: string },
): Promise<ListedRun> {
  const { rows } = await tx.query<ListedRun>({
    name: 'reconcile_runs.queue',
    text: `WITH job AS (
             SELECT (graphile_worker.add_job('${RECONCILE_JOB}', json_build_object('run_id', $1::text),
                                            job_key => '${RECONCILE_JOB}', max_attempts => ${MAX_ATTEMPTS})).id
           ), run AS (
             UPDATE reconcile_runs SET requested_by_type = $2, requested_by_id = $3 FROM job
             WHERE run_id = $1 AND job.id IS NOT NULL
             RETURNING reconcile_runs.*
           )
           SELECT ${RUN}, imported, repaired, "left" FROM run r, ${FOUND}`,
    values: [run_id, by.actor_type, by.actor_id],
  });
  const [run] = rows;
  if (run === undefined) throw new Error('A run that was begun is gone');
  return run;
}

/** A run that has not come to its end (primary key). */
export async function findRequested(
  db: Queryable,
  runId: string,
): Promise<Pick<Run, 'window_from' | 'asked_until'> | undefined> {
  const { rows } = await db.query<Pick<Run, 'window_from' | 'asked_until'>>({
    name: 'reconcile_runs.find_requested',
    text: `SELECT window_from, asked_until FROM reconcile_runs
           WHERE run_id = $1 AND finished_at IS NULL AND abandoned_at IS NULL`,
    values: [runId],
  });
  return rows[0];
}

/** The run that was last at work, by any who run them, and when one last came to its end (reconcile_runs_by_time, reconcile_runs_finished). */
export async function readLatest(
  db: Queryable,
): Promise<{ started_at: Date | null; finished_at: Date | null }> {
  const { rows } = await db.query<{ started_at: Date | null; finished_at: Date | null }>({
    name: 'reconcile_runs.latest',
    text: `SELECT (SELECT max(started_at) FROM reconcile_runs) AS started_at,
                  (SELECT max(finished_at) FROM reconcile_runs WHERE finished_at IS NOT NULL) AS finished_at`,
  });
  return rows[0] ?? { started_at: null, finished_at: null };
}

/** A difference as it is shown. */
export interface ListedDifference extends RecordedDifference {
  run_id: string;
  seen_run_id: string;
  closed_at: Date | null;
  closed_by_type: 'user' | 'service' | null;
  closed_by_id: string | null;
  note: string | null;
}

const DIFFERENCE = `difference_id, run_id, seen_run_id, brand_id, kind, entity_type, entity_id, stripe_id, here, at_stripe, done, found_at,
  closed_at, closed_by_type, closed_by_id, note`;

/** What the list may be narrowed to; what is absent does not narrow. */
export interface DifferenceFilters {
  open?: boolean;
  run_id?: string;
  entity_id?: string;
}

/**
 * Differences of a brand, the latest found first. Served by reconcile_differences_by_time, by reconcile_differences_open_by_time where
 * open ones are asked for, or by reconcile_differences_by_run.
 */
export async function listDifferences(
  db: Queryable,
  brandId: string,
  filters: DifferenceFilters,
  { after, limit }: { after: PageKey | undefined; limit: number },
): Promise<Page<ListedDifference & { created_at: Date }>> {
  return await readPage(db, {
    name: 'reconcile_differences.list',
    select: `SELECT ${DIFFERENCE}, found_at AS created_at FROM reconcile_differences`,
    timeColumn: 'found_at',
    idColumn: 'difference_id',
    conditions: [
      ['brand_id = ?', brandId],
      ['closed_at IS NULL', filters.open === true ? true : undefined],
      ['closed_at IS NOT NULL', filters.open === false ? true : undefined],
      ['seen_run_id = ?', filters.run_id],
      ['entity_id = ?', filters.entity_id],
    ],
    after,
    limit,
  });
}

/** Locks a difference of one brand (primary key). */
export async function lockDifference(
  tx: Queryable,
  brandId: string,
  differenceId: string,
): Promise<ListedDifference | undefined> {
  const { rows } = await tx.query<ListedDifference>({
    name: 'reconcile_differences.lock',
    text: `SELECT ${DIFFERENCE} FROM reconcile_differences WHERE difference_id = $2 AND brand_id = $1 FOR UPDATE`,
    values: [brandId, differenceId],
  });
  return rows[0];
}

/** Closes a locked difference on somebody's word (primary key). */
export async function closeDifference(
  tx: Queryable,
  differenceId: string,
  by: { actor_type: 'user' | 'service'; actor_id: string; note: string },
): Promise<ListedDifference> {
  const { rows } = await tx.query<ListedDifference>({
    name: 'reconcile_differences.close_by_somebody',
    text: `UPDATE reconcile_differences
           SET closed_at = clock_timestamp(), closed_by_type = $2, closed_by_id = $3, note = $4
           WHERE difference_id = $1
           RETURNING ${DIFFERENCE}`,
    values: [differenceId, by.actor_type, by.actor_id, by.note],
  });
  const [closed] = rows;
  if (closed === undefined) throw new Error('A locked difference is gone');
  return closed;
}

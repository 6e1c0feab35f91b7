import type { Queryable } from '../../database/pool.ts';
import { newId } from '../../ids.ts';
import type { Finding } from '../ask.ts';
import { type Books, type Difference, type EntityType, type Here, paymentKey } from './compare.ts';
import type { ReconcileCounts, ReconcileStep } from './steps.ts';

export interface Run {
  run_id: string;
  window_from: Date;
  window_until: Date;
  asked_until: Date | null;
  step: ReconcileStep;
  starting_after: string | null;
  counts: ReconcileCounts;
  started_at: Date;
}

const RUN = 'run_id, window_from, window_until, asked_until, step, starting_after, counts, started_at';

/** The run over that window that has not come to its end (reconcile_runs_unfinished), if it was at work less than a day ago. */
export async function takeUnfinished(
  db: Queryable,
  from: Date,
  askedUntil: Date | null,
): Promise<Run | undefined> {
  const values = [from, askedUntil];
  const own = `window_from = $1 AND asked_until IS NOT DISTINCT FROM $2
               AND finished_at IS NULL AND abandoned_at IS NULL`;
  await db.query({
    name: 'reconcile_runs.abandon',
    text: `UPDATE reconcile_runs SET abandoned_at = clock_timestamp()
           WHERE ${own} AND updated_at < clock_timestamp() - interval '1 day'`,
    values,
  });
  const { rows } = await db.query<Run>({
    name: 'reconcile_runs.find_unfinished',
    text: `SELECT ${RUN} FROM reconcile_runs WHERE ${own}`,
    values,
  });
  return rows[0];
}

/** Begins a run. Its window ends now by the database's clock, unless an end is asked for. */
export async function insertRun(
  db: Queryable,
  run: Pick<Run, 'run_id' | 'window_from' | 'asked_until' | 'step' | 'counts'>,
): Promise<Run> {
  const { rows } = await db.query<Run>({
    name: 'reconcile_runs.insert',
    text: `INSERT INTO reconcile_runs (run_id, window_from, window_until, asked_until, step, counts, started_at, updated_at)
           SELECT $1, $2, coalesce($3, now), $3, $4, $5, now, now FROM clock_timestamp() AS now
           RETURNING ${RUN}`,
    values: [run.run_id, run.window_from, run.asked_until, run.step, JSON.stringify(run.counts)],
  });
  const [inserted] = rows;
  if (inserted === undefined) throw new Error('A run was not inserted');
  return inserted;
}

/** The checkpoint: everything up to here is compared (primary key). */
export async function saveRun(db: Queryable, run: Run): Promise<void> {
  await db.query({
    name: 'reconcile_runs.save',
    text: `UPDATE reconcile_runs SET step = $2, starting_after = $3, counts = $4, updated_at = clock_timestamp()
           WHERE run_id = $1`,
    values: [run.run_id, run.step, run.starting_after, JSON.stringify(run.counts)],
  });
}

export async function finishRun(db: Queryable, runId: string): Promise<void> {
  await db.query({
    name: 'reconcile_runs.finish',
    text: 'UPDATE reconcile_runs SET finished_at = clock_timestamp(), updated_at = clock_timestamp() WHERE run_id = $1',
    values: [runId],
  });
}

/** What the books have of what these findings tell of (the unique indexes on Stripe's ids; primary key of refunds). */
export async function readBooks(db: Queryable, findings: readonly Finding[]): Promise<Books> {
  const refunds = findings.flatMap((finding) => finding.refunds);
  const disputes = findings.flatMap((finding) => finding.disputes);
  const [payments, ofRefunds, ofDisputes] = await Promise.all([
    db.query<Here>({
      name: 'reconcile.payments',
      text: `SELECT payment_id AS entity_id, coalesce(stripe_payment_intent_id, stripe_charge_id) AS stripe_id,
                    json_build_object('amount_cents', amount_cents, 'captured_cents', captured_cents,
                                      'currency', currency, 'status', status,
                                      'stripe_charge_id', stripe_charge_id) AS side
             FROM payments WHERE stripe_payment_intent_id = ANY($1)
                OR (stripe_charge_id = ANY($1) AND stripe_payment_intent_id IS NULL)`,
      values: [findings.map(paymentKey)],
    }),
    db.query<Here>({
      name: 'reconcile.refunds',
      text: `SELECT refund_id AS entity_id, stripe_refund_id AS stripe_id,
                    json_build_object('amount_cents', amount_cents, 'counted_cents', counted_cents,
                                      'currency', currency, 'status', status) AS side,
                    (recover_attempts = 0 AND recover_at > clock_timestamp()) IS TRUE AS under_way
             FROM refunds WHERE stripe_refund_id = ANY($1)
                OR (refund_id = ANY($2) AND stripe_refund_id IS NULL AND status = 'pending')`,
      values: [
        refunds.map(({ stripe_refund_id }) => stripe_refund_id),
        refunds.map(({ refund_id }) => refund_id).filter((id) => id !== null),
      ],
    }),
    db.query<Here>({
      name: 'reconcile.disputes',
      text: `SELECT dispute_id AS entity_id, stripe_dispute_id AS stripe_id,
                    json_build_object('amount_cents', amount_cents, 'currency', currency, 'status', status) AS side
             FROM disputes WHERE stripe_dispute_id = ANY($1)`,
      values: [disputes.map(({ stripe_dispute_id }) => stripe_dispute_id)],
    }),
  ]);
  const byId = (rows: Here[]) => new Map(rows.map((here) => [here.stripe_id ?? here.entity_id, here]));
  return {
    payments: byId(payments.rows),
    refunds: byId(ofRefunds.rows),
    disputes: byId(ofDisputes.rows),
  };
}

const TABLES = [
  ['payments', 'stripe_payment_intent_id'],
  ['payments', 'stripe_charge_id'],
  ['refunds', 'stripe_refund_id'],
  ['disputes', 'stripe_dispute_id'],
] as const;

/**
 * Where the database's clock has jumped back, what was learned before lies in its future and would be taken for newer
 * than anything that is learned now. Puts the time of such rows back to when this answer was asked for (the unique indexes
 * on Stripe's ids). Returns how many.
 */
export async function mendFuture(db: Queryable, ids: readonly string[], observedAt: Date): Promise<number> {
  let mended = 0;
  for (const [table, column] of TABLES) {
    const { rowCount } = await db.query({
      name: `reconcile.mend_${table}_${column}`,
      text: `UPDATE ${table} SET observed_at = $2 WHERE ${column} = ANY($1) AND observed_at > clock_timestamp()`,
      values: [ids, observedAt],
    });
    mended += rowCount ?? 0;
  }
  return mended;
}

/** Something of the books that Stripe's lists did not show. */
export interface Unseen extends Here {
  brand_id: string;
  stripe_id: string;
}

const UNSEEN = {
  payment: `SELECT payment_id AS entity_id, brand_id,
                   coalesce(stripe_payment_intent_id, stripe_charge_id) AS stripe_id,
                   json_build_object('amount_cents', amount_cents, 'captured_cents', captured_cents,
                                     'currency', currency, 'status', status) AS side
            FROM payments WHERE created_at BETWEEN $1 AND $2`,
  refund: `SELECT refund_id AS entity_id, brand_id, stripe_refund_id AS stripe_id,
                  json_build_object('amount_cents', amount_cents, 'counted_cents', counted_cents,
                                    'currency', currency, 'status', status) AS side
           FROM refunds WHERE created_at BETWEEN $1 AND $2 AND stripe_refund_id IS NOT NULL`,
  dispute: `SELECT dispute_id AS entity_id, brand_id, stripe_dispute_id AS stripe_id,
                   json_build_object('amount_cents', amount_cents, 'currency', currency, 'status', status) AS side
            FROM disputes WHERE created_at BETWEEN $1 AND $2`,
} satisfies Record<EntityType, string>;

/**
 * What was created in the window and has not been told of since the run began: not in a list of Stripe's, nor by a webhook
 * (payments_created, refunds_created, disputes_created). What lies in the clock's future was not told of now either.
 */
export async function readUnseen(
  db: Queryable,
  type: EntityType,
  run: Run,
  limit: number,
): Promise<Unseen[]> {
  const { rows } = await db.query<Unseen>({
    name: `reconcile.unseen_${type}`,
    text: `WITH unseen AS MATERIALIZED (
             ${UNSEEN[type]} AND (observed_at < $3 OR observed_at > clock_timestamp())
           )
           SELECT * FROM unseen WHERE entity_id > $4 ORDER BY entity_id LIMIT $5`,
    values: [run.window_from, run.window_until, run.started_at, run.starting_after ?? '', limit],
  });
  return rows;
}

/** Refunds of the window that Stripe may have been told of, and of which nothing is known for too long (refunds_to_recover). */
export async function readUnknownOutcomes(
  db: Queryable,
  run: Run,
  olderThan_s: number,
): Promise<(Here & { brand_id: string })[]> {
  const { rows } = await db.query<Here & { brand_id: string }>({
    name: 'reconcile.unknown_outcomes',
    text: `SELECT refund_id AS entity_id, brand_id, NULL AS stripe_id,
                  json_build_object('amount_cents', amount_cents, 'currency', currency, 'status', status) AS side
           FROM refunds
           WHERE recover_at IS NOT NULL AND created_at BETWEEN $1 AND $2
             AND submitted_at < clock_timestamp() - make_interval(secs => $3)`,
    values: [run.window_from, run.window_until, olderThan_s],
  });
  return rows;
}

export type Done = 'repaired' | 'imported' | 'left';

/**
 * Writes a difference, once for as long as it is open: seen again it may be put right (reconcile_differences_open). One that somebody has
 * settled as it is stays settled for as long as both sides go on to say the same (reconcile_differences_settled).
 */
export async function recordDifference(
  db: Queryable,
  runId: string,
  difference: Difference,
  done: Done,
): Promise<void> {
  await db.query({
    name: 'reconcile_differences.record',
    text: `WITH settled AS (
             UPDATE reconcile_differences SET seen_run_id = $2
             WHERE $10 = 'left' AND closed_by_id IS NOT NULL AND agreed_at IS NULL
               AND (stripe_id = $7 OR ($7::text IS NULL AND stripe_id IS NULL))
               AND entity_id IS NOT DISTINCT FROM $6 AND kind = $4
               AND md5(coalesce(here::text, '') || coalesce(at_stripe::text, ''))
                 = md5(coalesce($8::jsonb::text, '') || coalesce($9::jsonb::text, ''))
             RETURNING difference_id
           )
           INSERT INTO reconcile_differences (difference_id, run_id, seen_run_id, brand_id, kind, entity_type, entity_id,
                                              stripe_id, here, at_stripe, done, found_at, closed_at)
           SELECT $1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, now, CASE WHEN $10 <> 'left' THEN now END
           FROM clock_timestamp() AS now
           WHERE NOT EXISTS (SELECT FROM settled)
           ON CONFLICT (stripe_id, entity_id, kind, md5(coalesce(here::text, '') || coalesce(at_stripe::text, '')))
             WHERE closed_at IS NULL
           DO UPDATE SET seen_run_id = excluded.seen_run_id, done = excluded.done, closed_at = excluded.closed_at`,
    values: [
      newId('difference'),
      runId,
      difference.brand_id,
      difference.kind,
      difference.entity_type,
      difference.entity_id,
      difference.stripe_id,
      difference.here === null ? null : JSON.stringify(difference.here),
      difference.at_stripe === null ? null : JSON.stringify(difference.at_stripe),
      done,
    ],
  });
}

/**
 * Closes what was open about these objects and was not seen by this run: the two sides agree (reconcile_differences_open). What somebody had
 * settled about them is settled no longer, but over (reconcile_differences_settled).
 */
export async function closeDifferences(db: Queryable, runId: string, stripeIds: string[]): Promise<void> {
  await db.query({
    name: 'reconcile_differences.close',
    text: `WITH over AS (
             UPDATE reconcile_differences SET agreed_at = clock_timestamp()
             WHERE stripe_id = ANY($2) AND closed_by_id IS NOT NULL AND agreed_at IS NULL AND seen_run_id <> $1
           )
           UPDATE reconcile_differences SET closed_at = clock_timestamp()
           WHERE stripe_id = ANY($2) AND closed_at IS NULL AND seen_run_id <> $1`,
    values: [runId, stripeIds],
  });
}

/** Closes what was left to recovery, and recovery has found out (reconcile_differences_open; primary key of refunds). */
export async function closeFoundOut(db: Queryable): Promise<void> {
  await db.query({
    name: 'reconcile_differences.close_found_out',
    text: `UPDATE reconcile_differences d SET closed_at = clock_timestamp()
           FROM refunds r
           WHERE d.stripe_id IS NULL AND d.closed_at IS NULL AND d.kind = 'outcome_unknown'
             AND r.refund_id = d.entity_id AND r.recover_at IS NULL`,
  });
}

/** A difference as it was recorded. */
export interface RecordedDifference extends Difference {
  difference_id: string;
  done: Done;
  found_at: Date;
}

/** What a run has found, and what was found before, still is so and nobody has settled; the first of them (reconcile_differences_by_run). */
export async function readDifferences(
  db: Queryable,
  runId: string,
  limit: number,
): Promise<RecordedDifference[]> {
  const { rows } = await db.query<RecordedDifference>({
    name: 'reconcile_differences.of_run',
    text: `SELECT difference_id, kind, brand_id, entity_type, entity_id, stripe_id, here, at_stripe, done, found_at
           FROM reconcile_differences WHERE seen_run_id = $1 AND closed_by_id IS NULL
           ORDER BY difference_id LIMIT $2`,
    values: [runId, limit],
  });
  return rows;
}

/** How many of them ended in which way (reconcile_differences_by_run). */
export async function countDifferences(db: Queryable, runId: string): Promise<Record<Done, number>> {
  const { rows } = await db.query<Record<Done, number>>({
    name: 'reconcile_differences.count',
    text: `SELECT count(*) FILTER (WHERE done = 'repaired') AS repaired,
                  count(*) FILTER (WHERE done = 'imported') AS imported,
                  count(*) FILTER (WHERE done = 'left' AND closed_at IS NULL) AS "left"
           FROM reconcile_differences WHERE seen_run_id = $1`,
    values: [runId],
  });
  return rows[0] ?? { repaired: 0, imported: 0, left: 0 };
}

/** Whether a nightly run over that window is still to be done: it is not, if it ended before, or before there were any. */
export async function isDue(db: Queryable, from: Date, to: Date): Promise<boolean> {
  const { rows } = await db.query<{ due: boolean }>({
    name: 'reconcile_runs.is_due',
    text: `SELECT $2::timestamptz > (SELECT run_on FROM schema_migrations WHERE name = '0008_reconcile')
                  AND NOT EXISTS (SELECT 1 FROM reconcile_runs
                                  WHERE window_from = $1 AND asked_until = $2 AND finished_at IS NOT NULL) AS due`,
    values: [from, to],
  });
  return rows[0]?.due === true;
}

/** When a run last came to its end; null where none has (reconcile_runs_finished). */
export async function readLastFinished(db: Queryable): Promise<Date | null> {
  const { rows } = await db.query<{ finished_at: Date | null }>({
    name: 'reconcile_runs.last_finished',
    text: 'SELECT max(finished_at) AS finished_at FROM reconcile_runs WHERE finished_at IS NOT NULL',
  });
  return rows[0]?.finished_at ?? null;
}

/** How much is open, by kind (reconcile_differences_open). */
export async function countOpen(db: Queryable): Promise<{ kind: string; differences: number }[]> {
  const { rows } = await db.query<{ kind: string; differences: number }>({
    name: 'reconcile_differences.open',
    text: `SELECT kind, count(*) AS differences FROM reconcile_differences WHERE closed_at IS NULL GROUP BY kind`,
  });
  return rows;
}

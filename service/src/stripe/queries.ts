import type { Queryable } from '../database/pool.ts';
import type { Counts } from './backfill.ts';
import type { Step } from './pages.ts';

/** The database's time, by which answers of Stripe are ordered; asked for before Stripe is. */
export async function readDatabaseClock(db: Queryable): Promise<Date> {
  const { rows } = await db.query<{ now: Date }>({
    name: 'stripe.clock',
    text: 'SELECT clock_timestamp() AS now',
  });
  const [row] = rows;
  if (row === undefined) throw new Error('The database does not tell the time');
  return row.now;
}

export type EventStatus = 'received' | 'processed' | 'ignored' | 'unmatched' | 'failed';

/** An event of Stripe's as the inbox keeps it. */
export interface InboxEvent {
  event_id: string;
  stripe_event_id: string;
  event_type: string;
  object_type: string | null;
  object_id: string | null;
  livemode: boolean;
  stripe_account_id: string | null;
  status: EventStatus;
  error: string | null;
  /** How often it has been asked about. */
  attempts: number;
  stripe_created_at: Date;
}

/** How often an event is tried. Graphile Worker waits e^1 … e^10 s, then e^10 s (6 h) each: about four days in all. */
export const MAX_ATTEMPTS = 25;
export const PROCESS_EVENT = 'process_stripe_event';

/**
 * Stores events once each and, where there is something to do, their jobs: one statement, so that there is never one without
 * the other, and one commit for all of them. Returns our ids of those that were not stored yet (unique stripe_event_id).
 * They have to come in the order of `stripe_event_id`, in which all others store theirs, or two would wait for each other.
 */
export async function insertEvents(
  db: Queryable,
  events: readonly Omit<InboxEvent, 'attempts'>[],
): Promise<string[]> {
  const column = <Name extends keyof (typeof events)[number]>(name: Name) =>
    events.map((event) => event[name]);
  const { rows } = await db.query<{ event_id: string }>({
    name: 'stripe_events.insert',
    text: `WITH stored AS (
             INSERT INTO stripe_events (event_id, stripe_event_id, event_type, object_type, object_id, livemode,
                                        stripe_account_id, status, error, stripe_created_at, received_at)
             SELECT *, clock_timestamp()
             FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[],
                         $7::text[], $8::text[], $9::text[], $10::timestamptz[])
             ON CONFLICT (stripe_event_id) DO NOTHING
             RETURNING event_id, status
           ), jobs AS (
             SELECT array_agg(('${PROCESS_EVENT}', json_build_object('event_id', event_id), NULL, NULL,
                               ${MAX_ATTEMPTS}, event_id, NULL, NULL)::graphile_worker.job_spec) AS specs
             FROM stored WHERE status = 'received'
           )
           SELECT event_id,
                  (SELECT count(*) FROM jobs, LATERAL graphile_worker.add_jobs(specs) WHERE specs IS NOT NULL) AS jobs
           FROM stored`,
    values: [
      column('event_id'),
      column('stripe_event_id'),
      column('event_type'),
      column('object_type'),
      column('object_id'),
      column('livemode'),
      column('stripe_account_id'),
      column('status'),
      column('error'),
      column('stripe_created_at'),
    ],
  });
  return rows.map(({ event_id }) => event_id);
}

/** Our ids of events that are stored already (unique stripe_event_id). */
export async function findEventIds(
  db: Queryable,
  stripeEventIds: readonly string[],
): Promise<Map<string, string>> {
  const { rows } = await db.query<{ stripe_event_id: string; event_id: string }>({
    name: 'stripe_events.by_stripe_ids',
    text: 'SELECT stripe_event_id, event_id FROM stripe_events WHERE stripe_event_id = ANY($1)',
    values: [stripeEventIds],
  });
  return new Map(rows.map(({ stripe_event_id, event_id }) => [stripe_event_id, event_id]));
}

const EVENT = `event_id, stripe_event_id, event_type, object_type, object_id, livemode, stripe_account_id, status,
                  error, attempts, stripe_created_at`;

/** An event of the inbox (primary key). */
export async function findEvent(db: Queryable, eventId: string): Promise<InboxEvent | undefined> {
  const { rows } = await db.query<InboxEvent>({
    name: 'stripe_events.find',
    text: `SELECT ${EVENT} FROM stripe_events WHERE event_id = $1`,
    values: [eventId],
  });
  return rows[0];
}

/** The brand whose books have an object of Stripe's; undefined where none have it (each a unique index). */
export async function findBrandOf(
  db: Queryable,
  { object_type, object_id }: Pick<InboxEvent, 'object_type' | 'object_id'>,
): Promise<string | undefined> {
  const { rows } = await db.query<{ brand_id: string }>({
    name: 'stripe_events.brand_of_object',
    text: `SELECT brand_id FROM payments WHERE $1 = 'charge' AND stripe_charge_id = $2
           UNION ALL SELECT brand_id FROM payments WHERE $1 = 'payment_intent' AND stripe_payment_intent_id = $2
           UNION ALL SELECT brand_id FROM refunds WHERE $1 = 'refund' AND stripe_refund_id = $2
           UNION ALL SELECT brand_id FROM disputes WHERE $1 = 'dispute' AND stripe_dispute_id = $2`,
    values: [object_type, object_id],
  });
  return rows[0]?.brand_id;
}

/** An event of the inbox by our id or Stripe's; ours begin with another word (primary key, unique stripe_event_id). */
export async function findEventByAnyId(db: Queryable, id: string): Promise<InboxEvent | undefined> {
  const { rows } = await db.query<InboxEvent>({
    name: 'stripe_events.find_by_any_id',
    text: `SELECT ${EVENT} FROM stripe_events WHERE event_id = $1 OR stripe_event_id = $1`,
    values: [id],
  });
  return rows[0];
}

/** Closes an event that is still open; one that another worker has closed stays as it is (primary key). */
export async function closeEvent(
  db: Queryable,
  eventId: string,
  status: Exclude<EventStatus, 'received'>,
  error: string | null,
  attempts: number,
): Promise<void> {
  await db.query({
    name: 'stripe_events.close',
    text: `UPDATE stripe_events SET status = $2, error = $3, attempts = $4, processed_at = clock_timestamp()
           WHERE event_id = $1 AND status = 'received'`,
    values: [eventId, status, error, attempts],
  });
}

/** Notes a failure that will be tried again (primary key). */
export async function noteFailure(
  db: Queryable,
  eventId: string,
  error: string,
  attempts: number,
): Promise<void> {
  await db.query({
    name: 'stripe_events.note_failure',
    text: `UPDATE stripe_events SET error = $2, attempts = $3 WHERE event_id = $1 AND status = 'received'`,
    values: [eventId, error, attempts],
  });
}

/**
 * Ends an event that was asked about once more, whatever had become of it before (primary key). Unless it is `processed`,
 * which is true whoever says so, it must still be as it was when the asking began: another may have come further.
 */
export async function concludeEvent(
  db: Queryable,
  before: Pick<InboxEvent, 'event_id' | 'status' | 'attempts'>,
  status: Exclude<EventStatus, 'received'>,
  error: string | null,
): Promise<void> {
  await db.query({
    name: 'stripe_events.conclude',
    text: `UPDATE stripe_events
           SET status = $2, error = $3, note = NULL, attempts = attempts + 1, processed_at = clock_timestamp()
           WHERE event_id = $1 AND ($2 = 'processed' OR (status = $4 AND attempts = $5))`,
    values: [before.event_id, status, error, before.status, before.attempts],
  });
}

/**
 * Forgets events that were done with and received so long ago, the oldest first, so many at a time
 * (stripe_events_by_status). Those on the shelf and those that have failed stay. Returns how many.
 */
export async function pruneEvents(db: Queryable, olderThan_days: number, limit: number): Promise<number> {
  const { rowCount } = await db.query({
    name: 'stripe_events.prune',
    text: `DELETE FROM stripe_events WHERE event_id IN (
             SELECT event_id FROM unnest(ARRAY['processed', 'ignored']) AS done (status)
             CROSS JOIN LATERAL (
               SELECT event_id FROM stripe_events
               WHERE stripe_events.status = done.status
                 AND received_at < clock_timestamp() - make_interval(days => $1)
               ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED
             ) old
           )`,
    values: [olderThan_days, limit],
  });
  return rowCount ?? 0;
}

export interface InboxDepth {
  status: 'received' | 'unmatched' | 'failed';
  events: number;
  /** Age of the oldest of them, in seconds. */
  oldest_s: number;
}

/** How much is open, and for how long (stripe_events_by_status). */
export async function readInboxDepth(db: Queryable): Promise<InboxDepth[]> {
  const { rows } = await db.query<InboxDepth>({
    name: 'stripe_events.depth',
    text: `SELECT status, count(*) AS events,
                  extract(epoch FROM clock_timestamp() - min(received_at))::float8 AS oldest_s
           FROM stripe_events WHERE status IN ('received', 'unmatched', 'failed')
           GROUP BY status`,
  });
  return rows;
}

/** Gives a job to events that are open and have none that could still run (stripe_events_by_status). */
export async function enqueueForgotten(db: Queryable, olderThan_s: number): Promise<number> {
  const { rowCount } = await db.query({
    name: 'stripe_events.enqueue_forgotten',
    text: `SELECT (graphile_worker.add_job('${PROCESS_EVENT}', json_build_object('event_id', event_id),
                                           job_key => event_id, max_attempts => ${MAX_ATTEMPTS})).id
           FROM stripe_events
           WHERE status = 'received' AND received_at < clock_timestamp() - make_interval(secs => $1)
             AND NOT EXISTS (SELECT 1 FROM graphile_worker.jobs
                             WHERE key = event_id AND attempts < max_attempts)
           LIMIT 1000`,
    values: [olderThan_s],
  });
  return rowCount ?? 0;
}

/** A backfill and how far it has come. */
export interface Backfill {
  backfill_id: string;
  since: Date;
  window_from: Date;
  window_until: Date;
  step: Step;
  starting_after: string | null;
  counts: Counts;
}

/** The backfill that was last at work; they are few. */
export async function readLatestBackfill(db: Queryable): Promise<{
  since: Date;
  started_at: Date;
  updated_at: Date;
  finished_at: Date | null;
} | null> {
  const { rows } = await db.query<{
    since: Date;
    started_at: Date;
    updated_at: Date;
    finished_at: Date | null;
  }>({
    name: 'backfills.latest',
    text: 'SELECT since, started_at, updated_at, finished_at FROM backfills ORDER BY updated_at DESC LIMIT 1',
  });
  return rows[0] ?? null;
}

/** The backfill since that moment that has not come to its end (backfills_unfinished). */
export async function findUnfinishedBackfill(db: Queryable, since: Date): Promise<Backfill | undefined> {
  const { rows } = await db.query<Backfill>({
    name: 'backfills.find_unfinished',
    text: `SELECT backfill_id, since, window_from, window_until, step, starting_after, counts
           FROM backfills WHERE since = $1 AND finished_at IS NULL`,
    values: [since],
  });
  return rows[0];
}

export async function insertBackfill(db: Queryable, backfill: Backfill): Promise<void> {
  await db.query({
    name: 'backfills.insert',
    text: `INSERT INTO backfills (backfill_id, since, window_from, window_until, step, starting_after, counts,
                                  started_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp(), clock_timestamp())`,
    values: [
      backfill.backfill_id,
      backfill.since,
      backfill.window_from,
      backfill.window_until,
      backfill.step,
      backfill.starting_after,
      JSON.stringify(backfill.counts),
    ],
  });
}

/** The checkpoint: everything up to here is in the books (primary key). */
export async function saveBackfill(db: Queryable, backfill: Backfill): Promise<void> {
  await db.query({
    name: 'backfills.save',
    text: `UPDATE backfills SET window_from = $2, window_until = $3, step = $4, starting_after = $5, counts = $6,
                                updated_at = clock_timestamp()
           WHERE backfill_id = $1`,
    values: [
      backfill.backfill_id,
      backfill.window_from,
      backfill.window_until,
      backfill.step,
      backfill.starting_after,
      JSON.stringify(backfill.counts),
    ],
  });
}

export async function finishBackfill(
  db: Queryable,
  { backfill_id }: Pick<Backfill, 'backfill_id'>,
): Promise<void> {
  await db.query({
    name: 'backfills.finish',
    text: 'UPDATE backfills SET finished_at = clock_timestamp(), updated_at = clock_timestamp() WHERE backfill_id = $1',
    values: [backfill_id],
  });
}

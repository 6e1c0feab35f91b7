import type { Queryable } from '../database/pool.ts';
import type { EventStatus } from './queries.ts';
import { MAX_ATTEMPTS, PROCESS_EVENT } from './queries.ts';

/** An event as an operator sees it. */
export interface ShownEvent {
  event_id: string;
  stripe_event_id: string;
  event_type: string;
  object_type: string | null;
  object_id: string | null;
  livemode: boolean;
  stripe_account_id: string | null;
  status: EventStatus;
  attempts: number;
  /** A code and a sentence. */
  error: string | null;
  /** What an operator wrote who shelved it. */
  note: string | null;
  stripe_created_at: Date;
  received_at: Date;
  processed_at: Date | null;
  /** Since it was received, in seconds. */
  age_s: number;
}

/** Its job, where it has one. */
export interface EventJob {
  /** When it is tried again. */
  run_at: Date;
  attempts: number;
  /** A worker is at it. */
  under_way: boolean;
}

export const SHOWN_EVENT = `event_id, stripe_event_id, event_type, object_type, object_id, livemode, stripe_account_id, status,
                  attempts, error, note, stripe_created_at, received_at, processed_at,
                  extract(epoch FROM clock_timestamp() - received_at)::float8 AS age_s`;

/** Events of these statuses, newest first; a bounded read of each status (stripe_events_by_status). */
export async function listEvents(
  db: Queryable,
  statuses: readonly EventStatus[],
  limit: number,
): Promise<ShownEvent[]> {
  const { rows } = await db.query<ShownEvent>({
    text: `SELECT e.* FROM unnest($1::text[]) AS wanted (status)
           CROSS JOIN LATERAL (
             SELECT ${SHOWN_EVENT} FROM stripe_events WHERE stripe_events.status = wanted.status
             ORDER BY received_at DESC LIMIT $2
           ) e
           ORDER BY e.received_at DESC, e.event_id DESC LIMIT $2`,
    values: [statuses, limit],
  });
  return rows;
}

/** Events by our ids or Stripe's (primary key, unique stripe_event_id). */
export async function findEvents(db: Queryable, ids: readonly string[]): Promise<ShownEvent[]> {
  const { rows } = await db.query<ShownEvent>({
    text: `SELECT ${SHOWN_EVENT} FROM stripe_events WHERE event_id = ANY($1) OR stripe_event_id = ANY($1)`,
    values: [ids],
  });
  return rows;
}

/** The job of an event (unique job key). */
export async function findJob(db: Queryable, eventId: string): Promise<EventJob | undefined> {
  const { rows } = await db.query<EventJob>({
    text: `SELECT run_at, attempts, locked_at IS NOT NULL AS under_way FROM graphile_worker.jobs WHERE key = $1`,
    values: [eventId],
  });
  return rows[0];
}

/** How many events there are of a status (stripe_events_by_status). */
export async function countEvents(db: Queryable, status: EventStatus): Promise<number> {
  const { rows } = await db.query<{ events: number }>({
    text: 'SELECT count(*) AS events FROM stripe_events WHERE status = $1',
    values: [status],
  });
  return rows[0]?.events ?? 0;
}

/**
 * Ids of events of a status, oldest first, beyond the one that was looked at last: those of connected accounts, whose
 * objects are not ours, left out (stripe_events_by_status).
 */
export async function pageOfStatus(
  db: Queryable,
  status: EventStatus,
  after: { received_at: Date; event_id: string } | null,
  limit: number,
): Promise<{ event_id: string; received_at: Date }[]> {
  const { rows } = await db.query<{ event_id: string; received_at: Date }>({
    text: `SELECT event_id, received_at FROM stripe_events
           WHERE status = $1 AND stripe_account_id IS NULL
             AND (received_at, event_id) > (coalesce($2::timestamptz, '-infinity'), $3)
           ORDER BY received_at, event_id LIMIT $4`,
    values: [status, after?.received_at ?? null, after?.event_id ?? '', limit],
  });
  return rows;
}

/**
 * Opens events again, each with a job that is due now in place of any it has, and an audit row: one statement. One that a worker
 * is at gets another job, and is then done twice, which changes nothing (primary key, unique job key).
 */
export async function reopen(
  db: Queryable,
  eventIds: readonly string[],
  by: { actor_type: string; actor_id: string; brand_id: string },
): Promise<number> {
  const { rows } = await db.query({
    text: `WITH before AS (
             SELECT event_id, stripe_event_id, event_type, status FROM stripe_events
             WHERE event_id = ANY($1) ORDER BY event_id FOR UPDATE
           ), opened AS (
             UPDATE stripe_events SET status = 'received', note = NULL, processed_at = NULL
             FROM before WHERE stripe_events.event_id = before.event_id
             RETURNING stripe_events.event_id
           ), audited AS (
             INSERT INTO audit_log (occurred_at, actor_type, actor_id, brand_id, event_type, entity_type, entity_id, details)
             SELECT clock_timestamp(), $2, $3, $4, 'stripe_event.retried', 'stripe_event', event_id,
                    jsonb_build_object('stripe_event_id', stripe_event_id, 'event_type', event_type, 'status', status)
             FROM before
           )
           SELECT (graphile_worker.add_job('${PROCESS_EVENT}', json_build_object('event_id', event_id),
                                           job_key => event_id, max_attempts => ${MAX_ATTEMPTS})).id
           FROM opened`,
    values: [eventIds, by.actor_type, by.actor_id, by.brand_id],
  });
  return rows.length;
}

/**
 * Puts events that have failed, or are stuck, on the shelf with an operator's word and takes their jobs away, with an audit
 * row: one statement. Others stay as they are. Returns those that it has shelved (primary key, unique job key).
 */
export async function shelve(
  db: Queryable,
  eventIds: readonly string[],
  note: string,
  by: { actor_type: string; actor_id: string; brand_id: string },
): Promise<string[]> {
  const { rows } = await db.query<{ event_id: string }>({
    text: `WITH before AS (
             SELECT event_id, stripe_event_id, event_type, status FROM stripe_events
             WHERE event_id = ANY($1) AND status IN ('received', 'failed') ORDER BY event_id FOR UPDATE
           ), shelved AS (
             UPDATE stripe_events SET status = 'unmatched', note = $2, processed_at = clock_timestamp()
             FROM before WHERE stripe_events.event_id = before.event_id
             RETURNING stripe_events.event_id
           ), audited AS (
             INSERT INTO audit_log (occurred_at, actor_type, actor_id, brand_id, event_type, entity_type, entity_id, details)
             SELECT clock_timestamp(), $3, $4, $5, 'stripe_event.shelved', 'stripe_event', event_id,
                    jsonb_build_object('stripe_event_id', stripe_event_id, 'event_type', event_type, 'status', status)
             FROM before
           )
           SELECT event_id, (graphile_worker.remove_job(event_id)).id FROM shelved`,
    values: [eventIds, note, by.actor_type, by.actor_id, by.brand_id],
  });
  return rows.map(({ event_id }) => event_id);
}

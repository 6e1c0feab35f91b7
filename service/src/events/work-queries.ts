import type { Queryable } from '../database/pool.ts';
import { PROBED_FROM } from './schedule.ts';
import type { Outcome } from './send.ts';

/** An attempt that is to be made: what is sent, to whom, signed with what (sealed). */
export interface Due {
  delivery_id: number;
  endpoint_id: string;
  event_id: string;
  event_type: string;
  brand_id: string;
  occurred_at: Date;
  data: object;
  url: string;
  secret: string;
  former_secret: string | null;
  /** Which attempt this is. */
  attempts: number;
  /** The same since it was last asked for. */
  round_attempts: number;
}

/**
 * Takes attempts that are due, at each endpoint the longest due ones up to the room that is left there, and puts them off for as long as an attempt
 * may take: should the worker die, another makes them then. One delivery of an entity at an endpoint at a time, in the order of its
 * events. Several workers take different ones.
 *
 * Each endpoint that is open is read by event_deliveries_due, and no further than its room; each delivery looks back once by
 * event_deliveries_in_order.
 *
 * @param busy attempts under way here, by endpoint
 */
export async function takeDue(
  db: Queryable,
  {
    busy,
    at_once,
    lease_s,
    limit,
  }: { busy: ReadonlyMap<string, number>; at_once: number; lease_s: number; limit: number },
): Promise<Due[]> {
  const { rows } = await db.query<Due>({
    name: 'event_deliveries.take_due',
    text: `WITH open AS MATERIALIZED (
             SELECT endpoint_id, url, secret, CASE WHEN former_expires_at > clock_timestamp() THEN former_secret END AS former_secret,
                    greatest(0, CASE WHEN failures >= $6 THEN 1 ELSE $3 END - coalesce(under_way, 0)) AS room
             FROM event_endpoints LEFT JOIN unnest($1::text[], $2::int[]) AS busy (endpoint_id, under_way) USING (endpoint_id)
             WHERE status = 'enabled' AND (paused_until IS NULL OR paused_until <= clock_timestamp())
           ), due AS MATERIALIZED (
             SELECT d.delivery_id, open.url, open.secret, open.former_secret
             FROM open CROSS JOIN LATERAL (
               SELECT delivery_id FROM event_deliveries d
               WHERE d.endpoint_id = open.endpoint_id AND d.status = 'pending' AND d.due_at <= clock_timestamp()
                 AND NOT EXISTS (
                   SELECT FROM event_deliveries earlier
                   WHERE earlier.endpoint_id = d.endpoint_id AND earlier.entity_id = d.entity_id
                     AND earlier.status = 'pending' AND earlier.delivery_id < d.delivery_id)
               ORDER BY due_at LIMIT open.room FOR UPDATE SKIP LOCKED
             ) d
             LIMIT $5
           )
           UPDATE event_deliveries d
           SET attempts = attempts + 1, round_attempts = round_attempts + 1, last_attempt_at = clock_timestamp(),
               due_at = clock_timestamp() + make_interval(secs => $4)
           FROM due, outbox o
           WHERE d.delivery_id = due.delivery_id AND o.outbox_id = d.outbox_id
           RETURNING d.delivery_id, d.endpoint_id, d.event_id, d.event_type, d.brand_id, o.occurred_at, o.data,
                     due.url, due.secret, due.former_secret, d.attempts, d.round_attempts`,
    values: [[...busy.keys()], [...busy.values()], at_once, lease_s, limit, PROBED_FROM],
  });
  return rows;
}

/**
 * What an attempt came to. Somebody who has had it sent again meanwhile, or has taken the endpoint away, is not overruled: `attempts` tells.
 *
 * @param next_s seconds until the next attempt; undefined: there is none
 */
export async function recordAttempt(
  tx: Queryable,
  due: Due,
  outcome: Outcome,
  next_s: number | undefined,
): Promise<void> {
  const status = outcome.error === null ? 'delivered' : next_s === undefined ? 'failed' : 'pending';
  await tx.query({
    name: 'event_deliveries.record_attempt',
    text: `WITH attempt AS (
             INSERT INTO event_delivery_attempts (delivery_id, attempt_no, brand_id, attempted_at, duration_ms, status_code, error)
             VALUES ($1, $2, $3, clock_timestamp() - make_interval(secs => $4::int / 1000.0), $4, $5, $6)
             ON CONFLICT DO NOTHING
           ), recorded AS (
             UPDATE event_deliveries
             SET last_status_code = $5, last_error = $6, status = $7,
                 due_at = CASE WHEN $7 = 'pending' THEN clock_timestamp() + make_interval(secs => $8) END,
                 delivered_at = CASE WHEN $7 = 'delivered' THEN clock_timestamp() ELSE delivered_at END
             WHERE delivery_id = $1 AND status = 'pending' AND attempts = $2 AND round_attempts > 0
             RETURNING endpoint_id, entity_id, due_at
           )
           -- What comes after it waits as long, and is not looked at in vain (event_deliveries_in_order).
           UPDATE event_deliveries later SET due_at = recorded.due_at
           FROM recorded
           WHERE later.endpoint_id = recorded.endpoint_id AND later.entity_id = recorded.entity_id
             AND later.status = 'pending' AND later.delivery_id > $1 AND later.due_at < recorded.due_at`,
    values: [
      due.delivery_id,
      due.attempts,
      due.brand_id,
      outcome.duration_ms,
      outcome.status_code,
      outcome.error,
      status,
      next_s ?? 0,
    ],
  });
}

/** Something got through to an endpoint: nothing is held against it any more. */
export async function forgiveEndpoint(tx: Queryable, endpointId: string): Promise<void> {
  await tx.query({
    name: 'event_endpoints.forgive',
    text: `UPDATE event_endpoints SET failures = 0, failing_since = NULL, paused_until = NULL
           WHERE endpoint_id = $1 AND failures > 0`,
    values: [endpointId],
  });
}

/** What is held against an endpoint after another failure. */
export interface Failing {
  failures: number;
  failing_for_s: number;
}

/** Holds a failure against an endpoint (primary key). Undefined: it is switched off already. */
export async function blameEndpoint(tx: Queryable, endpointId: string): Promise<Failing | undefined> {
  const { rows } = await tx.query<Failing>({
    name: 'event_endpoints.blame',
    text: `UPDATE event_endpoints
           SET failures = failures + 1, failing_since = coalesce(failing_since, clock_timestamp())
           WHERE endpoint_id = $1 AND status = 'enabled'
           RETURNING failures, extract(epoch FROM clock_timestamp() - failing_since)::float8 AS failing_for_s`,
    values: [endpointId],
  });
  return rows[0];
}

/** Leaves an endpoint alone for a while. */
export async function pauseEndpoint(tx: Queryable, endpointId: string, pause_s: number): Promise<void> {
  await tx.query({
    name: 'event_endpoints.pause',
    text: `UPDATE event_endpoints SET paused_until = clock_timestamp() + make_interval(secs => $2) WHERE endpoint_id = $1`,
    values: [endpointId, pause_s],
  });
}

/** Switches an endpoint off. */
export async function disableEndpoint(
  tx: Queryable,
  endpointId: string,
  reason: 'failing' | 'gone',
): Promise<void> {
  await tx.query({
    name: 'event_endpoints.disable',
    text: `UPDATE event_endpoints SET status = 'disabled', disabled_reason = $2, updated_at = clock_timestamp()
           WHERE endpoint_id = $1 AND status = 'enabled'`,
    values: [endpointId, reason],
  });
}

/** Forgets deliveries that are done with for so many days, some at a time (event_deliveries_done). */
export async function pruneDeliveries(db: Queryable, retention_days: number, limit: number): Promise<number> {
  const { rowCount } = await db.query({
    name: 'event_deliveries.prune',
    text: `DELETE FROM event_deliveries WHERE delivery_id IN (
             SELECT delivery_id FROM event_deliveries
             WHERE status <> 'pending' AND created_at < clock_timestamp() - make_interval(days => $1)
             ORDER BY created_at LIMIT $2)`,
    values: [retention_days, limit],
  });
  return rowCount ?? 0;
}

/** How deliveries stand: what waits, for how long the longest, and endpoints by what they are at. */
export interface Backlog {
  pending: number;
  oldest_s: number;
  failing: number;
  disabled: number;
}

/** How deliveries stand to endpoints that are on (event_deliveries_due). */
export async function readBacklog(db: Queryable): Promise<Backlog> {
  const { rows } = await db.query<Backlog>({
    name: 'event_deliveries.backlog',
    text: `SELECT coalesce(sum(pending), 0)::int AS pending,
                  coalesce(extract(epoch FROM clock_timestamp() - min(oldest)), 0)::float8 AS oldest_s,
                  count(*) FILTER (WHERE status = 'enabled' AND failures >= $1)::int AS failing,
                  count(*) FILTER (WHERE status = 'disabled' AND disabled_reason <> 'by_hand')::int AS disabled
           FROM event_endpoints e CROSS JOIN LATERAL (
             SELECT count(*) AS pending, min(created_at) AS oldest FROM event_deliveries d
             WHERE d.endpoint_id = e.endpoint_id AND d.status = 'pending' AND e.status = 'enabled'
           ) d
           WHERE e.status <> 'deleted'`,
    values: [PROBED_FROM],
  });
  const [row] = rows;
  if (row === undefined) throw new Error('The backlog could not be read');
  return row;
}

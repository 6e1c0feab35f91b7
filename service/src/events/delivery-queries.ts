import { type Page, type PageKey, readPage } from '../database/page.ts';
import type { Queryable } from '../database/pool.ts';
import type { DeliveryStatus } from './endpoint.ts';
import type { SendError } from './send.ts';

export interface Delivery {
  delivery_id: number;
  endpoint_id: string;
  event_id: string;
  event_type: string;
  entity_id: string;
  status: DeliveryStatus;
  attempts: number;
  due_at: Date | null;
  last_attempt_at: Date | null;
  last_status_code: number | null;
  last_error: SendError | null;
  delivered_at: Date | null;
  created_at: Date;
}

export interface DeliveryFilters {
  endpoint_id?: string;
  event_id?: string;
  event_type?: string;
  entity_id?: string;
  status?: DeliveryStatus;
}

const COLUMNS = `delivery_id, endpoint_id, event_id, event_type, entity_id, status, attempts, due_at, last_attempt_at,
  last_status_code, last_error, delivered_at, created_at`;

/**
 * Deliveries of a brand, newest first. Served by event_deliveries_by_entity or event_deliveries_by_endpoint where they are narrowed to one,
 * by event_deliveries_failed for what was given up at an endpoint, else by event_deliveries_by_time.
 */
export async function listDeliveries(
  db: Queryable,
  brandId: string,
  filters: DeliveryFilters,
  at: { after: PageKey | undefined; limit: number },
): Promise<Page<Delivery>> {
  return await readPage<Delivery>(db, {
    name: 'event_deliveries.list',
    select: `SELECT ${COLUMNS} FROM event_deliveries`,
    idColumn: 'delivery_id',
    conditions: [
      ['brand_id = ?', brandId],
      ['endpoint_id = ?', filters.endpoint_id],
      ['event_id = ?', filters.event_id],
      ['event_type = ?', filters.event_type],
      ['entity_id = ?', filters.entity_id],
      ['status = ?', filters.status],
    ],
    ...at,
  });
}

/** An event as it is sent, and what became of sending it (event_deliveries_once; primary keys). */
export interface DeliveryDetail extends Delivery {
  occurred_at: Date;
  data: object;
}

export async function findDelivery(
  db: Queryable,
  brandId: string,
  endpointId: string,
  eventId: string,
): Promise<DeliveryDetail | undefined> {
  const { rows } = await db.query<DeliveryDetail>({
    name: 'event_deliveries.find',
    text: `SELECT ${COLUMNS.replaceAll(/\w+/g, 'd.$&')}, o.occurred_at, o.data
           FROM event_deliveries d JOIN outbox o USING (outbox_id)
           WHERE d.endpoint_id = $1 AND d.event_id = $2 AND d.brand_id = $3`,
    values: [endpointId, eventId, brandId],
  });
  return rows[0];
}

export interface Attempt {
  attempt_no: number;
  attempted_at: Date;
  duration_ms: number;
  status_code: number | null;
  error: SendError | null;
}

/** The attempts at a delivery, the latest first (primary key). */
export async function listAttempts(db: Queryable, deliveryId: number): Promise<Attempt[]> {
  const { rows } = await db.query<Attempt>({
    name: 'event_delivery_attempts.list',
    text: `SELECT attempt_no, attempted_at, duration_ms, status_code, error FROM event_delivery_attempts
           WHERE delivery_id = $1 ORDER BY attempt_no DESC LIMIT 100`,
    values: [deliveryId],
  });
  return rows;
}

/** Has an event sent again, or now, whatever became of it before (event_deliveries_once). */
export async function resendDelivery(
  tx: Queryable,
  brandId: string,
  endpointId: string,
  eventId: string,
): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: 'event_deliveries.resend',
    text: `UPDATE event_deliveries SET status = 'pending', due_at = clock_timestamp(), round_attempts = 0
           WHERE endpoint_id = $1 AND event_id = $2 AND brand_id = $3`,
    values: [endpointId, eventId, brandId],
  });
  return rowCount === 1;
}

/** Has everything sent again that was given up at an endpoint since then (event_deliveries_failed). Returns how many events that is. */
export async function resendFailed(
  tx: Queryable,
  brandId: string,
  endpointId: string,
  since: Date,
): Promise<number> {
  const { rowCount } = await tx.query({
    name: 'event_deliveries.resend_failed',
    text: `UPDATE event_deliveries SET status = 'pending', due_at = clock_timestamp(), round_attempts = 0
           WHERE endpoint_id = $1 AND brand_id = $2 AND status = 'failed' AND created_at >= $3`,
    values: [endpointId, brandId, since],
  });
  return rowCount ?? 0;
}

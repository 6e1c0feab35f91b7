import type { Page, PageKey } from '../database/page.ts';
import type { Queryable } from '../database/pool.ts';
import type { EventStatus } from './queries.ts';
import { EVENT_STATUSES } from './shelf.ts';
import { SHOWN_EVENT, type ShownEvent } from './shelf-queries.ts';

/** What the list of events may be narrowed to; what is absent does not narrow. */
export interface EventFilters {
  status?: EventStatus;
  event_type?: string;
  object_id?: string;
  received_at_gte?: Date;
  received_at_lt?: Date;
  /** Only events of what is in this brand's books. */
  brand_id?: string;
}

/** Each by the unique index on Stripe's id; what is of no such kind is in nobody's books. */
const OF_BRAND = `CASE object_type
    WHEN 'charge' THEN EXISTS (SELECT FROM payments WHERE stripe_charge_id = object_id AND brand_id = ?)
    WHEN 'payment_intent' THEN EXISTS (SELECT FROM payments WHERE stripe_payment_intent_id = object_id AND brand_id = ?)
    WHEN 'refund' THEN EXISTS (SELECT FROM refunds WHERE stripe_refund_id = object_id AND brand_id = ?)
    WHEN 'dispute' THEN EXISTS (SELECT FROM disputes WHERE stripe_dispute_id = object_id AND brand_id = ?)
    ELSE false END`;

/**
 * Events of Stripe's that are stored, the latest received first. Each status is read by itself and no further than the page
 * (stripe_events_by_status), or what there is of one object (stripe_events_by_object). A brand of which there is little in the inbox is
 * looked for through what lies between.
 */
export async function listEvents(
  db: Queryable,
  filters: EventFilters,
  { after, limit }: { after: PageKey | undefined; limit: number },
): Promise<Page<ShownEvent & { created_at: Date }>> {
  const values: unknown[] = [filters.status === undefined ? EVENT_STATUSES : [filters.status], limit + 1];
  const where = ['e.status = wanted.status'];
  const narrow = (sql: string, value: unknown) => {
    if (value !== undefined) where.push(sql.replaceAll('?', `$${values.push(value)}`));
  };
  narrow('event_type = ?', filters.event_type);
  narrow('object_id = ?', filters.object_id);
  narrow('received_at >= ?', filters.received_at_gte);
  narrow('received_at < ?', filters.received_at_lt);
  narrow(OF_BRAND, filters.brand_id);
  if (after !== undefined) {
    values.push(after.created_at, after.id);
    where.push(`(received_at, event_id) < ($${values.length - 1}, $${values.length})`);
  }
  const { rows } = await db.query<ShownEvent & { created_at: Date }>({
    text: `SELECT found.*, received_at AS created_at FROM unnest($1::text[]) AS wanted (status)
           CROSS JOIN LATERAL (
             SELECT ${SHOWN_EVENT} FROM stripe_events e WHERE ${where.join(' AND ')}
             ORDER BY received_at DESC, event_id DESC LIMIT $2
           ) AS found
           ORDER BY received_at DESC, event_id DESC LIMIT $2`,
    values,
  });
  return { rows: rows.slice(0, limit), more: rows.length > limit };
}

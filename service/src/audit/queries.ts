import type { Queryable } from '../database/pool.ts';
import type { Read } from './record.ts';

/** Appends reads to the audit log, in their order: one statement, all or none. A customer who was looked at stands there by name (customers/). */
export async function recordReads(db: Queryable, reads: readonly Read[]): Promise<void> {
  const column = <T>(of: (read: Read) => T) => reads.map(of);
  await db.query({
    name: 'audit.record_reads',
    text: `INSERT INTO audit_log (occurred_at, actor_type, actor_id, client_id, brand_id, event_type, entity_type, entity_id,
                                  request_id, ip_address, details)
           SELECT statement_timestamp() - make_interval(secs => age_s), actor_type, actor_id, client_id, brand_id, event_type,
                  entity_type,
                  CASE WHEN entity_type = 'customer' THEN customer_name(brand_id, entity_id) ELSE entity_id END,
                  request_id, ip_address, details
           FROM unnest($1::float8[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                       $9::text[], $10::text[], $11::jsonb[])
             AS read (age_s, actor_type, actor_id, client_id, brand_id, event_type, entity_type, entity_id, request_id,
                      ip_address, details)`,
    values: [
      column((read) => read.age_s),
      column((read) => read.actor_type),
      column((read) => read.actor_id),
      column((read) => read.client_id),
      column((read) => read.brand_id),
      column((read) => read.event_type),
      column((read) => read.entity_type),
      column((read) => read.entity_id),
      column((read) => read.request_id),
      column((read) => read.ip_address),
      column((read) => JSON.stringify(read.details)),
    ],
  });
}

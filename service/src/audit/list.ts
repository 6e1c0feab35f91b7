import { type Condition, writeConditions } from '../database/conditions.ts';
import { type Page, type PageKey, readPage } from '../database/page.ts';
import type { Queryable } from '../database/pool.ts';
import type { Actor } from './record.ts';

/** What the audit log may be narrowed to; what is absent does not narrow. */
export interface AuditFilters {
  actor_id?: string;
  event_type?: string;
  entity_type?: string;
  entity_id?: string;
  request_id?: string;
  occurred_at_gte?: Date;
  occurred_at_lt?: Date;
}

/** A row of the audit log, as it is shown. */
export interface ListedEntry extends Actor {
  audit_id: number;
  occurred_at: Date;
  client_id: string | null;
  brand_id: string;
  event_type: string;
  entity_type: string;
  entity_id: string;
  request_id: string | null;
  ip_address: string | null;
  details: Record<string, unknown>;
}

const SELECT = `SELECT audit_id, occurred_at, actor_type, actor_id, client_id, brand_id, event_type, entity_type, entity_id,
                       request_id, ip_address, details
                FROM audit_log`;

const conditions = (brandId: string, filters: AuditFilters): Condition[] => [
  ['brand_id = ?', brandId],
  ['actor_id = ?', filters.actor_id],
  ['event_type = ?', filters.event_type],
  ['entity_type = ?', filters.entity_type],
  ['entity_id = ?', filters.entity_id],
  ['request_id = ?', filters.request_id],
  ['occurred_at >= ?', filters.occurred_at_gte],
  ['occurred_at < ?', filters.occurred_at_lt],
];

/**
 * Audit rows of a brand, newest first, in one query. Served by audit_log_by_time, or by the index of the narrowest of entity,
 * actor, kind of event and kind of entity, all of which end in the time; or by audit_log_of_request.
 */
export async function listAudit(
  db: Queryable,
  brandId: string,
  filters: AuditFilters,
  { after, limit }: { after: PageKey | undefined; limit: number },
): Promise<Page<ListedEntry & { created_at: Date }>> {
  return await readPage(db, {
    name: 'audit.list',
    select: SELECT.replace('occurred_at,', 'occurred_at, occurred_at AS created_at,'),
    timeColumn: 'occurred_at',
    idColumn: 'audit_id',
    conditions: conditions(brandId, filters),
    after,
    limit,
  });
}

/** The query of all audit rows of a brand, oldest first; served by the same indexes, read forwards. */
export function exportQuery(brandId: string, filters: AuditFilters): { text: string; values: unknown[] } {
  const { where, values } = writeConditions(conditions(brandId, filters));
  return { text: `${SELECT} WHERE ${where} ORDER BY occurred_at, audit_id`, values };
}

import type { Query } from '@payments/client';

/** What the audit log is narrowed by, as the API and the page's address name it. */
export type AuditFilters = Omit<Query<'listAudit'>, 'limit' | 'cursor'>;

const TEXTS = ['actor_id', 'event_type', 'entity_type', 'entity_id', 'request_id'] as const;
const MOMENTS = ['occurred_at_gte', 'occurred_at_lt'] as const;

/** What an address says, as far as it can be meant. */
export function readAuditFilters(search: Record<string, unknown>): AuditFilters {
  const filters: AuditFilters = {};
  for (const name of TEXTS) {
    const value = search[name];
    if ((typeof value === 'string' || typeof value === 'number') && value !== '')
      filters[name] = String(value);
  }
  for (const name of MOMENTS) {
    const value = search[name];
    if (typeof value === 'string' && !Number.isNaN(Date.parse(value)))
      filters[name] = new Date(value).toISOString();
  }
  return filters;
}

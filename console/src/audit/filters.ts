import type { Query } from '@payments/client';
import { readMoments, readTexts } from '../shell/search.ts';

/** What the audit log is narrowed by, as the API and the page's address name it. */
export type AuditFilters = Omit<Query<'listAudit'>, 'limit' | 'cursor'>;

/** What an address says, as far as it can be meant. */
export const readAuditFilters = (search: Record<string, unknown>): AuditFilters => ({
  ...readTexts(search, ['actor_id', 'event_type', 'entity_type', 'entity_id', 'request_id']),
  ...readMoments(search, ['occurred_at_gte', 'occurred_at_lt']),
});

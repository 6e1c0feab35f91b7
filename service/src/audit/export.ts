import { readInBatches } from '../database/batches.ts';
import type { Pool } from '../database/pool.ts';
import { type AuditFilters, exportQuery, type ListedEntry } from './list.ts';

const BATCH = 500;

/**
 * All audit rows of a brand as NDJSON, oldest first, some hundred lines at a time, from one snapshot. The next ones are read when they
 * are asked for, so that a slow reader costs no memory.
 */
export async function* exportAudit(
  pool: Pool,
  brandId: string,
  filters: AuditFilters,
): AsyncGenerator<string, void, void> {
  for await (const rows of readInBatches<ListedEntry>(pool, exportQuery(brandId, filters), BATCH)) {
    yield rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  }
}

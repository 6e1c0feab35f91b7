import { readInBatches } from '../database/batches.ts';
import { writeConditions } from '../database/conditions.ts';
import type { Pool, Queryable } from '../database/pool.ts';
import { filterConditions, type RefundFilters } from '../refunds/filters.ts';
import { csvLine } from './csv.ts';
import { REASON_CODE, WITH_REASON } from './summary.ts';

const BATCH = 500;

const COLUMNS = [
  ...[
    'refund_id',
    'payment_id',
    'charge_id',
    'customer_id',
    'amount_cents',
    'currency',
    'status',
    'reason_code',
  ],
  ...[
    'stripe_refund_id',
    'origin',
    'requested_by_type',
    'requested_by_id',
    'failure_reason',
    'bank_reference',
  ],
  ...['owed_cents', 'created_at', 'updated_at'],
] as const;

export type ExportFormat = 'csv' | 'ndjson';
type Row = Record<(typeof COLUMNS)[number], string | number | null>;

function rfc3339(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

const EXPRESSIONS: Partial<Record<string, string>> = {
  // A file goes where nobody erases; words of one's own stay with the refund.
  reason_code: `nullif(${REASON_CODE}, 'none')`,
  // Written by the database: a Date for each would be most of the work and of the garbage.
  created_at: rfc3339('created_at'),
  updated_at: rfc3339('updated_at'),
  owed_cents: 'CASE WHEN resolved_at IS NULL THEN owed_cents ELSE 0 END',
};
const SELECT = COLUMNS.map((column) => {
  const expression = EXPRESSIONS[column];
  return expression === undefined ? column : `${expression} AS ${column}`;
}).join(', ');

/** Where an export goes on: after this refund, the last one that was read whole. */
export interface ExportedUpTo {
  created_at: Date;
  refund_id: string;
}

/** A refund of a brand to go on after (primary key). */
export async function findExported(
  db: Queryable,
  brandId: string,
  refundId: string,
): Promise<ExportedUpTo | undefined> {
  const { rows } = await db.query<ExportedUpTo>({
    name: 'reports.find_exported',
    text: 'SELECT created_at, refund_id FROM refunds WHERE refund_id = $1 AND brand_id = $2',
    values: [refundId, brandId],
  });
  return rows[0];
}

/**
 * All refunds of a brand that filters leave, newest first, as text, some hundred lines at a time, from one snapshot. Served by the index
 * that serves the list with these filters.
 */
export async function* exportRefunds(
  pool: Pool,
  brandId: string,
  filters: RefundFilters,
  format: ExportFormat,
  after?: ExportedUpTo,
): AsyncGenerator<string, void, void> {
  const { where, values } = writeConditions(filterConditions(brandId, filters));
  const beyond =
    after === undefined
      ? ''
      : `AND (refunds.created_at, refund_id) < ($${values.push(after.created_at)}, $${values.push(after.refund_id)})`;
  const text = `SELECT ${SELECT} FROM ${WITH_REASON} WHERE ${where} ${beyond}
    ORDER BY refunds.created_at DESC, refund_id DESC`;
  if (format === 'ndjson') {
    // The database writes an object faster than it hands over seventeen values to be written here: half as much work in all.
    const query = { text: `SELECT row_to_json(exported)::text AS line FROM (${text}) AS exported`, values };
    for await (const rows of readInBatches<{ line: string }>(pool, query, BATCH)) {
      yield rows.map(({ line }) => `${line}\n`).join('');
    }
    return;
  }
  let head = after === undefined ? csvLine(COLUMNS) : '';
  for await (const rows of readInBatches<Row>(pool, { text, values }, BATCH)) {
    yield head + rows.map((row) => csvLine(COLUMNS.map((column) => row[column]))).join('');
    head = '';
  }
  if (head !== '') yield head;
}

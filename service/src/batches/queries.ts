import { type Page, type PageKey, readPage } from '../database/page.ts';
import type { Queryable } from '../database/pool.ts';
import type { Caller } from '../refunds/issue.ts';
import type { Batch, CheckedRow, RowStatus } from './batch.ts';

const COLUMNS = `batch_id, brand_id, name, status, created_by_type, created_by_id, created_at, updated_at, started_by_type,
  started_by_id, started_at, finished_at, held_up_code, held_up_message`;

/** Adds a draft. */
export async function insert(
  tx: Queryable,
  batch: Pick<Batch, 'batch_id' | 'brand_id' | 'name' | 'created_by_type' | 'created_by_id'>,
): Promise<Batch> {
  const { rows } = await tx.query<Batch>({
    name: 'refund_batches.insert',
    text: `INSERT INTO refund_batches (batch_id, brand_id, name, status, created_by_type, created_by_id, created_at, updated_at)
           SELECT $1, $2, $3, 'draft', $4, $5, now, now FROM clock_timestamp() AS now
           RETURNING ${COLUMNS}`,
    values: [batch.batch_id, batch.brand_id, batch.name, batch.created_by_type, batch.created_by_id],
  });
  return expectRow(rows);
}

/** Adds the rows of a draft, all of them in one statement. */
export async function insertRows(
  tx: Queryable,
  { batch_id, brand_id }: Pick<Batch, 'batch_id' | 'brand_id'>,
  rows: readonly CheckedRow[],
): Promise<void> {
  await tx.query({
    name: 'refund_batch_rows.insert',
    text: `INSERT INTO refund_batch_rows (batch_id, brand_id, row_no, payment_id, charge_id, amount_cents, currency,
                                          remaining_cents, reason, note, status, refusal_code, refusal_message)
           SELECT $1, $2, row_no, payment_id, charge_id, amount_cents, currency, remaining_cents, reason, note, status,
                  refusal_code, refusal_message
           FROM jsonb_to_recordset($3) AS r (row_no integer, payment_id text, charge_id text, amount_cents bigint,
             currency text, remaining_cents bigint, reason text, note text, status text, refusal_code text,
             refusal_message text)`,
    values: [batch_id, brand_id, JSON.stringify(rows)],
  });
}

/** A batch of one brand (primary key). */
export async function find(db: Queryable, brandId: string, batchId: string): Promise<Batch | undefined> {
  const { rows } = await db.query<Batch>({
    name: 'refund_batches.find',
    text: `SELECT ${COLUMNS} FROM refund_batches WHERE batch_id = $2 AND brand_id = $1`,
    values: [brandId, batchId],
  });
  return rows[0];
}

/** Batches of a brand, newest first (refund_batches_by_time). */
export const list = (
  db: Queryable,
  brandId: string,
  { after, limit }: { after: PageKey | undefined; limit: number },
): Promise<Page<Batch>> =>
  readPage<Batch>(db, {
    name: 'refund_batches.list',
    select: `SELECT ${COLUMNS} FROM refund_batches`,
    idColumn: 'batch_id',
    conditions: [['brand_id = ?', brandId]],
    after,
    limit,
  });

/** How many rows of a batch have come to what, in one currency. */
export interface RowTotals {
  batch_id: string;
  /** Null for rows that name no payment that is known. */
  currency: string | null;
  status: RowStatus;
  row_count: number;
  amount_cents: number;
  /** Of those that are still to be issued. */
  above_limit_count: number;
}

/**
 * What has become of the rows of these batches of one brand: reads their rows, of which each batch has a thousand at the most (primary
 * key).
 *
 * @param limits up to and including which amount somebody refunds by themselves, by currency; none: whatever the amount
 */
export async function totalRows(
  db: Queryable,
  brandId: string,
  batchIds: readonly string[],
  limits: Record<string, number>,
): Promise<RowTotals[]> {
  const isLimited = Object.keys(limits).length > 0;
  const { rows } = await db.query<RowTotals>({
    name: 'refund_batch_rows.total',
    text: `SELECT batch_id, currency, status, count(*) AS row_count, coalesce(sum(amount_cents), 0)::bigint AS amount_cents,
                  count(*) FILTER (WHERE status = 'checked' AND amount_cents > coalesce(($3::jsonb ->> currency)::bigint, 0)
                                     AND $3 IS NOT NULL) AS above_limit_count
           FROM refund_batch_rows WHERE batch_id = ANY ($2) AND brand_id = $1
           GROUP BY batch_id, currency, status ORDER BY batch_id, currency, status`,
    values: [brandId, batchIds, isLimited ? JSON.stringify(limits) : null],
  });
  return rows;
}

/** A row with what has become of it. */
export interface ListedRow {
  row_no: number;
  payment_id: string | null;
  charge_id: string | null;
  /** As the payment has it now; null where the payment is not known. */
  customer_id: string | null;
  amount_cents: number | null;
  currency: string | null;
  remaining_cents: number | null;
  reason: string | null;
  note: string | null;
  status: RowStatus;
  refund_id: string | null;
  refund_status: string | null;
  refusal_code: string | null;
  refusal_message: string | null;
  ended_at: Date | null;
}

/** Rows of a batch in their order, after one of them (primary key; with a status refund_batch_rows_by_status). */
export async function listRows(
  db: Queryable,
  brandId: string,
  batchId: string,
  { status, after, limit }: { status: RowStatus | undefined; after: number; limit: number },
): Promise<Page<ListedRow>> {
  const { rows } = await db.query<ListedRow>({
    name: status === undefined ? 'refund_batch_rows.list' : 'refund_batch_rows.list_of_status',
    text: `SELECT r.row_no, r.payment_id, r.charge_id, p.customer_id, r.amount_cents, r.currency, r.remaining_cents, r.reason,
                  r.note, r.status, r.refund_id, f.status AS refund_status, r.refusal_code, r.refusal_message, r.ended_at
           FROM refund_batch_rows r
           LEFT JOIN payments p ON p.payment_id = r.payment_id AND p.brand_id = $1
           LEFT JOIN refunds f ON f.refund_id = r.refund_id AND f.brand_id = $1
           WHERE r.batch_id = $2 AND r.brand_id = $1 AND r.row_no > $3 ${status === undefined ? '' : 'AND r.status = $5'}
           ORDER BY r.row_no LIMIT $4`,
    values: [brandId, batchId, after, limit + 1, ...(status === undefined ? [] : [status])],
  });
  return { rows: rows.slice(0, limit), more: rows.length > limit };
}

/** Locks a batch of one brand (primary key). Whoever changes a batch and its rows locks the batch first. */
export async function lock(tx: Queryable, brandId: string, batchId: string): Promise<Batch | undefined> {
  const { rows } = await tx.query<Batch>({
    name: 'refund_batches.lock',
    text: `SELECT ${COLUMNS} FROM refund_batches WHERE batch_id = $2 AND brand_id = $1 FOR UPDATE`,
    values: [brandId, batchId],
  });
  return rows[0];
}

/** What is left to be issued of a locked batch, by currency (refund_batch_rows_by_status). */
export async function findOpen(
  tx: Queryable,
  batchId: string,
): Promise<{ currency: string; row_count: number; largest_cents: number }[]> {
  const { rows } = await tx.query({
    name: 'refund_batch_rows.open',
    text: `SELECT currency, count(*) AS row_count, max(amount_cents) AS largest_cents FROM refund_batch_rows
           WHERE batch_id = $1 AND status IN ('checked', 'running') GROUP BY currency ORDER BY currency`,
    values: [batchId],
  });
  return rows;
}

/**
 * Starts or resumes a locked batch as somebody (primary key). Where a row is still being issued whoever does that is waited for; they have
 * it until `due_at`.
 */
export async function start(
  tx: Queryable,
  batchId: string,
  { principal, request_id, ip_address }: Pick<Caller, 'principal' | 'request_id' | 'ip_address'>,
): Promise<Batch> {
  const { rows } = await tx.query<Batch>({
    name: 'refund_batches.start',
    text: `UPDATE refund_batches
           SET status = 'running', started_by_type = $2, started_by_id = $3, started_scopes = $4, started_client_id = $5,
               started_request_id = $6, started_ip_address = $7, started_at = now, updated_at = now,
               due_at = coalesce(due_at, now), held_up_code = NULL, held_up_message = NULL
           FROM clock_timestamp() AS now WHERE batch_id = $1 RETURNING ${COLUMNS}`,
    values: [
      batchId,
      principal.actor_type,
      principal.actor_id,
      [...principal.scopes],
      principal.client_id,
      request_id,
      ip_address,
    ],
  });
  return expectRow(rows);
}

/** Stops a locked batch (primary key). A row that is being issued is taken up by another worker if this one does not come to its end. */
export async function stop(tx: Queryable, batchId: string): Promise<Batch> {
  const { rows } = await tx.query<Batch>({
    name: 'refund_batches.stop',
    text: `UPDATE refund_batches
           SET status = 'stopped', updated_at = clock_timestamp(), held_up_code = NULL, held_up_message = NULL,
               due_at = CASE WHEN EXISTS (SELECT FROM refund_batch_rows WHERE batch_id = $1 AND status = 'running') THEN due_at END
           WHERE batch_id = $1 RETURNING ${COLUMNS}`,
    values: [batchId],
  });
  return expectRow(rows);
}

function expectRow<T>(rows: T[]): T {
  const [row] = rows;
  if (row === undefined) throw new Error('A batch is gone');
  return row;
}

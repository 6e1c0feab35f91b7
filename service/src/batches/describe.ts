import type { Principal } from '../access/principal.ts';
import type { Queryable } from '../database/pool.ts';
import { type ApprovalLimits, needsApproval, readLimits, roleOf } from '../refunds/limits.ts';
import { type Batch, ROW_STATUSES, type RowStatus } from './batch.ts';
import * as queries from './queries.ts';

interface CurrencyTotal {
  currency: string;
  row_count: number;
  /** Of the rows that can be issued, whatever has become of them. */
  amount_cents: number;
  issued_cents: number;
  failed_cents: number;
}

/** Batches of the caller's brand as they are shown: with what has become of their rows, and what of the rest the caller could not refund alone. */
export async function describeBatches(
  db: Queryable,
  setting: ApprovalLimits,
  principal: Pick<Principal, 'brand_id' | 'actor_type' | 'scopes'>,
  batches: readonly Batch[],
) {
  const { brand_id } = principal;
  const limits = await readLimits(db, setting, brand_id, roleOf(principal));
  const ids = batches.map(({ batch_id }) => batch_id);
  const totals = await queries.totalRows(db, brand_id, ids, limits);
  return batches.map((batch) =>
    describe(
      batch,
      totals.filter(({ batch_id }) => batch_id === batch.batch_id),
    ),
  );
}

function describe({ held_up_code, held_up_message, ...batch }: Batch, found: readonly queries.RowTotals[]) {
  const counts = Object.fromEntries(ROW_STATUSES.map((status) => [status, 0])) as Record<RowStatus, number>;
  const totals = new Map<string, CurrencyTotal>();
  for (const { status, currency, row_count, amount_cents } of found) {
    counts[status] += row_count;
    if (status === 'cannot' || currency === null) continue;
    const total = totals.get(currency) ?? {
      currency,
      row_count: 0,
      amount_cents: 0,
      issued_cents: 0,
      failed_cents: 0,
    };
    total.row_count += row_count;
    total.amount_cents += amount_cents;
    if (status === 'issued') total.issued_cents += amount_cents;
    if (status === 'failed') total.failed_cents += amount_cents;
    totals.set(currency, total);
  }
  const sum = (count: (row: queries.RowTotals) => number) => found.reduce((all, row) => all + count(row), 0);
  return {
    ...batch,
    row_count: sum((row) => row.row_count),
    counts,
    totals: [...totals.values()],
    needs_approval_count: sum((row) => row.above_limit_count),
    held_up:
      batch.status === 'running' && held_up_code !== null
        ? { code: held_up_code, message: held_up_message ?? '' }
        : null,
  };
}

/** Rows of a batch as they are shown. */
export function describeRows(rows: readonly queries.ListedRow[], limits: Record<string, number>) {
  return rows.map(({ row_no, refusal_code, refusal_message, ...row }) => ({
    ...row,
    row: row_no,
    needs_approval:
      row.status === 'checked' &&
      row.currency !== null &&
      row.amount_cents !== null &&
      needsApproval(limits, row.currency, row.amount_cents),
    refusal: refusal_code === null ? null : { code: refusal_code, message: refusal_message ?? '' },
  }));
}

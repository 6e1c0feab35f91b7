import { type Page, type PageKey, readPage } from '../database/page.ts';
import type { Queryable } from '../database/pool.ts';
import { filterConditions, type RefundFilters } from './filters.ts';
import type { RefundStatus } from './refund.ts';

/** One line of the list. */
export interface ListedRefund {
  refund_id: string;
  payment_id: string;
  charge_id: string | null;
  customer_id: string;
  amount_cents: number;
  status: RefundStatus;
  reason: string | null;
  stripe_refund_id: string | null;
  created_at: Date;
}

/** One line of the list in detail. */
export interface DetailedRefund extends ListedRefund {
  currency: string;
  origin: 'api' | 'external';
  requested_by_type: 'user' | 'service' | null;
  requested_by_id: string | null;
  failure_reason: string | null;
  bank_reference: string | null;
  /** What the customer is owed since it ended without paying; 0 where nothing is. */
  owed_cents: number;
  updated_at: Date;
}

const LISTED = `refund_id, payment_id, charge_id, customer_id, amount_cents, status, reason, stripe_refund_id, created_at`;
/** Of `refunds`; what is owed is so for as long as nobody has said how it was put right. */
export const DETAILED = `${LISTED}, currency, origin, requested_by_type, requested_by_id, failure_reason, bank_reference,
                  CASE WHEN resolved_at IS NULL THEN owed_cents ELSE 0 END AS owed_cents, updated_at`;

interface Asked {
  after: PageKey | undefined;
  limit: number;
}

/**
 * Refunds of a brand, newest first, in one query. Served by refunds_by_time, or by the index of the narrowest of
 * customer, payment, charge, status and reason; currency, amounts and times narrow what that index yields.
 */
export const listRefunds = (db: Queryable, brandId: string, filters: RefundFilters, asked: Asked) =>
  readRefunds<ListedRefund>(db, { name: 'refunds.list', columns: LISTED }, brandId, filters, asked);

/** The same refunds, with more of each; served by the same indexes. */
export const listRefundsDetailed = (db: Queryable, brandId: string, filters: RefundFilters, asked: Asked) =>
  readRefunds<DetailedRefund>(
    db,
    { name: 'refunds.list_detailed', columns: DETAILED },
    brandId,
    filters,
    asked,
  );

async function readRefunds<Row extends ListedRefund>(
  db: Queryable,
  { name, columns }: { name: string; columns: string },
  brandId: string,
  filters: RefundFilters,
  { after, limit }: Asked,
): Promise<Page<Row>> {
  return await readPage<Row>(db, {
    name,
    select: `SELECT ${columns} FROM refunds`,
    idColumn: 'refund_id',
    conditions: filterConditions(brandId, filters),
    after,
    limit,
  });
}

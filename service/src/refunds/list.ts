import { type Page, type PageKey, readPage } from '../database/page.ts';
import type { Queryable } from '../database/pool.ts';
import type { RefundStatus } from './refund.ts';

/** What the list may be narrowed to; what is absent does not narrow. */
export interface RefundFilters {
  customer_id?: string;
  status?: RefundStatus;
  payment_id?: string;
  charge_id?: string;
  stripe_refund_id?: string;
  reason?: string;
  currency?: string;
  amount_cents_gte?: number;
  amount_cents_lte?: number;
  created_at_gte?: Date;
  created_at_lt?: Date;
  /** Those that ended without paying, or those that did not or for which that has been put right. */
  needs_attention?: boolean;
  /** Those of which it is not known what has become at the provider, or those of which it is. */
  unknown?: boolean;
}

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
const DETAILED = `${LISTED}, currency, origin, requested_by_type, requested_by_id, failure_reason, bank_reference,
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
    conditions: [
      ['brand_id = ?', brandId],
      ['customer_id = ?', filters.customer_id],
      ['status = ?', filters.status],
      ['payment_id = ?', filters.payment_id],
      ['charge_id = ?', filters.charge_id],
      ['stripe_refund_id = ?', filters.stripe_refund_id],
      ['reason = ?', filters.reason],
      ['currency = ?', filters.currency],
      ['amount_cents >= ?', filters.amount_cents_gte],
      ['amount_cents <= ?', filters.amount_cents_lte],
      ['created_at >= ?', filters.created_at_gte],
      ['created_at < ?', filters.created_at_lt],
      // Word for word the condition of refunds_needing_attention, which serves it.
      ['(owed_cents > 0 AND resolved_at IS NULL)', filters.needs_attention === true ? true : undefined],
      ['NOT (owed_cents > 0 AND resolved_at IS NULL)', filters.needs_attention === false ? true : undefined],
      // Few at any time, and all of them in refunds_to_recover.
      ['recover_at IS NOT NULL', filters.unknown === true ? true : undefined],
      ['recover_at IS NULL', filters.unknown === false ? true : undefined],
    ],
    after,
    limit,
  });
}

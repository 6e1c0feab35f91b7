import type { Queryable } from '../database/pool.ts';

/** What a customer has paid in one currency, and what has become of it. Amounts in its smallest unit. */
export interface CustomerTotals {
  currency: string;
  payment_count: number;
  /** What was taken. */
  paid_cents: number;
  reserved_cents: number;
  refunded_cents: number;
  /** Of those that took money. */
  first_payment_at: Date | null;
  last_payment_at: Date | null;
  refund_count: number;
  /** What is owed of refunds that ended without paying. */
  owed_cents: number;
  last_refund_at: Date | null;
  dispute_count: number;
  disputed_cents: number;
  open_dispute_count: number;
}

/**
 * A customer's totals by currency; none of somebody whom nobody knows. By payments_by_customer, refunds_by_customer and
 * disputes_by_customer. Inquiries (`warning_…`) take no money and are no disputes here.
 */
export async function totalsOf(
  db: Queryable,
  brandId: string,
  customerId: string,
): Promise<CustomerTotals[]> {
  const { rows } = await db.query<CustomerTotals>({
    name: 'customers.totals',
    text: `
      WITH paid AS (
        SELECT currency, count(*) FILTER (WHERE captured_cents > 0) AS payment_count, sum(captured_cents)::bigint AS paid_cents,
               sum(reserved_cents)::bigint AS reserved_cents, sum(refunded_cents)::bigint AS refunded_cents,
               min(created_at) FILTER (WHERE captured_cents > 0) AS first_payment_at,
               max(created_at) FILTER (WHERE captured_cents > 0) AS last_payment_at
        FROM payments WHERE brand_id = $1 AND customer_id = $2 GROUP BY currency
      ), gone_back AS (
        SELECT currency, count(*) AS refund_count, max(created_at) AS last_refund_at,
               sum(CASE WHEN resolved_at IS NULL THEN owed_cents ELSE 0 END)::bigint AS owed_cents
        FROM refunds WHERE brand_id = $1 AND customer_id = $2 GROUP BY currency
      ), disputed AS (
        SELECT currency, count(*) AS dispute_count, sum(amount_cents)::bigint AS disputed_cents,
               count(*) FILTER (WHERE resolved_at IS NULL) AS open_dispute_count
        FROM disputes WHERE brand_id = $1 AND customer_id = $2 AND status NOT LIKE 'warning\\_%' GROUP BY currency
      )
      SELECT currency, coalesce(payment_count, 0) AS payment_count, coalesce(paid_cents, 0) AS paid_cents,
             coalesce(reserved_cents, 0) AS reserved_cents, coalesce(refunded_cents, 0) AS refunded_cents,
             first_payment_at, last_payment_at, coalesce(refund_count, 0) AS refund_count,
             coalesce(owed_cents, 0) AS owed_cents, last_refund_at, coalesce(dispute_count, 0) AS dispute_count,
             coalesce(disputed_cents, 0) AS disputed_cents, coalesce(open_dispute_count, 0) AS open_dispute_count
      FROM paid FULL JOIN gone_back USING (currency) FULL JOIN disputed USING (currency)
      ORDER BY paid_cents DESC, currency`,
    values: [brandId, customerId],
  });
  return rows;
}

/** The refunds of a customer of the last 90 days that have paid or may still, by their amount. */
export interface RecentRefunds {
  currency: string;
  amount_cents: number;
  count: number;
}

/** How far back "recently" goes. */
export const RECENT_days = 90;

/** The amounts that were refunded most often recently come first (refunds_by_customer). */
export async function recentRefundsOf(
  db: Queryable,
  brandId: string,
  customerId: string,
): Promise<RecentRefunds[]> {
  const { rows } = await db.query<RecentRefunds>({
    name: 'customers.recent_refunds',
    text: `SELECT currency, amount_cents, count(*) AS count FROM refunds
           WHERE brand_id = $1 AND customer_id = $2 AND created_at >= now() - make_interval(days => $3)
             AND status IN ('awaiting_approval', 'pending', 'requires_action', 'succeeded')
           GROUP BY currency, amount_cents ORDER BY count DESC, amount_cents DESC, currency`,
    values: [brandId, customerId, RECENT_days],
  });
  return rows;
}

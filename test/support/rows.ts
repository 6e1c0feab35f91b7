import type { Queryable } from '../../service/src/database/pool.ts';

/** Rows of settled refunds, one payment each, put in directly: for tests of reading, where nothing has to happen to them. */
export interface RefundRows {
  customer_id: string;
  brand_id?: string;
  count: number;
}

let made = 0;

/** Adds refunds made a second apart, every other one at the same moment as the one before. Returns their ids, newest first. */
export async function addRefunds(
  db: Queryable,
  { customer_id, brand_id = 'default', count }: RefundRows,
): Promise<string[]> {
  made += 1;
  const prefix = `r${made}_`;
  await db.query(
    `INSERT INTO payments (payment_id, brand_id, customer_id, mode, amount_cents, currency, status, captured_cents,
                           stripe_charge_id, created_at, updated_at, observed_at)
     SELECT 'payment_' || $1 || lpad(n::text, 6, '0'), $2, $3, 'one_shot', 10000, 'usd', 'succeeded', 10000, 'ch_' || $1 || n, t, t, t
     FROM generate_series(1, $4::int) AS n, LATERAL (SELECT timestamptz '2026-01-01Z' + n / 2 * interval '1 second' AS t) AS at`,
    [prefix, brand_id, customer_id, count],
  );
  const { rows } = await db.query<{ refund_id: string }>(
    `INSERT INTO refunds (refund_id, payment_id, brand_id, customer_id, charge_id, amount_cents, currency, status,
                          counted_cents, reason, origin, stripe_refund_id, created_at, updated_at, observed_at)
     SELECT replace(payment_id, 'payment_', 'refund_'), payment_id, brand_id, customer_id, stripe_charge_id, 500, 'usd',
            'succeeded', 500, 'duplicate', 'external', replace(stripe_charge_id, 'ch_', 're_'), created_at, updated_at,
            observed_at
     FROM payments WHERE payment_id LIKE 'payment\\_' || $1 || '%'
     RETURNING refund_id`,
    [prefix],
  );
  return rows
    .map((row) => row.refund_id)
    .sort()
    .reverse();
}

/**
 * Fills empty books with a long past: a payment a minute, of which every third is of the customer `busy`, and a refund every ten seconds, of which every
 * 20th failed and every 400th is still owed.
 */
export async function fillBooks(
  db: Queryable,
  { payments, refunds, busy }: { payments: number; refunds: number; busy: string },
): Promise<void> {
  await db.query(
    `INSERT INTO payments (payment_id, brand_id, customer_id, mode, amount_cents, currency, status, captured_cents,
                           stripe_charge_id, created_at, updated_at, observed_at)
     SELECT 'payment_' || lpad(n::text, 8, '0'), 'default', CASE WHEN n % 3 = 0 THEN $2 ELSE 'cus_' || n % 5000 END,
            'one_shot', 10000, 'usd', 'succeeded', 10000, 'ch_' || n, t, t, t
     FROM generate_series(1, $1::int) AS n, LATERAL (SELECT timestamptz '2026-01-01Z' + n * interval '1 minute' AS t) AS at`,
    [payments, busy],
  );
  await db.query(
    `INSERT INTO refunds (refund_id, payment_id, brand_id, customer_id, charge_id, amount_cents, currency, status,
                          counted_cents, reason, origin, stripe_refund_id, created_at, updated_at, observed_at, owed_cents)
     SELECT 'refund_' || lpad(n::text, 8, '0'), payment_id, brand_id, customer_id, stripe_charge_id, 100 + n % 900, 'usd',
            CASE WHEN n % 20 = 0 THEN 'failed' ELSE 'succeeded' END, CASE WHEN n % 20 = 0 THEN 0 ELSE 100 + n % 900 END,
            CASE n % 3 WHEN 0 THEN 'duplicate' WHEN 1 THEN 'requested_by_customer' END, 'external', 're_' || n, t, t, t,
            CASE WHEN n % 400 = 0 THEN 100 ELSE 0 END
     FROM generate_series(1, $1::int) AS n
     JOIN payments ON payment_id = 'payment_' || lpad((1 + n % $2)::text, 8, '0'),
     LATERAL (SELECT timestamptz '2026-02-01Z' + n * interval '10 seconds' AS t) AS at`,
    [refunds, payments],
  );
  await db.query('VACUUM ANALYZE payments');
  await db.query('VACUUM ANALYZE refunds');
}

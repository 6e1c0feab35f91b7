import type { Queryable } from '../../service/src/database/pool.ts';

/** The customer who has a hundredth of everything. */
export const BUSY = 'cus_busy';

/**
 * Puts many settled refunds into an empty database directly, as a year of a platform has them: each of a payment of its own, spread evenly over the year
 * that ends at `until`, three currencies, every reason and some in words of their own, some still pending, some that failed late.
 * The n-th (from 1) is `refund_<8 digits>`, `re_<n>` of `payment_<8 digits>`, `pi_<n>`, `ch_<n>`, `order_<n>`, every tenth of
 * `sub_<n>`; every fiftieth payment is disputed. There are twice as many payments.
 */
export async function addMany(
  db: Queryable,
  { refunds, until, brand_id = 'default' }: { refunds: number; until: Date; brand_id?: string },
): Promise<void> {
  const from = `$2::timestamptz - interval '365 days' * (1 - n::float8 / ($1::int * 2))`;
  await db.query(
    `INSERT INTO payments (payment_id, brand_id, customer_id, order_id, subscription_id, mode, amount_cents, currency, status,
                           captured_cents, refunded_cents, reserved_cents, stripe_payment_intent_id, stripe_charge_id,
                           created_at, updated_at, observed_at)
     SELECT 'payment_' || lpad(n::text, 8, '0'), $3, CASE WHEN n % 200 < 2 THEN $4 ELSE 'cus_' || n % 50021 END, 'order_' || n,
            CASE WHEN n % 20 = 0 THEN 'sub_' || n END, CASE WHEN n % 20 = 0 THEN 'subscription' ELSE 'one_shot' END, 10000,
            (ARRAY['usd', 'usd', 'usd', 'eur', 'gbp'])[1 + n / 2 % 5], 'succeeded', 10000,
            CASE WHEN n % 2 = 0 AND n / 2 % 40 > 1 THEN 100 + n % 900 ELSE 0 END,
            CASE WHEN n % 2 = 0 AND n / 2 % 40 = 1 THEN 100 + n % 900 ELSE 0 END,
            'pi_' || n, 'ch_' || n, at, at, at
     FROM generate_series(1, $1::int * 2) AS n, LATERAL (SELECT ${from} AS at) AS made`,
    [refunds, until, brand_id, BUSY],
  );
  // The checks of foreign keys were planned for as few rows as there were.
  await db.query('ANALYZE payments');
  await db.query(
    `INSERT INTO refunds (refund_id, payment_id, brand_id, customer_id, charge_id, amount_cents, currency, status, counted_cents,
                          reason, origin, stripe_refund_id, bank_reference, created_at, updated_at, observed_at, owed_cents)
     SELECT 'refund_' || lpad(n::text, 8, '0'), payment_id, brand_id, customer_id, stripe_charge_id, 100 + n * 2 % 900, currency,
            CASE n % 40 WHEN 0 THEN 'failed' WHEN 1 THEN 'pending' ELSE 'succeeded' END,
            CASE WHEN n % 40 = 0 THEN 0 ELSE 100 + n * 2 % 900 END,
            (ARRAY['requested_by_customer', 'duplicate', 'fraudulent', 'not_received', 'returned', 'other', NULL,
                   'it fell apart ' || n])[1 + n % 8],
            'external', 're_' || n, '7420851' || lpad(n::text, 16, '0'), created_at + interval '1 hour',
            created_at + interval '2 hours', created_at + interval '2 hours', CASE WHEN n % 400 = 0 THEN 100 ELSE 0 END
     FROM generate_series(1, $1::int) AS n JOIN payments ON payment_id = 'payment_' || lpad((n * 2)::text, 8, '0')`,
    [refunds],
  );
  await db.query(
    `INSERT INTO refund_transitions (refund_id, payment_id, brand_id, from_status, to_status, reserved_delta_cents,
                                     refunded_delta_cents, actor_type, actor_id, cause, occurred_at)
     SELECT refund_id, payment_id, brand_id, from_status, to_status, 0, 0, 'system', 'stripe', 'test', created_at + after
     FROM refunds, LATERAL (SELECT right(refund_id, 8)::int AS n) AS numbered,
          LATERAL (VALUES (NULL, 'pending', interval '0', true),
                          ('pending', 'succeeded', n % 1000 * (n % 1000) * interval '1 second', n % 40 <> 1 AND n % 80 <> 40),
                          ('succeeded', 'failed', interval '10 days', n % 80 = 0),
                          ('pending', 'failed', interval '1 day', n % 80 = 40)
                  ) AS step (from_status, to_status, after, taken)
     WHERE taken AND brand_id = $1`,
    [brand_id],
  );
  await db.query(
    `INSERT INTO disputes (dispute_id, payment_id, brand_id, customer_id, amount_cents, currency, reason, status,
                           stripe_dispute_id, stripe_charge_id, created_at, updated_at, resolved_at, observed_at)
     SELECT 'dispute_' || right(payment_id, 8), payment_id, brand_id, customer_id, amount_cents, currency, 'fraudulent',
            CASE WHEN n % 3000 = 25 THEN 'needs_response' ELSE 'won' END, 'dp_' || n, stripe_charge_id, created_at, created_at,
            CASE WHEN n % 3000 = 25 THEN NULL ELSE created_at END, created_at
     FROM payments, LATERAL (SELECT right(payment_id, 8)::int AS n) AS numbered WHERE n % 50 = 25 AND brand_id = $1`,
    [brand_id],
  );
  for (const table of ['payments', 'refunds', 'refund_transitions', 'disputes'])
    await db.query(`VACUUM ANALYZE ${table}`);
}

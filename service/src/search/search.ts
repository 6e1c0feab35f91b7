import { statementName } from '../database/page.ts';
import type { Queryable } from '../database/pool.ts';

/** What a caller may find; a customer is found with the payments. */
export interface Seeing {
  refunds: boolean;
  payments: boolean;
  disputes: boolean;
}

/** One line of what was found. */
export interface Found {
  type: 'refund' | 'payment' | 'customer' | 'dispute';
  id: string;
  /** Which of its ids it was found by. */
  matched: string;
  /** Whether that id only begins with what was looked for. */
  prefix: boolean;
  payment_id: string | null;
  amount_cents: number | null;
  currency: string | null;
  status: string | null;
  customer_id: string;
  created_at: Date;
}

/** The most that is found at all, and by an id that several may have. */
export const FOUND_MAX = 20;
const EACH_MAX = 5;
/** Shorter beginnings are everybody's. */
const PREFIX_MIN = 3;

interface Probe {
  sees: keyof Seeing;
  sql: string;
}

const line = (type: Found['type'], table: string, id: string) => ({
  type,
  select: (rank: number, matched: string, prefix: boolean) =>
    `SELECT ${rank} AS rank, '${type}' AS type, ${id} AS id, '${matched}' AS matched, ${prefix} AS prefix, payment_id,
            amount_cents, currency, status, customer_id, created_at
     FROM ${table}`,
});
const refund = line('refund', 'refunds', 'refund_id');
const payment = line('payment', 'payments', 'payment_id');
const dispute = line('dispute', 'disputes', 'dispute_id');

type Line = typeof refund;

/** The one that has it (a primary key, or a unique index). */
const one = ({ select }: Line, rank: number, column: string) =>
  `${select(rank, column, false)} WHERE ${column} = $2 AND brand_id = $1`;

/** The newest of those that have it. */
const some = ({ select, type }: Line, rank: number, column: string, matched = column) =>
  `${select(rank, matched, false)} WHERE ${column} = $2 AND brand_id = $1
   ORDER BY created_at DESC, ${type}_id DESC LIMIT ${EACH_MAX}`;

/** A line that stands for a customer: the time is that of their newest payment. */
const CUSTOMER = (rank: number, prefix: boolean) =>
  `SELECT ${rank} AS rank, 'customer' AS type, customer_id AS id, 'customer_id' AS matched, ${prefix} AS prefix,
          NULL AS payment_id, NULL::bigint AS amount_cents, NULL AS currency, NULL AS status, customer_id, created_at`;

/** Ids that begin with it are those from it on to before the last character that there is (in the order of bytes). */
const BEGINS = (column: string) =>
  `${column} COLLATE "C" > $2 AND ${column} COLLATE "C" < $2 || U&'\\+10FFFF' AND brand_id = $1`;

/**
 * Every way of finding something, each by an index that leads straight to it: primary keys; the unique indexes of what Stripe calls it;
 * refunds_by_bank_reference, refunds_by_charge, disputes_by_charge, payments_by_order, payments_by_subscription,
 * payments_by_customer; and of ids that begin with it payments_order_prefix, payments_customer_prefix.
 */
const EXACT: Probe[] = [
  { sees: 'refunds', sql: one(refund, 1, 'refund_id') },
  { sees: 'payments', sql: one(payment, 1, 'payment_id') },
  { sees: 'disputes', sql: one(dispute, 1, 'dispute_id') },
  { sees: 'refunds', sql: one(refund, 2, 'stripe_refund_id') },
  { sees: 'payments', sql: one(payment, 2, 'stripe_payment_intent_id') },
  { sees: 'payments', sql: one(payment, 2, 'stripe_charge_id') },
  { sees: 'disputes', sql: one(dispute, 2, 'stripe_dispute_id') },
  { sees: 'refunds', sql: some(refund, 2, 'bank_reference') },
  {
    sees: 'payments',
    sql: `${CUSTOMER(3, false)} FROM payments WHERE customer_id = $2 AND brand_id = $1
          ORDER BY created_at DESC, payment_id DESC LIMIT 1`,
  },
  { sees: 'payments', sql: some(payment, 3, 'order_id') },
  { sees: 'payments', sql: some(payment, 4, 'subscription_id') },
  { sees: 'refunds', sql: some(refund, 5, 'charge_id') },
  { sees: 'disputes', sql: some(dispute, 5, 'stripe_charge_id') },
];

const NEXT_CUSTOMER = (after: string) =>
  `SELECT customer_id FROM payments
   WHERE customer_id COLLATE "C" > ${after} AND customer_id COLLATE "C" < $2 || U&'\\+10FFFF' AND brand_id = $1
   ORDER BY customer_id COLLATE "C" LIMIT 1`;

const PREFIX: Probe[] = [
  {
    sees: 'payments',
    // From one customer to the next, however many payments lie between.
    sql: `${CUSTOMER(6, true)}
          FROM (
            WITH RECURSIVE customer (customer_id, number) AS (
              SELECT first.customer_id, 1 FROM (${NEXT_CUSTOMER('$2')}) AS first
              UNION ALL
              SELECT next.customer_id, number + 1
              FROM customer, LATERAL (${NEXT_CUSTOMER('customer.customer_id')}) AS next
              WHERE number < ${EACH_MAX}
            )
            SELECT customer_id FROM customer
          ) AS customers,
          LATERAL (SELECT created_at FROM payments AS paid WHERE paid.customer_id = customers.customer_id AND paid.brand_id = $1
                   ORDER BY created_at DESC, payment_id DESC LIMIT 1) AS newest`,
  },
  {
    sees: 'payments',
    sql: `${payment.select(6, 'order_id', true)} WHERE ${BEGINS('order_id')} ORDER BY order_id COLLATE "C" LIMIT ${EACH_MAX}`,
  },
];

/**
 * What of a brand has this id, whatever kind of id it is, best first, in one query; and customers and orders whose id begins with
 * it. Each way is a look-up in an index (see there), so it takes the same however much there is.
 */
export async function findAnything(
  db: Queryable,
  brandId: string,
  id: string,
  seeing: Seeing,
): Promise<Found[]> {
  const probes = id.length < PREFIX_MIN ? EXACT : [...EXACT, ...PREFIX];
  const text = `SELECT type, id, matched, prefix, payment_id, amount_cents, currency, status, customer_id, created_at
    FROM (${probes
      .filter(({ sees }) => seeing[sees])
      .map(({ sql }) => `(${sql})`)
      .join('\nUNION ALL ')}) AS found
    ORDER BY rank, created_at DESC, id DESC LIMIT ${FOUND_MAX}`;
  const { rows } = await db.query<Found>({
    name: statementName('search.anything', text),
    text,
    values: [brandId, id],
  });
  const seen = new Set<string>();
  // A payment may have what was looked for in two places.
  return rows.filter(({ type, id: found }) => !seen.has(`${type} ${found}`) && seen.add(`${type} ${found}`));
}

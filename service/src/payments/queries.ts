import { type Page, type PageKey, readPage } from '../database/page.ts';
import type { Queryable } from '../database/pool.ts';
import type { PaidWith, Payment, PaymentObservation } from './payment.ts';

const COLUMNS = `payment_id, brand_id, customer_id, order_id, subscription_id, mode, amount_cents, currency, status,
  captured_cents, reserved_cents, refunded_cents, stripe_payment_intent_id, stripe_charge_id, created_at, updated_at,
  observed_at, erased_at, payment_method_type, payment_method_brand, payment_method_last4`;

/** Locks the payment that the provider knows by its intent, or by its charge where there is none (their unique indexes). */
export async function lockByProvider(
  tx: Queryable,
  {
    stripe_payment_intent_id,
    stripe_charge_id,
  }: Pick<Payment, 'stripe_payment_intent_id' | 'stripe_charge_id'>,
): Promise<Payment | undefined> {
  const { rows } = await tx.query<Payment>(
    stripe_payment_intent_id === null
      ? {
          name: 'payments.lock_by_charge',
          text: `SELECT ${COLUMNS} FROM payments WHERE stripe_charge_id = $1 FOR UPDATE`,
          values: [stripe_charge_id],
        }
      : {
          name: 'payments.lock_by_intent',
          text: `SELECT ${COLUMNS} FROM payments WHERE stripe_payment_intent_id = $1 FOR UPDATE`,
          values: [stripe_payment_intent_id],
        },
  );
  return rows[0];
}

/** Locks a payment by our id of it (primary key). */
export async function lockById(tx: Queryable, paymentId: string): Promise<Payment | undefined> {
  const { rows } = await tx.query<Payment>({
    name: 'payments.lock_by_id',
    text: `SELECT ${COLUMNS} FROM payments WHERE payment_id = $1 FOR UPDATE`,
    values: [paymentId],
  });
  return rows[0];
}

/** Locks a payment of one brand, named by our id (primary key) or by its charge (unique index). */
export async function lockOfBrand(
  tx: Queryable,
  brandId: string,
  { payment_id, charge_id }: { payment_id?: string | undefined; charge_id?: string | undefined },
): Promise<Payment | undefined> {
  const by = payment_id === undefined ? 'stripe_charge_id' : 'payment_id';
  const { rows } = await tx.query<Payment>({
    name: `payments.lock_of_brand_by_${by}`,
    text: `SELECT ${COLUMNS} FROM payments WHERE ${by} = $2 AND brand_id = $1 FOR UPDATE`,
    values: [brandId, payment_id ?? charge_id],
  });
  return rows[0];
}

/** Adds a payment that is not there yet; nothing if somebody else has just added it (either unique index). */
export async function insert(
  tx: Queryable,
  paymentId: string,
  observation: PaymentObservation,
  erased: boolean,
): Promise<Payment | undefined> {
  const { rows } = await tx.query<Payment>({
    name: 'payments.insert',
    text: `INSERT INTO payments (payment_id, brand_id, customer_id, order_id, subscription_id, mode, amount_cents,
                                 currency, status, captured_cents, stripe_payment_intent_id, stripe_charge_id,
                                 created_at, updated_at, observed_at, erased_at,
                                 payment_method_type, payment_method_brand, payment_method_last4)
           VALUES ($1, $2, $3, $4, $5, CASE WHEN $5::text IS NULL THEN 'one_shot' ELSE 'subscription' END, $6,
                   $7, $8, $9, $10, $11, $12, clock_timestamp(), $13,
                   CASE WHEN $14 THEN clock_timestamp() END, $15, $16, $17)
           ON CONFLICT DO NOTHING
           RETURNING ${COLUMNS}`,
    values: [
      paymentId,
      observation.brand_id,
      observation.customer_id,
      observation.order_id,
      observation.subscription_id,
      observation.amount_cents,
      observation.currency,
      observation.status,
      observation.captured_cents,
      observation.stripe_payment_intent_id,
      observation.stripe_charge_id,
      observation.created_at,
      observation.observed_at,
      erased,
      observation.payment_method_type,
      observation.payment_method_brand,
      observation.payment_method_last4,
    ],
  });
  return rows[0];
}

/** Writes what the provider says over what was known; the counters are not its business (primary key). */
export async function update(tx: Queryable, payment: Payment): Promise<Payment> {
  const { rows } = await tx.query<Payment>({
    name: 'payments.update',
    text: `UPDATE payments
           SET brand_id = $2, customer_id = $3, order_id = $4, subscription_id = $5, mode = $6, amount_cents = $7,
               currency = $8, status = $9, captured_cents = $10, stripe_payment_intent_id = $11,
               stripe_charge_id = $12, observed_at = $13, erased_at = $14, payment_method_type = $15, payment_method_brand = $16,
               payment_method_last4 = $17, updated_at = clock_timestamp()
           WHERE payment_id = $1
           RETURNING ${COLUMNS}`,
    values: [
      payment.payment_id,
      payment.brand_id,
      payment.customer_id,
      payment.order_id,
      payment.subscription_id,
      payment.mode,
      payment.amount_cents,
      payment.currency,
      payment.status,
      payment.captured_cents,
      payment.stripe_payment_intent_id,
      payment.stripe_charge_id,
      payment.observed_at,
      payment.erased_at,
      payment.payment_method_type,
      payment.payment_method_brand,
      payment.payment_method_last4,
    ],
  });
  return expectRow(rows);
}

/** Notes with what a locked payment was made; it is otherwise as it is known (primary key). */
export async function notePaidWith(
  tx: Queryable,
  paymentId: string,
  paid: PaidWith,
  observedAt: Date,
): Promise<Payment> {
  const { rows } = await tx.query<Payment>({
    name: 'payments.note_paid_with',
    text: `UPDATE payments
           SET payment_method_type = $2, payment_method_brand = $3, payment_method_last4 = $4, observed_at = $5
           WHERE payment_id = $1
           RETURNING ${COLUMNS}`,
    values: [
      paymentId,
      paid.payment_method_type,
      paid.payment_method_brand,
      paid.payment_method_last4,
      observedAt,
    ],
  });
  return expectRow(rows);
}

/** Notes that a locked payment was found as it is known (primary key). */
export async function noteObserved(tx: Queryable, paymentId: string, observedAt: Date): Promise<void> {
  await tx.query({
    name: 'payments.note_observed',
    text: 'UPDATE payments SET observed_at = $2 WHERE payment_id = $1',
    values: [paymentId, observedAt],
  });
}

function expectRow<T>(rows: T[]): T {
  const row = rows[0];
  if (row === undefined) throw new Error('A locked payment is gone');
  return row;
}

/** A payment of one brand (primary key). */
export async function findPayment(
  db: Queryable,
  brandId: string,
  paymentId: string,
): Promise<Payment | undefined> {
  const { rows } = await db.query<Payment>({
    name: 'payments.find',
    text: `SELECT ${COLUMNS} FROM payments WHERE payment_id = $2 AND brand_id = $1`,
    values: [brandId, paymentId],
  });
  return rows[0];
}

/** Payments of one brand by our ids (primary key) and by their charges (unique index), locked against whoever locks them to change them. */
export async function holdPayments(
  tx: Queryable,
  brandId: string,
  { payment_ids, charge_ids }: { payment_ids: readonly string[]; charge_ids: readonly string[] },
): Promise<Payment[]> {
  const { rows } = await tx.query<Payment>({
    name: 'payments.hold_many',
    text: `SELECT ${COLUMNS} FROM payments
           WHERE brand_id = $1 AND (payment_id = ANY ($2) OR stripe_charge_id = ANY ($3))
           ORDER BY payment_id FOR KEY SHARE`,
    values: [brandId, payment_ids, charge_ids],
  });
  return rows;
}

/** A payment by our id of it (primary key). */
export async function findById(db: Queryable, paymentId: string): Promise<Payment | undefined> {
  const { rows } = await db.query<Payment>({
    name: 'payments.by_id',
    text: `SELECT ${COLUMNS} FROM payments WHERE payment_id = $1`,
    values: [paymentId],
  });
  return rows[0];
}

/** What the list may be narrowed to; what is absent does not narrow. */
export interface PaymentFilters {
  customer_id?: string;
  order_id?: string;
  charge_id?: string;
  stripe_payment_intent_id?: string;
  status?: string;
  currency?: string;
  /** Those of which something went back, or all others. */
  refunded?: boolean;
  created_at_gte?: Date;
  created_at_lt?: Date;
}

/** Payments of a brand, newest first (payments_by_time, or the index of the narrowest filter). */
export async function listPayments(
  db: Queryable,
  brandId: string,
  filters: PaymentFilters,
  { after, limit }: { after: PageKey | undefined; limit: number },
): Promise<Page<Payment>> {
  return await readPage<Payment>(db, {
    name: 'payments.list',
    select: `SELECT ${COLUMNS} FROM payments`,
    idColumn: 'payment_id',
    conditions: [
      ['brand_id = ?', brandId],
      ['customer_id = ?', filters.customer_id],
      ['order_id = ?', filters.order_id],
      ['stripe_charge_id = ?', filters.charge_id],
      ['stripe_payment_intent_id = ?', filters.stripe_payment_intent_id],
      ['status = ?', filters.status],
      ['currency = ?', filters.currency],
      ['refunded_cents > 0', filters.refunded === true ? true : undefined],
      ['refunded_cents = 0', filters.refunded === false ? true : undefined],
      ['created_at >= ?', filters.created_at_gte],
      ['created_at < ?', filters.created_at_lt],
    ],
    after,
    limit,
  });
}

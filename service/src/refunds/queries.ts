import type { Queryable } from '../database/pool.ts';
import type { Payment } from '../payments/payment.ts';
import type { CounterDeltas, RefundStatus } from './refund.ts';

/** A refund as the books have it. Amounts in the currency's smallest unit. */
export interface Refund {
  refund_id: string;
  payment_id: string;
  brand_id: string;
  customer_id: string;
  charge_id: string | null;
  amount_cents: number;
  currency: string;
  status: RefundStatus;
  counted_cents: number;
  reason: string | null;
  origin: 'api' | 'external';
  stripe_refund_id: string | null;
  failure_reason: string | null;
  pending_reason: string | null;
  bank_reference: string | null;
  bank_reference_at: Date | null;
  created_at: Date;
  updated_at: Date;
  observed_at: Date | null;
}

const COLUMNS = `refund_id, payment_id, brand_id, customer_id, charge_id, amount_cents, currency, status, counted_cents,
  reason, origin, stripe_refund_id, failure_reason, pending_reason, bank_reference, bank_reference_at, created_at,
  updated_at, observed_at`;

/** The refund that Stripe knows by this id; its payment's lock, taken first, is what keeps it still (unique index). */
export async function findByStripeId(tx: Queryable, stripeRefundId: string): Promise<Refund | undefined> {
  const { rows } = await tx.query<Refund>({
    name: 'refunds.by_stripe_id',
    text: `SELECT ${COLUMNS} FROM refunds WHERE stripe_refund_id = $1`,
    values: [stripeRefundId],
  });
  return rows[0];
}

export type NewRefund = Omit<Refund, 'bank_reference_at' | 'updated_at'>;

/** Adds a refund under its payment's lock. */
export async function insert(tx: Queryable, refund: NewRefund): Promise<void> {
  await tx.query({
    name: 'refunds.insert',
    text: `INSERT INTO refunds (refund_id, payment_id, brand_id, customer_id, charge_id, amount_cents, currency, status,
                                counted_cents, reason, origin, stripe_refund_id, failure_reason, pending_reason,
                                bank_reference, bank_reference_at, created_at, updated_at, observed_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
                   CASE WHEN $15::text IS NOT NULL THEN clock_timestamp() END, $16, clock_timestamp(), $17)`,
    values: [
      refund.refund_id,
      refund.payment_id,
      refund.brand_id,
      refund.customer_id,
      refund.charge_id,
      refund.amount_cents,
      refund.currency,
      refund.status,
      refund.counted_cents,
      refund.reason,
      refund.origin,
      refund.stripe_refund_id,
      refund.failure_reason,
      refund.pending_reason,
      refund.bank_reference,
      refund.created_at,
      refund.observed_at,
    ],
  });
}

/** Writes a refund's new state under its payment's lock (primary key). */
export async function update(tx: Queryable, refund: Refund): Promise<void> {
  await tx.query({
    name: 'refunds.update',
    text: `UPDATE refunds
           SET status = $2, counted_cents = $3, failure_reason = $4, pending_reason = $5, bank_reference = $6,
               bank_reference_at = CASE WHEN $6::text IS DISTINCT FROM bank_reference THEN clock_timestamp()
                                        ELSE bank_reference_at END,
               reason = $7, observed_at = $8, updated_at = clock_timestamp()
           WHERE refund_id = $1`,
    values: [
      refund.refund_id,
      refund.status,
      refund.counted_cents,
      refund.failure_reason,
      refund.pending_reason,
      refund.bank_reference,
      refund.reason,
      refund.observed_at,
    ],
  });
}

/** Notes that a refund was found as it is known, under its payment's lock (primary key). */
export async function noteObserved(tx: Queryable, refundId: string, observedAt: Date): Promise<void> {
  await tx.query({
    name: 'refunds.note_observed',
    text: 'UPDATE refunds SET observed_at = $2 WHERE refund_id = $1',
    values: [refundId, observedAt],
  });
}

/** The refunds of a locked payment that count for less than they are, oldest first (refunds_by_payment). */
export async function findUndercounted(tx: Queryable, paymentId: string): Promise<Refund[]> {
  const { rows } = await tx.query<Refund>({
    name: 'refunds.undercounted',
    text: `SELECT ${COLUMNS} FROM refunds
           WHERE payment_id = $1 AND counted_cents < amount_cents
             AND status IN ('awaiting_approval', 'pending', 'requires_action', 'succeeded')
           ORDER BY created_at, refund_id`,
    values: [paymentId],
  });
  return rows;
}

export interface Transition extends CounterDeltas {
  refund_id: string;
  payment_id: string;
  brand_id: string;
  from_status: RefundStatus | null;
  to_status: RefundStatus;
  actor_type: string;
  actor_id: string;
  cause: string;
}

/** Appends to the history of a refund. */
export async function insertTransition(tx: Queryable, transition: Transition): Promise<void> {
  await tx.query({
    name: 'refund_transitions.insert',
    text: `INSERT INTO refund_transitions (refund_id, payment_id, brand_id, from_status, to_status,
                                           reserved_delta_cents, refunded_delta_cents, actor_type, actor_id, cause,
                                           occurred_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, clock_timestamp())`,
    values: [
      transition.refund_id,
      transition.payment_id,
      transition.brand_id,
      transition.from_status,
      transition.to_status,
      transition.reserved_delta_cents,
      transition.refunded_delta_cents,
      transition.actor_type,
      transition.actor_id,
      transition.cause,
    ],
  });
}

export interface TimelineEntry {
  at: Date;
  from_status: RefundStatus | null;
  to_status: RefundStatus;
  actor_type: 'user' | 'service' | 'system';
  actor_id: string;
  cause: string;
}

/** A refund with what its payment says of itself and with what happened to it, in order. */
export interface RefundStory extends Refund {
  payment: Pick<
    Payment,
    | 'payment_id'
    | 'status'
    | 'currency'
    | 'amount_cents'
    | 'captured_cents'
    | 'reserved_cents'
    | 'refunded_cents'
  >;
  timeline: TimelineEntry[];
}

/**
 * A refund of one brand with its payment (both by primary key) and its timeline (refund_transitions_by_refund). One statement
 * sees one moment: a status never contradicts the timeline or the payment's amounts beside it.
 */
export async function findRefund(
  db: Queryable,
  brandId: string,
  refundId: string,
): Promise<RefundStory | undefined> {
  const { rows } = await db.query<
    Omit<RefundStory, 'timeline'> & { timeline: (Omit<TimelineEntry, 'at'> & { at: string })[] }
  >({
    name: 'refunds.find',
    text: `SELECT r.*, json_build_object(
                    'payment_id', p.payment_id, 'status', p.status, 'currency', p.currency,
                    'amount_cents', p.amount_cents, 'captured_cents', p.captured_cents,
                    'reserved_cents', p.reserved_cents, 'refunded_cents', p.refunded_cents) AS payment,
                  ARRAY(SELECT json_build_object(
                          'at', t.occurred_at, 'from_status', t.from_status, 'to_status', t.to_status,
                          'actor_type', t.actor_type, 'actor_id', t.actor_id, 'cause', t.cause)
                        FROM refund_transitions t WHERE t.refund_id = r.refund_id
                        ORDER BY t.transition_id) AS timeline
           FROM (SELECT ${COLUMNS} FROM refunds WHERE refund_id = $2 AND brand_id = $1) r
           JOIN payments p USING (payment_id)`,
    values: [brandId, refundId],
  });
  const [row] = rows;
  if (row === undefined) return undefined;
  return { ...row, timeline: row.timeline.map((entry) => ({ ...entry, at: new Date(entry.at) })) };
}

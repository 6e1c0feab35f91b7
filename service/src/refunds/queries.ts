import type { Queryable } from '../database/pool.ts';
import type { PaidWith, Payment } from '../payments/payment.ts';
import type { RefundStatus } from './refund.ts';

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
  /** Free text of a person; never in logs, audit, events or at the provider. */
  note: string | null;
  /** What the provider is told of the reason. */
  provider_reason: ProviderReason | null;
  origin: 'api' | 'external';
  requested_by_type: 'user' | 'service' | null;
  requested_by_id: string | null;
  approved_by_type: 'user' | 'service' | null;
  approved_by_id: string | null;
  /** Free text of whoever approved or rejected it. */
  decision_note: string | null;
  stripe_refund_id: string | null;
  failure_reason: string | null;
  /** The provider's sentence on why it refused. */
  failure_message: string | null;
  pending_reason: string | null;
  bank_reference: string | null;
  bank_reference_at: Date | null;
  created_at: Date;
  /** What the customer is still owed because this refund ended without paying. */
  owed_cents: number;
  resolved_at: Date | null;
  resolution: Resolution | null;
  resolution_reference: string | null;
  replaced_by: string | null;
  updated_at: Date;
  /** From when on the provider may have been told of it; its idempotency key is not older. */
  submitted_at: Date | null;
  /** When to ask the provider what has become of it, for as long as that is not known. */
  recover_at: Date | null;
  recover_attempts: number;
  observed_at: Date | null;
}

export type ProviderReason = 'duplicate' | 'fraudulent' | 'requested_by_customer';
export type Resolution = 'refunded_again' | 'paid_otherwise' | 'not_owed';

const COLUMNS = `refund_id, payment_id, brand_id, customer_id, charge_id, amount_cents, currency, status, counted_cents,
  reason, note, provider_reason, origin, requested_by_type, requested_by_id, approved_by_type, approved_by_id,
  decision_note, stripe_refund_id, failure_reason, failure_message, pending_reason, bank_reference, bank_reference_at, created_at,
  owed_cents, resolved_at, resolution, resolution_reference, replaced_by, updated_at, submitted_at, recover_at,
  recover_attempts, observed_at`;

/** The refunds that Stripe, or we, know by these ids; their payment's lock keeps them still (unique index, primary key). */
export async function findByNames(
  tx: Queryable,
  stripeRefundId: string,
  refundId: string | null,
): Promise<Refund[]> {
  const { rows } = await tx.query<Refund>({
    name: 'refunds.by_names',
    text: `SELECT ${COLUMNS} FROM refunds WHERE stripe_refund_id = $1 OR refund_id = $2`,
    values: [stripeRefundId, refundId],
  });
  return rows;
}

/** The refund of that id, under its payment's lock (primary key). */
export async function findById(tx: Queryable, refundId: string): Promise<Refund | undefined> {
  const { rows } = await tx.query<Refund>({
    name: 'refunds.by_id',
    text: `SELECT ${COLUMNS} FROM refunds WHERE refund_id = $1`,
    values: [refundId],
  });
  return rows[0];
}

/** A refund of one brand, to see which payment to lock (primary key). */
export async function findOfBrand(
  db: Queryable,
  brandId: string,
  refundId: string,
): Promise<Refund | undefined> {
  const { rows } = await db.query<Refund>({
    name: 'refunds.of_brand',
    text: `SELECT ${COLUMNS} FROM refunds WHERE refund_id = $2 AND brand_id = $1`,
    values: [brandId, refundId],
  });
  return rows[0];
}

/** What the provider says of a refund that was made there. */
export type ImportedRefund = Pick<
  Refund,
  | 'refund_id'
  | 'payment_id'
  | 'brand_id'
  | 'customer_id'
  | 'charge_id'
  | 'amount_cents'
  | 'currency'
  | 'status'
  | 'counted_cents'
  | 'reason'
  | 'stripe_refund_id'
  | 'failure_reason'
  | 'pending_reason'
  | 'bank_reference'
  | 'owed_cents'
  | 'created_at'
  | 'observed_at'
> & { origin: 'external' };

/** Adds a refund that was made at the provider itself, under its payment's lock. */
export async function insertImported(tx: Queryable, refund: ImportedRefund): Promise<void> {
  await tx.query({
    name: 'refunds.insert_imported',
    text: `INSERT INTO refunds (refund_id, payment_id, brand_id, customer_id, charge_id, amount_cents, currency, status,
                                counted_cents, reason, origin, stripe_refund_id, failure_reason, pending_reason,
                                bank_reference, bank_reference_at, owed_cents, created_at, updated_at, observed_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'external', $11, $12, $13, $14,
                   CASE WHEN $14::text IS NOT NULL THEN clock_timestamp() END, $15, $16, clock_timestamp(), $17)`,
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
      refund.stripe_refund_id,
      refund.failure_reason,
      refund.pending_reason,
      refund.bank_reference,
      refund.owed_cents,
      refund.created_at,
      refund.observed_at,
    ],
  });
}

/** A refund that somebody asks for here, all of which counts from the start. */
export type RequestedRefund = Pick<
  Refund,
  | 'refund_id'
  | 'payment_id'
  | 'brand_id'
  | 'customer_id'
  | 'charge_id'
  | 'amount_cents'
  | 'counted_cents'
  | 'currency'
  | 'reason'
  | 'note'
  | 'provider_reason'
> & {
  status: 'awaiting_approval' | 'pending';
  origin: 'api';
  requested_by_type: 'user' | 'service';
  requested_by_id: string;
  stripe_refund_id: null;
  failure_reason: null;
};

/**
 * Adds a refund that was asked for here, under its payment's lock. What is not to be approved first may be at the provider
 * from now on: whoever asked for it has `hold_s` to find out what becomes of it, then recovery does.
 */
export async function insertRequested(
  tx: Queryable,
  refund: RequestedRefund,
  hold_s: number,
): Promise<Refund> {
  const { rows } = await tx.query<Refund>({
    name: 'refunds.insert_requested',
    text: `INSERT INTO refunds (refund_id, payment_id, brand_id, customer_id, charge_id, amount_cents, currency, status,
                                counted_cents, reason, note, provider_reason, origin, requested_by_type,
                                requested_by_id, created_at, updated_at, submitted_at, recover_at)
           SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'api', $13, $14, now, now,
                  CASE WHEN $8 = 'pending' THEN now END,
                  CASE WHEN $8 = 'pending' THEN now + make_interval(secs => $15) END
           FROM clock_timestamp() AS now
           RETURNING ${COLUMNS}`,
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
      refund.note,
      refund.provider_reason,
      refund.requested_by_type,
      refund.requested_by_id,
      hold_s,
    ],
  });
  return expectRow(rows);
}

/** Writes a refund's new state under its payment's lock (primary key). What is known at the provider needs no recovery. */
export async function update(tx: Queryable, refund: Refund): Promise<void> {
  await tx.query({
    name: 'refunds.update',
    text: `UPDATE refunds
           SET status = $2, counted_cents = $3, failure_reason = $4, pending_reason = $5, bank_reference = $6,
               bank_reference_at = CASE WHEN $6::text IS DISTINCT FROM bank_reference THEN clock_timestamp()
                                        ELSE bank_reference_at END,
               reason = $7, observed_at = $8, stripe_refund_id = $9, charge_id = $10, failure_message = $11,
               owed_cents = $12, recover_at = CASE WHEN $2 = 'pending' AND $9::text IS NULL THEN recover_at END,
               updated_at = clock_timestamp()
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
      refund.stripe_refund_id,
      refund.charge_id,
      refund.failure_message,
      refund.owed_cents,
    ],
  });
}

/** Notes who approved a refund that awaited it; from now on it may be at the provider (primary key). */
export async function approve(
  tx: Queryable,
  refundId: string,
  approver: { actor_type: 'user' | 'service'; actor_id: string; note: string | null },
  hold_s: number,
): Promise<Refund> {
  const { rows } = await tx.query<Refund>({
    name: 'refunds.approve',
    text: `UPDATE refunds
           SET status = 'pending', approved_by_type = $2, approved_by_id = $3, decision_note = $4, updated_at = now,
               submitted_at = now, recover_at = now + make_interval(secs => $5)
           FROM clock_timestamp() AS now
           WHERE refund_id = $1
           RETURNING ${COLUMNS}`,
    values: [refundId, approver.actor_type, approver.actor_id, approver.note, hold_s],
  });
  return expectRow(rows);
}

/** Ends a refund that was never sent (primary key). */
export async function end(
  tx: Queryable,
  refundId: string,
  status: 'rejected' | 'canceled',
  note: string | null,
): Promise<Refund> {
  const { rows } = await tx.query<Refund>({
    name: 'refunds.end',
    text: `UPDATE refunds SET status = $2, counted_cents = 0, decision_note = $3, updated_at = clock_timestamp()
           WHERE refund_id = $1
           RETURNING ${COLUMNS}`,
    values: [refundId, status, note],
  });
  return expectRow(rows);
}

/** Notes how what is owed was put right (primary key). */
export async function resolve(
  tx: Queryable,
  refundId: string,
  {
    resolution,
    reference,
    replaced_by,
  }: { resolution: Resolution; reference: string | null; replaced_by: string | null },
): Promise<Refund> {
  const { rows } = await tx.query<Refund>({
    name: 'refunds.resolve',
    text: `UPDATE refunds
           SET resolved_at = now, resolution = $2, resolution_reference = $3, replaced_by = $4, updated_at = now
           FROM clock_timestamp() AS now
           WHERE refund_id = $1 AND resolved_at IS NULL
           RETURNING ${COLUMNS}`,
    values: [refundId, resolution, reference, replaced_by],
  });
  return expectRow(rows);
}

/** Whether a refund stands in for one that failed (refunds_replaced_by). */
export async function isReplacement(tx: Queryable, refundId: string): Promise<boolean> {
  const { rows } = await tx.query({
    name: 'refunds.is_replacement',
    text: 'SELECT 1 FROM refunds WHERE replaced_by = $1',
    values: [refundId],
  });
  return rows.length > 0;
}

/** Puts off when recovery asks what has become of a refund, or brings it forward (primary key). */
export async function recoverIn(db: Queryable, refundId: string, wait_s: number): Promise<void> {
  await db.query({
    name: 'refunds.recover_in',
    text: `UPDATE refunds SET recover_at = clock_timestamp() + make_interval(secs => $2)
           WHERE refund_id = $1 AND recover_at IS NOT NULL`,
    values: [refundId, wait_s],
  });
}

/** A refund whose outcome is not known, with the age of its idempotency key at the provider, read at `taken_at`. */
export type UnknownRefund = Refund & { key_age_s: number; taken_at: Date };

const KEY_AGE = `extract(epoch FROM clock_timestamp() - submitted_at)::float8 AS key_age_s,
                  clock_timestamp() AS taken_at`;

/**
 * Takes refunds whose outcome is to be asked for now, the longest due first, and puts off the next time: 5 s, doubled with
 * every attempt, up to ten minutes. Others take others (refunds_to_recover, SKIP LOCKED).
 */
export async function takeDue(db: Queryable, limit: number): Promise<UnknownRefund[]> {
  const { rows } = await db.query<UnknownRefund>({
    name: 'refunds.take_due',
    text: `UPDATE refunds
           SET recover_attempts = recover_attempts + 1,
               recover_at = clock_timestamp() + make_interval(secs => least(600, 5 * 2 ^ least(recover_attempts, 10)))
           WHERE refund_id IN (
             SELECT refund_id FROM refunds WHERE recover_at <= statement_timestamp()
             ORDER BY recover_at LIMIT $1 FOR UPDATE SKIP LOCKED
           )
           RETURNING ${COLUMNS}, ${KEY_AGE}`,
    values: [limit],
  });
  return rows;
}

/** One refund whose outcome is not known, to be asked for now; undefined where it is known (primary key). */
export async function takeUnknown(db: Queryable, refundId: string): Promise<UnknownRefund | undefined> {
  const { rows } = await db.query<UnknownRefund>({
    name: 'refunds.take_unknown',
    text: `SELECT ${COLUMNS}, ${KEY_AGE}
           FROM refunds WHERE refund_id = $1 AND recover_at IS NOT NULL`,
    values: [refundId],
  });
  return rows[0];
}

export interface UnknownOutcomes {
  refunds: number;
  /** How long the oldest of them has been unknown, in seconds; 0 where there is none. */
  oldest_s: number;
}

/** How many outcomes are unknown, and since when (refunds_to_recover). */
export async function readUnknown(db: Queryable): Promise<UnknownOutcomes> {
  const { rows } = await db.query<UnknownOutcomes>({
    name: 'refunds.unknown',
    text: `SELECT count(*) AS refunds,
                  coalesce(extract(epoch FROM clock_timestamp() - min(submitted_at)), 0)::float8 AS oldest_s
           FROM refunds WHERE recover_at IS NOT NULL`,
  });
  return expectRow(rows);
}

/** What waits for somebody's word (refunds_awaiting_approval). */
export interface Waiting {
  refunds: number;
  oldest_s: number;
}

export async function readWaiting(db: Queryable): Promise<Waiting> {
  const { rows } = await db.query<Waiting>({
    name: 'refunds.waiting',
    text: `SELECT count(*) AS refunds,
                  coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS oldest_s
           FROM refunds WHERE status = 'awaiting_approval'`,
  });
  return expectRow(rows);
}

/** What is owed and not put right yet, by currency (refunds_needing_attention). */
export async function readOwed(
  db: Queryable,
): Promise<{ currency: string; refunds: number; owed_cents: number }[]> {
  const { rows } = await db.query<{ currency: string; refunds: number; owed_cents: number }>({
    name: 'refunds.owed',
    text: `SELECT currency, count(*) AS refunds, sum(owed_cents)::bigint AS owed_cents
           FROM refunds WHERE owed_cents > 0 AND resolved_at IS NULL GROUP BY currency`,
  });
  return rows;
}

/** The same amount of the same payment, asked for within the last `within_s` and not ended (refunds_by_payment). */
export async function findRepeated(
  tx: Queryable,
  paymentId: string,
  amountCents: number,
  within_s: number,
): Promise<string | undefined> {
  const { rows } = await tx.query<{ refund_id: string }>({
    name: 'refunds.repeated',
    text: `SELECT refund_id FROM refunds
           WHERE payment_id = $1 AND created_at > clock_timestamp() - make_interval(secs => $3)
             AND amount_cents = $2 AND status NOT IN ('rejected', 'failed', 'canceled')
           ORDER BY created_at DESC LIMIT 1`,
    values: [paymentId, amountCents, within_s],
  });
  return rows[0]?.refund_id;
}

function expectRow<T>(rows: T[]): T {
  const row = rows[0];
  if (row === undefined) throw new Error('A locked refund is gone');
  return row;
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
    | keyof PaidWith
  >;
  timeline: TimelineEntry[];
  /** When it was so. */
  read_at: Date;
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
                    'reserved_cents', p.reserved_cents, 'refunded_cents', p.refunded_cents,
                    'payment_method_type', p.payment_method_type, 'payment_method_brand', p.payment_method_brand,
                    'payment_method_last4', p.payment_method_last4) AS payment,
                  clock_timestamp() AS read_at,
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

import { type Page, type PageKey, readPage } from '../database/page.ts';
import type { Queryable } from '../database/pool.ts';
import type { Payment } from '../payments/payment.ts';
import type { Dispute, DisputeObservation } from './dispute.ts';

const COLUMNS = `dispute_id, payment_id, brand_id, customer_id, amount_cents, currency, reason, status,
  stripe_dispute_id, stripe_charge_id, evidence_due_by, created_at, updated_at, resolved_at, observed_at`;

/** The dispute that Stripe knows by this id; its payment's lock, taken first, keeps it still (unique index). */
export async function findByStripeId(tx: Queryable, stripeDisputeId: string): Promise<Dispute | undefined> {
  const { rows } = await tx.query<Dispute>({
    name: 'disputes.by_stripe_id',
    text: `SELECT ${COLUMNS} FROM disputes WHERE stripe_dispute_id = $1`,
    values: [stripeDisputeId],
  });
  return rows[0];
}

const BLOCKS = `status NOT IN ('won', 'prevented') AND status NOT LIKE 'warning\\_%'`;

/**
 * The status of a dispute that has taken a payment's money, if one has: an inquiry (`warning_…`) has not, one that was won no
 * longer (disputes_by_payment, or disputes_by_charge). To be asked after the payment is locked, in a statement of its own, which
 * sees what the lock was waited for.
 */
export async function findBlockingStatus(
  tx: Queryable,
  { payment_id, charge_id }: { payment_id?: string | undefined; charge_id?: string | undefined },
): Promise<string | undefined> {
  const by = payment_id === undefined ? 'stripe_charge_id' : 'payment_id';
  const { rows } = await tx.query<{ status: string }>({
    name: `disputes.blocking_by_${by}`,
    text: `SELECT status FROM disputes
           WHERE ${by} = $1 AND ${BLOCKS}
           ORDER BY created_at DESC LIMIT 1`,
    values: [payment_id ?? charge_id],
  });
  return rows[0]?.status;
}

/** The same of several payments at once, by payment (disputes_by_payment). */
export async function findBlockingStatuses(
  db: Queryable,
  paymentIds: readonly string[],
): Promise<Map<string, string>> {
  const { rows } = await db.query<{ payment_id: string; status: string }>({
    name: 'disputes.blocking_of_payments',
    text: `SELECT DISTINCT ON (payment_id) payment_id, status FROM disputes
           WHERE payment_id = ANY ($1) AND ${BLOCKS} ORDER BY payment_id, created_at DESC`,
    values: [paymentIds],
  });
  return new Map(rows.map(({ payment_id, status }) => [payment_id, status]));
}

/** Adds a dispute under its payment's lock. */
export async function insert(
  tx: Queryable,
  disputeId: string,
  payment: Payment,
  observation: DisputeObservation,
  resolved: boolean,
): Promise<void> {
  await tx.query({
    name: 'disputes.insert',
    text: `INSERT INTO disputes (dispute_id, payment_id, brand_id, customer_id, amount_cents, currency, reason, status,
                                 stripe_dispute_id, stripe_charge_id, evidence_due_by, created_at, updated_at,
                                 resolved_at, observed_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, clock_timestamp(),
                   CASE WHEN $13 THEN clock_timestamp() END, $14)`,
    values: [
      disputeId,
      payment.payment_id,
      payment.brand_id,
      payment.customer_id,
      observation.amount_cents,
      observation.currency,
      observation.reason,
      observation.status,
      observation.stripe_dispute_id,
      observation.stripe_charge_id,
      observation.evidence_due_by,
      observation.created_at,
      resolved,
      observation.observed_at,
    ],
  });
}

/** Writes a dispute's new state under its payment's lock; the time of its end is kept once set (primary key). */
export async function update(
  tx: Queryable,
  disputeId: string,
  observation: DisputeObservation,
  resolved: boolean,
): Promise<void> {
  await tx.query({
    name: 'disputes.update',
    text: `UPDATE disputes
           SET status = $2, reason = $3, amount_cents = $4, evidence_due_by = $5, observed_at = $6,
               updated_at = clock_timestamp(),
               resolved_at = CASE WHEN $7 THEN coalesce(resolved_at, clock_timestamp()) END
           WHERE dispute_id = $1`,
    values: [
      disputeId,
      observation.status,
      observation.reason,
      observation.amount_cents,
      observation.evidence_due_by,
      observation.observed_at,
      resolved,
    ],
  });
}

/** Notes that a dispute was found as it is known, under its payment's lock (primary key). */
export async function noteObserved(tx: Queryable, disputeId: string, observedAt: Date): Promise<void> {
  await tx.query({
    name: 'disputes.note_observed',
    text: 'UPDATE disputes SET observed_at = $2 WHERE dispute_id = $1',
    values: [disputeId, observedAt],
  });
}

/** A dispute of one brand (primary key). */
export async function findDispute(
  db: Queryable,
  brandId: string,
  disputeId: string,
): Promise<Dispute | undefined> {
  const { rows } = await db.query<Dispute>({
    name: 'disputes.find',
    text: `SELECT ${COLUMNS} FROM disputes WHERE dispute_id = $2 AND brand_id = $1`,
    values: [brandId, disputeId],
  });
  return rows[0];
}

/** What the list may be narrowed to; what is absent does not narrow. */
export interface DisputeFilters {
  payment_id?: string;
  customer_id?: string;
  status?: string;
}

/** Disputes of a brand, newest first (disputes_by_time, disputes_by_payment or disputes_by_customer). */
export async function listDisputes(
  db: Queryable,
  brandId: string,
  filters: DisputeFilters,
  { after, limit }: { after: PageKey | undefined; limit: number },
): Promise<Page<Dispute>> {
  return await readPage<Dispute>(db, {
    name: 'disputes.list',
    select: `SELECT ${COLUMNS} FROM disputes`,
    idColumn: 'dispute_id',
    conditions: [
      ['brand_id = ?', brandId],
      ['payment_id = ?', filters.payment_id],
      ['customer_id = ?', filters.customer_id],
      ['status = ?', filters.status],
    ],
    after,
    limit,
  });
}

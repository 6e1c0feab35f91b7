import { raiseAnomaly, resolveAnomalies } from '../audit/anomalies.ts';
import { recordAudit, STRIPE } from '../audit/record.ts';
import type { Transaction } from '../database/pool.ts';
import { appendEvent, type OutboxEvent } from '../events/outbox.ts';
import { newId } from '../ids.ts';
import { moveCounters } from '../payments/observe.ts';
import { type Payment, refundableCents } from '../payments/payment.ts';
import * as queries from './queries.ts';
import {
  counterDeltas,
  counts,
  type Holding,
  isProviderStatus,
  mayFollow,
  type RefundStatus,
} from './refund.ts';

/** What the provider says of a refund, asked at `observed_at`. Amounts in the smallest unit. */
export interface RefundObservation {
  stripe_refund_id: string;
  charge_id: string | null;
  amount_cents: number;
  currency: string;
  /** An open set on the provider's side. */
  status: string | null;
  reason: string | null;
  failure_reason: string | null;
  pending_reason: string | null;
  bank_reference: string | null;
  created_at: Date;
  /** When the request was sent, by the database's clock. */
  observed_at: Date;
}

export interface SettleOptions {
  /** What made us ask: an event's id, or `backfill`. */
  cause: string;
  /**
   * What to do when the refund takes more than is left of the payment. `refuse` writes nothing: what we know of the
   * payment may be old, so ask for all of it first. `record` is for when that has been done: the provider's word
   * stands, the books count what fits, and the difference is raised as an anomaly.
   */
  overdraft: 'refuse' | 'record';
}

export type Settlement = 'imported' | 'moved' | 'updated' | 'unchanged' | 'overdraft';

/**
 * Brings the books to what the provider says of a refund. The payment must be locked by this transaction. A refund
 * that we did not issue is imported. What the state table does not allow changes nothing and is raised as an anomaly.
 */
export async function observeRefund(
  tx: Transaction,
  payment: Payment,
  observation: RefundObservation,
  options: SettleOptions,
): Promise<Settlement> {
  const known = await queries.findByStripeId(tx, observation.stripe_refund_id);
  return known === undefined
    ? await importRefund(tx, payment, observation, options)
    : await settleRefund(tx, payment, known, observation, options);
}

async function importRefund(
  tx: Transaction,
  payment: Payment,
  observation: RefundObservation,
  options: SettleOptions,
): Promise<Settlement> {
  // A status we have no word for is not an end: until it is known the money counts as on its way.
  const status = isProviderStatus(observation.status) ? observation.status : 'pending';
  const counted = fittingCents(payment, null, status, observation.amount_cents);
  if (counted.missing_cents > 0 && options.overdraft === 'refuse') return 'overdraft';

  const refund: queries.NewRefund = {
    refund_id: newId('refund'),
    payment_id: payment.payment_id,
    brand_id: payment.brand_id,
    customer_id: payment.customer_id,
    charge_id: observation.charge_id ?? payment.stripe_charge_id,
    amount_cents: observation.amount_cents,
    currency: observation.currency,
    status,
    counted_cents: counted.counted_cents,
    reason: observation.reason,
    origin: 'external',
    stripe_refund_id: observation.stripe_refund_id,
    failure_reason: observation.failure_reason,
    pending_reason: observation.pending_reason,
    bank_reference: observation.bank_reference,
    created_at: observation.created_at,
    observed_at: observation.observed_at,
  };
  await queries.insert(tx, refund);
  await recordTransition(tx, payment, null, refund, options.cause);
  await raiseOverdraft(tx, payment, refund, counted.missing_cents);
  if (status !== observation.status) await raiseUnknownStatus(tx, refund, observation);
  return 'imported';
}

async function settleRefund(
  tx: Transaction,
  payment: Payment,
  known: queries.Refund,
  observation: RefundObservation,
  options: SettleOptions,
): Promise<Settlement> {
  if (known.payment_id !== payment.payment_id) throw new Error('A refund is settled under another payment');
  if (known.observed_at !== null && observation.observed_at < known.observed_at) return 'unchanged';
  if (observation.amount_cents !== known.amount_cents) {
    await raiseAnomaly(tx, {
      kind: 'amount_changed',
      brand_id: known.brand_id,
      entity_type: 'refund',
      entity_id: known.refund_id,
      details: { amount_cents: known.amount_cents, amount_cents_at_provider: observation.amount_cents },
    });
    return 'unchanged';
  }
  if (!isProviderStatus(observation.status)) {
    await raiseUnknownStatus(tx, known, observation);
    return 'unchanged';
  }
  const status = observation.status;
  if (status !== known.status && !mayFollow(known.status, status)) {
    await raiseAnomaly(tx, {
      kind: 'transition_not_allowed',
      brand_id: known.brand_id,
      entity_type: 'refund',
      entity_id: known.refund_id,
      details: { status: known.status, status_at_provider: status },
    });
    return 'unchanged';
  }

  // Amount, status and the step between them are agreed on, whatever stood against them before.
  await resolveAnomalies(tx, ['amount_changed', 'unknown_status', 'transition_not_allowed'], known.refund_id);

  const counted = fittingCents(payment, known, status, known.amount_cents);
  if (
    counted.missing_cents > 0 &&
    counted.counted_cents !== known.counted_cents &&
    options.overdraft === 'refuse'
  ) {
    return 'overdraft';
  }
  const next: queries.Refund = {
    ...known,
    status,
    counted_cents: counted.counted_cents,
    reason: known.origin === 'external' ? observation.reason : known.reason,
    failure_reason: observation.failure_reason,
    pending_reason: observation.pending_reason,
    bank_reference: observation.bank_reference,
    observed_at: observation.observed_at,
  };
  const moved = next.status !== known.status || next.counted_cents !== known.counted_cents;
  if (!moved && saysNothingNew(known, next)) {
    // An answer that was asked for before this one, and arrives after it, is older even so.
    await queries.noteObserved(tx, known.refund_id, observation.observed_at);
    return 'unchanged';
  }

  await queries.update(tx, next);
  if (moved) {
    await recordTransition(tx, payment, known, next, options.cause);
    if (counted.missing_cents === 0) await resolveAnomalies(tx, ['refunds_exceed_captured'], next.refund_id);
    await raiseOverdraft(tx, payment, next, counted.missing_cents);
    return 'moved';
  }
  await announce(tx, payment, next, 'refund.updated', 'refund.updated.v1', { cause: options.cause });
  return 'updated';
}

/**
 * Counts what could not be counted before, as far as there is room now: oldest first. The payment must be locked by
 * this transaction. To be called where room may have appeared: after a capture, or after a refund has given back.
 *
 * @param cause What made room: an event's id, or `backfill`.
 */
export async function recountRefunds(tx: Transaction, payment: Payment, cause: string): Promise<void> {
  let room = refundableCents(payment);
  if (room === 0) return;
  for (const refund of await queries.findUndercounted(tx, payment.payment_id)) {
    const added = Math.min(room, refund.amount_cents - refund.counted_cents);
    if (added === 0) return;
    room -= added;
    const next = { ...refund, counted_cents: refund.counted_cents + added };
    await queries.update(tx, next);
    await recordTransition(tx, payment, refund, next, cause);
    // Whatever is still missing is another contradiction than the one that was raised.
    await resolveAnomalies(tx, ['refunds_exceed_captured'], refund.refund_id);
    await raiseOverdraft(tx, payment, next, next.amount_cents - next.counted_cents);
  }
}

/** How much of a refund's amount fits into what is left of the payment, and how much does not. */
function fittingCents(
  payment: Payment,
  holding: Holding | null,
  status: RefundStatus,
  amountCents: number,
): { counted_cents: number; missing_cents: number } {
  if (!counts(status)) return { counted_cents: 0, missing_cents: 0 };
  const room = refundableCents(payment) + (holding?.counted_cents ?? 0);
  const counted = Math.min(amountCents, room);
  return { counted_cents: counted, missing_cents: amountCents - counted };
}

function saysNothingNew(known: queries.Refund, next: queries.Refund): boolean {
  return (
    known.reason === next.reason &&
    known.failure_reason === next.failure_reason &&
    known.pending_reason === next.pending_reason &&
    known.bank_reference === next.bank_reference
  );
}

type RefundState = Pick<
  queries.Refund,
  | 'refund_id'
  | 'payment_id'
  | 'brand_id'
  | 'amount_cents'
  | 'currency'
  | 'status'
  | 'counted_cents'
  | 'stripe_refund_id'
  | 'failure_reason'
  | 'origin'
>;

const EVENT_OF: Record<RefundStatus, OutboxEvent['event_type']> = {
  awaiting_approval: 'refund.awaiting_approval.v1',
  rejected: 'refund.rejected.v1',
  pending: 'refund.submitted.v1',
  requires_action: 'refund.requires_action.v1',
  succeeded: 'refund.succeeded.v1',
  failed: 'refund.failed.v1',
  canceled: 'refund.canceled.v1',
};

/** A transition is a row of history, a move of the payment's counters, an audit row and an event, or none of them. */
async function recordTransition(
  tx: Transaction,
  payment: Payment,
  from: Holding | null,
  to: RefundState,
  cause: string,
): Promise<void> {
  const deltas = counterDeltas(from, to);
  if (deltas.reserved_delta_cents !== 0 || deltas.refunded_delta_cents !== 0) {
    await moveCounters(tx, payment.payment_id, deltas.reserved_delta_cents, deltas.refunded_delta_cents);
  }
  await queries.insertTransition(tx, {
    refund_id: to.refund_id,
    payment_id: payment.payment_id,
    brand_id: to.brand_id,
    from_status: from?.status ?? null,
    to_status: to.status,
    ...deltas,
    ...STRIPE,
    cause,
  });
  const recounted = from?.status === to.status;
  await announce(
    tx,
    payment,
    to,
    from === null ? 'refund.imported' : recounted ? 'refund.recounted' : `refund.${to.status}`,
    recounted ? 'refund.updated.v1' : EVENT_OF[to.status],
    { cause, from_status: from?.status ?? null, ...deltas },
  );
}

async function announce(
  tx: Transaction,
  payment: Payment,
  refund: RefundState,
  auditType: string,
  eventType: OutboxEvent['event_type'],
  details: Record<string, unknown>,
): Promise<void> {
  const state = {
    status: refund.status,
    amount_cents: refund.amount_cents,
    currency: refund.currency,
    stripe_refund_id: refund.stripe_refund_id,
    failure_reason: refund.failure_reason,
  };
  await recordAudit(tx, {
    ...STRIPE,
    brand_id: refund.brand_id,
    event_type: auditType,
    entity_type: 'refund',
    entity_id: refund.refund_id,
    details: { ...details, ...state },
  });
  await appendEvent(tx, {
    event_type: eventType,
    brand_id: refund.brand_id,
    entity_type: 'refund',
    entity_id: refund.refund_id,
    data: { refund_id: refund.refund_id, payment_id: payment.payment_id, origin: refund.origin, ...state },
  });
}

async function raiseOverdraft(tx: Transaction, payment: Payment, refund: RefundState, missingCents: number) {
  if (missingCents === 0) return;
  await raiseAnomaly(tx, {
    kind: 'refunds_exceed_captured',
    brand_id: refund.brand_id,
    entity_type: 'refund',
    entity_id: refund.refund_id,
    details: {
      payment_id: payment.payment_id,
      captured_cents: payment.captured_cents,
      amount_cents: refund.amount_cents,
      counted_cents: refund.counted_cents,
    },
  });
}

async function raiseUnknownStatus(
  tx: Transaction,
  refund: Pick<RefundState, 'refund_id' | 'brand_id' | 'status'>,
  observation: RefundObservation,
) {
  await raiseAnomaly(tx, {
    kind: 'unknown_status',
    brand_id: refund.brand_id,
    entity_type: 'refund',
    entity_id: refund.refund_id,
    details: { status: refund.status, status_at_provider: observation.status },
  });
}

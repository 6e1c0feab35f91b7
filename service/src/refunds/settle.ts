import { raiseAnomaly, resolveAnomalies } from '../audit/anomalies.ts';
import { changedFrom } from '../audit/record.ts';
import type { Transaction } from '../database/pool.ts';
import { newId } from '../ids.ts';
import { type Payment, refundableCents } from '../payments/payment.ts';
import { recordChange, recordTransition, toldByStripe } from './history.ts';
import * as queries from './queries.ts';
import { counts, type Holding, isProviderStatus, mayFollow, type RefundStatus } from './refund.ts';

/** What the provider says of a refund, asked at `observed_at`. Amounts in the smallest unit. */
export interface RefundObservation {
  stripe_refund_id: string;
  /** Which refund of ours it says it is, in its metadata; null for one that was made at the provider itself. */
  refund_id: string | null;
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
  /** What made us ask: an event's id, `backfill`, a request's id. */
  cause: string;
  /** Called with the last that is written, where nothing else is done in this transaction: to end it along with that. */
  last?: (refund: queries.Refund) => Promise<unknown>;
  /**
   * What to do when the refund takes more than is left of the payment. `refuse` writes nothing: what we know of the
   * payment may be old, so ask for all of it first. `record` is for when that has been done: the provider's word
   * stands, the books count what fits, and the difference is raised as an anomaly.
   */
  overdraft: 'refuse' | 'record';
}

export type Settlement = 'imported' | 'moved' | 'updated' | 'unchanged' | 'overdraft';

/** A bank may return the money up to 30 days later (Stripe, "Failed refunds"); what ended before that is past history. */
const FAILS_WITHIN_ms = 30 * 86_400_000;

/**
 * Brings the books to what the provider says of a refund. The payment must be locked by this transaction. It is one of ours
 * by the provider's id or, where that is not known here yet, by our own id in its metadata; any other is imported. What the
 * state table does not allow changes nothing and is raised as an anomaly.
 */
export async function observeRefund(
  tx: Transaction,
  payment: Payment,
  observation: RefundObservation,
  options: SettleOptions,
): Promise<Settlement> {
  const known = await findKnown(tx, observation);
  return (await settleKnown(tx, payment, known, observation, options)).settlement;
}

/** What the books have under the names that an observation goes by. To be asked after the payment's lock. */
export async function findKnown(
  tx: Transaction,
  { stripe_refund_id, refund_id }: RefundObservation,
): Promise<Known> {
  const found = await queries.findByNames(tx, stripe_refund_id, refund_id);
  return {
    byStripeId: found.find((refund) => refund.stripe_refund_id === stripe_refund_id),
    byOurId: found.find((refund) => refund.refund_id === refund_id),
  };
}

interface Known {
  byStripeId: queries.Refund | undefined;
  byOurId: queries.Refund | undefined;
}

/** As `observeRefund`, with what is known found already. Returns the refund too, where it was known. */
export async function settleKnown(
  tx: Transaction,
  payment: Payment,
  { byStripeId, byOurId }: Known,
  observation: RefundObservation,
  options: SettleOptions,
): Promise<{ settlement: Settlement; refund?: queries.Refund }> {
  if (byStripeId !== undefined && byOurId !== undefined && byStripeId.refund_id !== byOurId.refund_id) {
    // Imported before it named us: one refund at Stripe stands here twice, which only a person can put right.
    await raiseContradiction(tx, payment, byOurId, observation);
  }
  const known = byStripeId ?? (await refuseContradiction(tx, payment, byOurId, observation));
  return known === undefined
    ? { settlement: await importRefund(tx, payment, observation, options) }
    : await settleRefund(tx, payment, known, observation, options);
}

/**
 * The refund of ours that an observation names, if it can be that one: sent, of that payment and amount, and not known at
 * the provider by another id. Metadata can be edited by hand, so what contradicts the books is imported as what it is. Others
 * may call something of theirs a refund_id too.
 */
async function refuseContradiction(
  tx: Transaction,
  payment: Payment,
  ours: queries.Refund | undefined,
  observation: RefundObservation,
): Promise<queries.Refund | undefined> {
  if (ours === undefined) return undefined;
  if (
    ours.status === 'pending' &&
    ours.stripe_refund_id === null &&
    ours.payment_id === payment.payment_id &&
    ours.amount_cents === observation.amount_cents
  ) {
    return ours;
  }
  await raiseContradiction(tx, payment, ours, observation);
  return undefined;
}

async function raiseContradiction(
  tx: Transaction,
  payment: Payment,
  ours: queries.Refund,
  { stripe_refund_id, amount_cents }: RefundObservation,
): Promise<void> {
  await raiseAnomaly(tx, {
    kind: 'metadata_contradicts',
    brand_id: payment.brand_id,
    entity_type: 'payment',
    entity_id: payment.payment_id,
    details: { stripe_refund_id, refund_id: ours.refund_id, amount_cents, status: ours.status },
  });
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

  const recent = observation.observed_at.getTime() - observation.created_at.getTime() <= FAILS_WITHIN_ms;
  const refund: queries.ImportedRefund = {
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
    owed_cents: !counts(status) && recent ? observation.amount_cents : 0,
    created_at: observation.created_at,
    observed_at: observation.observed_at,
  };
  await queries.insertImported(tx, refund);
  await recordTransition(tx, null, refund, toldByStripe(options.cause));
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
): Promise<{ settlement: Settlement; refund: queries.Refund }> {
  const unchanged = { settlement: 'unchanged', refund: known } as const;
  if (known.payment_id !== payment.payment_id) throw new Error('A refund is settled under another payment');
  if (known.observed_at !== null && observation.observed_at < known.observed_at) return unchanged;
  if (observation.amount_cents !== known.amount_cents) {
    await raiseAnomaly(tx, {
      kind: 'amount_changed',
      brand_id: known.brand_id,
      entity_type: 'refund',
      entity_id: known.refund_id,
      details: { amount_cents: known.amount_cents, amount_cents_at_provider: observation.amount_cents },
    });
    return unchanged;
  }
  const arrived = known.stripe_refund_id === null;
  const understood = isProviderStatus(observation.status);
  if (!understood) await raiseUnknownStatus(tx, known, observation);
  // That it is there is known, whatever the word for how it is.
  if (!understood && !arrived) return unchanged;
  const status = isProviderStatus(observation.status) ? observation.status : known.status;
  if (status !== known.status && !mayFollow(known.status, status)) {
    await raiseAnomaly(tx, {
      kind: 'transition_not_allowed',
      brand_id: known.brand_id,
      entity_type: 'refund',
      entity_id: known.refund_id,
      details: { status: known.status, status_at_provider: status },
    });
    return unchanged;
  }

  const counted = fittingCents(payment, known, status, known.amount_cents);
  if (
    counted.missing_cents > 0 &&
    counted.counted_cents !== known.counted_cents &&
    options.overdraft === 'refuse'
  ) {
    return { settlement: 'overdraft', refund: known };
  }
  const ended = counts(known.status) && !counts(status);
  const next: queries.Refund = {
    ...known,
    status,
    counted_cents: counted.counted_cents,
    stripe_refund_id: observation.stripe_refund_id,
    charge_id: known.charge_id ?? observation.charge_id,
    reason: known.origin === 'external' ? observation.reason : known.reason,
    failure_reason: observation.failure_reason,
    pending_reason: observation.pending_reason,
    bank_reference: observation.bank_reference,
    owed_cents: ended ? known.amount_cents : known.owed_cents,
    observed_at: observation.observed_at,
  };
  const moved = arrived || next.status !== known.status || next.counted_cents !== known.counted_cents;
  // Where all is understood, amount, status and the step between them are agreed on, whatever stood against them before;
  // nothing did before it had arrived.
  const agreed =
    understood && !arrived
      ? resolveAnomalies(tx, ['amount_changed', 'unknown_status', 'transition_not_allowed'], known.refund_id)
      : undefined;
  if (!moved && saysNothingNew(known, next)) {
    // An answer that was asked for before this one, and arrives after it, is older even so.
    await Promise.all([agreed, queries.noteObserved(tx, known.refund_id, observation.observed_at)]);
    return unchanged;
  }

  const cause = toldByStripe(options.cause);
  if (!moved) {
    const naming = { audit: 'refund.updated', event: 'refund.updated.v1' } as const;
    await Promise.all([
      agreed,
      queries.update(tx, next),
      recordChange(tx, next, naming, cause, whatElse(known, next)),
    ]);
    return { settlement: 'updated', refund: next };
  }
  const fits = counted.missing_cents === 0;
  await Promise.all([
    agreed,
    queries.update(tx, next),
    recordTransition(tx, known, next, cause),
    fits && known.counted_cents < known.amount_cents
      ? resolveAnomalies(tx, ['refunds_exceed_captured'], next.refund_id)
      : undefined,
    raiseOverdraft(tx, payment, next, counted.missing_cents),
    options.last?.(next),
  ]);
  return { settlement: 'moved', refund: next };
}

/** What has changed where the status has not. Of the reason, which may be a person's words, only that it has. */
function whatElse(known: queries.Refund, next: queries.Refund) {
  const told = ({ failure_reason, pending_reason, bank_reference }: queries.Refund) => ({
    failure_reason,
    pending_reason,
    bank_reference,
  });
  const before = changedFrom(told(known), told(next)) ?? {};
  return { ...told(next), reason_changed: known.reason !== next.reason, before };
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
    await recordTransition(tx, refund, next, toldByStripe(cause));
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

async function raiseOverdraft(
  tx: Transaction,
  payment: Payment,
  refund: Pick<queries.Refund, 'refund_id' | 'brand_id' | 'amount_cents' | 'counted_cents'>,
  missingCents: number,
) {
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
  refund: Pick<queries.Refund, 'refund_id' | 'brand_id' | 'status'>,
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

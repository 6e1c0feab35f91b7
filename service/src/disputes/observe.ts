import { changedFrom, recordAudit, STRIPE } from '../audit/record.ts';
import type { Transaction } from '../database/pool.ts';
import { appendEvent } from '../events/outbox.ts';
import { newId } from '../ids.ts';
import type { Change } from '../payments/observe.ts';
import type { Payment } from '../payments/payment.ts';
import type { Dispute, DisputeObservation } from './dispute.ts';
import * as queries from './queries.ts';

/** The dispute that stands against refunding a locked payment, by its status. */
export const findBlockingDispute = queries.findBlockingStatus;

/** The same of several payments that are not locked, by their ids. */
export const findBlockingDisputes = queries.findBlockingStatuses;

/** Disputes of a payment of one brand, newest first. */
export const listDisputes = queries.listDisputes;

/** Statuses that Stripe does not leave again (Stripe, "Dispute object"). */
const RESOLVED: ReadonlySet<string> = new Set(['won', 'lost', 'warning_closed', 'prevented']);

/**
 * Brings the books to what the provider says of a dispute. The payment must be locked by this transaction. An older
 * answer, or one that says nothing new, changes nothing and leaves no trace.
 */
export async function observeDispute(
  tx: Transaction,
  payment: Payment,
  observation: DisputeObservation,
  cause: string,
): Promise<Change> {
  const known = await queries.findByStripeId(tx, observation.stripe_dispute_id);
  const resolved = RESOLVED.has(observation.status);
  if (known === undefined) {
    const disputeId = newId('dispute');
    await queries.insert(tx, disputeId, payment, observation, resolved);
    await announce(tx, payment, disputeId, undefined, observation, 'opened', cause);
    return 'imported';
  }
  if (observation.observed_at < known.observed_at) return 'unchanged';
  if (saysNothingNew(known, observation)) {
    // An answer that was asked for before this one, and arrives after it, is older even so.
    await queries.noteObserved(tx, known.dispute_id, observation.observed_at);
    return 'unchanged';
  }
  await queries.update(tx, known.dispute_id, observation, resolved);
  const closed = resolved && known.resolved_at === null;
  await announce(tx, payment, known.dispute_id, known, observation, closed ? 'closed' : 'updated', cause);
  return 'updated';
}

function saysNothingNew(known: Dispute, observation: DisputeObservation): boolean {
  return (
    known.status === observation.status &&
    known.reason === observation.reason &&
    known.amount_cents === observation.amount_cents &&
    known.evidence_due_by?.getTime() === observation.evidence_due_by?.getTime()
  );
}

async function announce(
  tx: Transaction,
  payment: Payment,
  disputeId: string,
  known: Dispute | undefined,
  observation: DisputeObservation,
  verb: 'opened' | 'updated' | 'closed',
  cause: string,
): Promise<void> {
  const state = {
    status: observation.status,
    reason: observation.reason,
    amount_cents: observation.amount_cents,
    currency: observation.currency,
    stripe_dispute_id: observation.stripe_dispute_id,
  };
  await recordAudit(tx, {
    ...STRIPE,
    brand_id: payment.brand_id,
    event_type: `dispute.${verb}`,
    entity_type: 'dispute',
    entity_id: disputeId,
    details: {
      cause,
      before: known === undefined ? null : changedFrom(audited(known), audited(observation)),
      ...state,
      evidence_due_by: audited(observation).evidence_due_by,
    },
  });
  await appendEvent(tx, {
    event_type: `dispute.${verb}.v1`,
    brand_id: payment.brand_id,
    entity_type: 'dispute',
    entity_id: disputeId,
    data: { dispute_id: disputeId, payment_id: payment.payment_id, ...state },
  });
}

const audited = ({ status, reason, amount_cents, evidence_due_by }: Dispute | DisputeObservation) => ({
  status,
  reason,
  amount_cents,
  evidence_due_by: evidence_due_by?.toISOString() ?? null,
});

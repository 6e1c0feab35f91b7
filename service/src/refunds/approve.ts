import { refuseStaleSignIn } from '../access/recent.ts';
import type { Transaction } from '../database/pool.ts';
import { findBlockingDispute } from '../disputes/observe.ts';
import { ServiceError } from '../errors.ts';
import type { Payment } from '../payments/payment.ts';
import { recordTransition } from './history.ts';
import { type Caller, causeOf, FOUND_OUT_WITHIN_s, type IssueDeps, refuseWhilePaused } from './issue.ts';
import * as queries from './queries.ts';
import { findOut } from './recover.ts';
import { refusalOfFailed, refusePayment } from './refusals.ts';
import { readAgain, recount, submit, withLockedPayment } from './submit.ts';

/** What somebody decides about a refund of somebody else's, with a word on why. */
export interface Verdict {
  refund_id: string;
  note: string | null;
}

/**
 * Approves a refund that awaits it, which must have been asked for by somebody else and be somebody else's, and sends it. Approved once more by the same
 * person, it is the same approval.
 *
 * @throws ServiceError where it may not be approved, or the provider refuses it
 */
export async function approveRefund(
  deps: IssueDeps,
  { refund_id, note }: Verdict,
  caller: Caller,
): Promise<queries.Refund> {
  refuseWhilePaused(deps.provider);
  const { principal } = caller;
  const stale = refuseStaleSignIn(principal, deps.recentSignIn_s);
  if (stale !== undefined) throw stale;
  const found = await requireRefund(deps, refund_id, caller);
  const decision = await withLockedPayment(deps, found, async (tx, payment) => {
    const refund = await readAgain(tx, refund_id);
    if (refund.approved_by_id === principal.actor_id && refund.approved_by_type === principal.actor_type) {
      return { refund, payment, asked_at: undefined };
    }
    refuseUnlessAwaiting(refund);
    if (refund.requested_by_id === principal.actor_id && refund.requested_by_type === principal.actor_type) {
      throw new ServiceError('forbidden', { message: 'Somebody else has to approve what you asked for.' });
    }
    // Who asked as a customer is recorded under another name, and could only ask for a payment of their own.
    if (payment.customer_id === principal.person_id) {
      throw new ServiceError('forbidden', {
        message: 'Somebody else has to approve a refund of your own payment.',
      });
    }
    const refusal = refusePayment(payment, await findBlockingDispute(tx, payment));
    if (refusal !== undefined) throw refusal;
    return await approve(tx, refund, payment, note, caller);
  });
  // The one who asked is not waiting: what comes of it now is owed where it fails.
  const cause = { ...causeOf(caller), asker_waits: false };
  const { refund, payment, asked_at } = decision;
  const sent =
    asked_at === undefined
      ? await findOut(deps, refund.refund_id, cause)
      : await submit(deps, { refund, payment, asked_at }, cause);
  const refusal = refusalOfFailed(sent);
  if (refusal !== undefined) throw refusal;
  return sent;
}

async function approve(
  tx: Transaction,
  refund: queries.Refund,
  payment: Payment,
  note: string | null,
  caller: Caller,
) {
  const { actor_type, actor_id } = caller.principal;
  const approved = await queries.approve(
    tx,
    refund.refund_id,
    { actor_type, actor_id, note },
    FOUND_OUT_WITHIN_s,
  );
  const asked_at = await recordTransition(tx, refund, approved, causeOf(caller));
  return { refund: approved, payment, asked_at };
}

/** Rejects a refund that awaits approval; what it held is free again. Rejected already, it stays so. */
export async function rejectRefund(
  deps: IssueDeps,
  { refund_id, note }: Verdict,
  caller: Caller,
): Promise<queries.Refund> {
  const found = await requireRefund(deps, refund_id, caller);
  return await withLockedPayment(deps, found, async (tx) => {
    const refund = await readAgain(tx, refund_id);
    if (refund.status === 'rejected') return refund;
    refuseUnlessAwaiting(refund);
    return await endUnsent(tx, refund, 'rejected', note, caller);
  });
}

/** Ends a refund that was never sent. */
export async function endUnsent(
  tx: Transaction,
  refund: queries.Refund,
  status: 'rejected' | 'canceled',
  note: string | null,
  caller: Caller,
): Promise<queries.Refund> {
  const ended = await queries.end(tx, refund.refund_id, status, note);
  await recordTransition(tx, refund, ended, causeOf(caller));
  await recount(tx, ended, caller.request_id);
  return ended;
}

/** A refund of the caller's brand. */
export async function requireRefund(
  { pool }: Pick<IssueDeps, 'pool'>,
  refundId: string,
  { principal }: Caller,
): Promise<queries.Refund> {
  const refund = await queries.findOfBrand(pool, principal.brand_id, refundId);
  if (refund === undefined) throw new ServiceError('not_found', { message: 'There is no such refund.' });
  return refund;
}

function refuseUnlessAwaiting(refund: queries.Refund): void {
  if (refund.status === 'awaiting_approval') return;
  throw new ServiceError('precondition_failed', {
    message: `The refund does not await approval: it is ${refund.status.replaceAll('_', ' ')}.`,
    facts: { refund_id: refund.refund_id },
  });
}

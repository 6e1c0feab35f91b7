import { ServiceError } from '../errors.ts';
import { endUnsent, requireRefund } from './approve.ts';
import { recordChange } from './history.ts';
import { type Caller, causeOf, type IssueDeps, unreachable } from './issue.ts';
import type * as queries from './queries.ts';
import { endSentence } from './refusals.ts';
import { readAgain, recordFound, withLockedPayment } from './submit.ts';

/**
 * Cancels a refund that awaits approval, or one that the provider has and lets be canceled. Canceled already, it stays so.
 *
 * @throws ServiceError where it cannot be canceled, in the provider's words
 */
export async function cancelRefund(
  deps: IssueDeps,
  refundId: string,
  caller: Caller,
): Promise<queries.Refund> {
  const found = await requireRefund(deps, refundId, caller);
  const refund = await withLockedPayment(deps, found, async (tx) => {
    const known = await readAgain(tx, refundId);
    if (known.status === 'awaiting_approval') {
      return await endUnsent(tx, known, 'canceled', known.decision_note, caller);
    }
    // Who asked for it is not lost, whoever tells first that it is so.
    if (mayBeCanceled(known)) await recordChange(tx, known, REQUESTED, causeOf(caller), { before: {} });
    return known;
  });
  if (refund.status === 'canceled') return refund;
  if (refund.status === 'pending' && refund.stripe_refund_id === null) {
    throw refuse(refund, 'It is not known yet whether Stripe has the refund, so it cannot be canceled.');
  }
  if (!mayBeCanceled(refund)) {
    throw refuse(refund, `The refund cannot be canceled: it is ${refund.status.replaceAll('_', ' ')}.`);
  }

  const answer = await deps.provider.cancelRefund(refund.stripe_refund_id);
  switch (answer.outcome) {
    case 'accepted':
      return await recordFound(deps, refund, answer.refund, { ...causeOf(caller), asker_waits: true });
    case 'refused':
      throw refuse(refund, endSentence(`Stripe does not cancel the refund: ${answer.refusal.message}`));
    case 'unknown':
      // Asked for again, it is canceled then, or found to be.
      throw unreachable();
  }
}

const REQUESTED = { audit: 'refund.cancel_requested', event: 'refund.updated.v1' } as const;

const mayBeCanceled = (refund: queries.Refund): refund is queries.Refund & { stripe_refund_id: string } =>
  refund.stripe_refund_id !== null && ['pending', 'requires_action'].includes(refund.status);

const refuse = (refund: queries.Refund, message: string) =>
  new ServiceError('precondition_failed', { message, facts: { refund_id: refund.refund_id } });

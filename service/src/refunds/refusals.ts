import { type ErrorName, ServiceError } from '../errors.ts';
import { formatAmount } from '../payments/money.ts';
import { type Payment, refundableCents } from '../payments/payment.ts';
import type { Refund } from './queries.ts';

/** Nothing, or less than is asked for, is left of a payment. */
export function refuseAmount(payment: Payment, amountCents: number): ServiceError {
  const left = refundableCents(payment);
  const facts = { refundable_cents: left };
  if (left === 0) {
    return new ServiceError('conflict', {
      message:
        payment.reserved_cents === 0
          ? 'The payment has already been refunded in full.'
          : `Nothing is left to refund: ${formatAmount(payment.refunded_cents, payment.currency)} has been refunded, and ${formatAmount(payment.reserved_cents, payment.currency)} is on its way.`,
      facts,
    });
  }
  return new ServiceError('conflict', {
    field: 'amount_cents',
    message: `${formatAmount(amountCents, payment.currency)} is more than what is left to refund: ${formatAmount(left, payment.currency)}.`,
    facts,
  });
}

/** Whether a payment that is locked can be refunded at all, with the status of the dispute that stands against it, if one does. */
export function refusePayment(payment: Payment, dispute: string | undefined): ServiceError | undefined {
  if (payment.status !== 'succeeded') {
    return new ServiceError('precondition_failed', {
      message: `Only a payment that has succeeded can be refunded; this one is ${payment.status.replaceAll('_', ' ')}.`,
    });
  }
  if (dispute === undefined) return undefined;
  return new ServiceError('precondition_failed', {
    message: `The payment is disputed (${dispute.replaceAll('_', ' ')}): the bank has taken the money back already, and a refund would pay the customer twice.`,
  });
}

/**
 * Why nothing of a payment can be refunded, whoever asks and however much; undefined where something can. It is what asking for all
 * that is left comes to.
 */
export function refuseAnyAmount(payment: Payment, dispute: string | undefined): ServiceError | undefined {
  return (
    refusePayment(payment, dispute) ?? (refundableCents(payment) === 0 ? refuseAmount(payment, 0) : undefined)
  );
}

/** What the provider's refusals mean to a caller; any other is the provider's affair. */
const MEANINGS: ReadonlyMap<string, ErrorName> = new Map(
  Object.entries({
    charge_already_refunded: 'conflict',
    amount_too_large: 'conflict',
    charge_disputed: 'precondition_failed',
    charge_not_refundable: 'precondition_failed',
  } as const),
);

/** Why a refund failed, as Stripe names it, for a person (Stripe, "Refund object", failure_reason). */
const FAILURES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    lost_or_stolen_card: 'the card was reported lost or stolen',
    expired_or_canceled_card: 'the card has expired or was canceled',
    charge_for_pending_refund_disputed: 'the customer disputed the payment while the refund was on its way',
    insufficient_funds: 'the balance at Stripe did not suffice',
    declined: "the customer's bank declined it",
    merchant_request: 'it was called back',
    never_reached_provider: 'it never reached Stripe, and nothing was sent',
  }),
);

/** A sentence on why a refund that has ended did not pay. */
export function explainFailure({ status, failure_reason, failure_message }: RefundEnd): string {
  if (status === 'canceled') return 'The refund was canceled before the money was sent.';
  if (failure_message !== null) return endSentence(`Stripe refused the refund: ${failure_message}`);
  const why = failure_reason === null ? undefined : FAILURES.get(failure_reason);
  return `The refund failed: ${why ?? 'Stripe does not say why'}.`;
}

/** Stripe's own words come with a full stop or without. */
export const endSentence = (words: string) => (/[.!?]$/.test(words) ? words : `${words}.`);

type RefundEnd = Pick<Refund, 'status' | 'failure_reason' | 'failure_message'>;

/** A refund that has failed before its caller was answered: the answer is why. */
export function refusalOfFailed(refund: Refund): ServiceError | undefined {
  if (refund.status !== 'failed') return undefined;
  return new ServiceError(MEANINGS.get(refund.failure_reason ?? '') ?? 'upstream_failed', {
    message: explainFailure(refund),
    facts: { refund_id: refund.refund_id },
  });
}

import type { PaymentMethod } from '../payments/payment.ts';
import type { Refund } from './queries.ts';
import { explainFailure } from './refusals.ts';

/** Where the money of a refund can be. */
export const LOCATIONS = [
  'awaiting_approval',
  'not_confirmed',
  'at_stripe',
  'needs_customer',
  'on_its_way',
  'bank_reference_known',
  'should_have_arrived',
  'owed',
  'settled_otherwise',
  'not_paid',
] as const;

/** Where the money is, for the one who is asked, and for the one who asks. */
export interface Location {
  code: (typeof LOCATIONS)[number];
  /** To the agent. */
  message: string;
  /** For the agent to tell the customer. */
  customer_message: string;
}

/** What of a refund says where its money is. */
export type Located = Pick<
  Refund,
  | 'status'
  | 'stripe_refund_id'
  | 'submitted_at'
  | 'created_at'
  | 'pending_reason'
  | 'bank_reference'
  | 'owed_cents'
  | 'resolution'
  | 'replaced_by'
  | 'failure_reason'
  | 'failure_message'
>;

/** 5 to 10 business days is what Stripe says of cards (Stripe, "Refunds"); with weekends and a holiday that is at most so many. */
const ARRIVES_WITHIN_days = 15;
const DAY_ms = 24 * 3_600_000;

/**
 * Where the money of a refund is now. It names neither card nor account, so that it may stand where nothing is taken out again.
 *
 * @param method with what the payment was made; null where that is not known
 * @param now by the database's clock
 */
export function locate(refund: Located, method: Pick<PaymentMethod, 'type'> | null, now: Date): Location {
  switch (refund.status) {
    case 'awaiting_approval':
      return {
        code: 'awaiting_approval',
        message: 'It waits for the approval of somebody else than who asked for it. Nothing has been sent.',
        customer_message: 'Your refund has been asked for and is being checked. It has not been sent yet.',
      };
    case 'rejected':
      return {
        code: 'not_paid',
        message: 'It was rejected. Nothing has been sent.',
        customer_message: 'This refund was not approved. No money has been sent.',
      };
    case 'pending':
      return refund.stripe_refund_id === null ? NOT_CONFIRMED : atStripe(refund);
    case 'requires_action':
      return {
        code: 'needs_customer',
        message:
          'Stripe needs the customer: it has written an e-mail that asks where the money is to go, and sends it once they have answered. Without an answer the refund fails.',
        customer_message:
          'We need something of you: our payment provider Stripe has sent you an e-mail that asks where the money is to go. Once you have answered it, the money is sent.',
      };
    case 'succeeded':
      return sent(refund, method, now);
    case 'failed':
    case 'canceled':
      return ended(refund);
  }
}

const NOT_CONFIRMED: Location = {
  code: 'not_confirmed',
  message:
    'Stripe has been asked for it and has not said yet whether it has it. The service goes on asking by itself: do not refund again.',
  customer_message:
    'Your refund is being processed. We are waiting for our payment provider to confirm that it is on its way.',
};

/** Why Stripe keeps a refund pending (Stripe, "Refund object", pending_reason). */
const WAITING: ReadonlyMap<string, string> = new Map(
  Object.entries({
    insufficient_funds: ' It goes out once the balance at Stripe suffices.',
    charge_pending: ' It goes out once the payment itself has gone through.',
  }),
);

const atStripe = ({ pending_reason }: Located): Location => ({
  code: 'at_stripe',
  message: `Stripe has it and has not sent it to the bank yet.${WAITING.get(pending_reason ?? '') ?? ''}`,
  customer_message: 'Your refund is with our payment provider, and has not been sent to your bank yet.',
});

/** Stripe's `succeeded` says that it was sent, not that it has arrived. */
function sent(refund: Located, method: Pick<PaymentMethod, 'type'> | null, now: Date): Location {
  const sent_at = refund.submitted_at ?? refund.created_at;
  const day = inWords(sent_at);
  const destination = destinationOf(method);
  if (refund.bank_reference !== null) {
    return {
      code: 'bank_reference_known',
      message: `Stripe has sent it on ${day}, and it has a reference by which the customer's bank finds it: ${refund.bank_reference}.`,
      customer_message: `We sent your refund on ${day}, back to ${destination}. If you do not see it yet, ask your bank for it by this reference: ${refund.bank_reference}.`,
    };
  }
  if (now.getTime() - sent_at.getTime() > ARRIVES_WITHIN_days * DAY_ms) {
    return {
      code: 'should_have_arrived',
      message: `Stripe has sent it on ${day}, which is longer ago than a refund takes, and there is no reference of the bank's. Soon after a payment the payment may have vanished from the statement instead. If the customer sees neither, ask Stripe's support to trace it.`,
      customer_message: `We sent your refund on ${day}, back to ${destination}, and it should have arrived. Please look for it among your incoming payments; if you paid only shortly before, the payment itself may have vanished from your statement instead.`,
    };
  }
  const within = isCard(method)
    ? 'usually takes 5 to 10 business days'
    : 'takes as long as the way of paying and the bank need, mostly up to 10 business days';
  return {
    code: 'on_its_way',
    message: `Stripe has sent it on ${day}; it is on its way to the bank, which ${within}. There is no reference of the bank's yet.`,
    customer_message: `We sent your refund on ${day}, back to ${destination}. It ${within} until you see it.`,
  };
}

function ended(refund: Located): Location {
  const why = explainFailure(refund);
  if (refund.owed_cents === 0) {
    return {
      code: 'not_paid',
      message: `${why} Nobody is owed anything because of it.`,
      customer_message: 'This refund was not made. No money has been sent.',
    };
  }
  switch (refund.resolution) {
    case null:
      return {
        code: 'owed',
        message: `${why} The customer is still owed the money: refund again or pay otherwise, and then say so here.`,
        customer_message:
          'Your refund did not arrive: it came back to us. We still owe you the money, and will send it another way.',
      };
    case 'refunded_again':
      return {
        code: 'settled_otherwise',
        message: `${why} It was refunded again${refund.replaced_by === null ? '' : `, by ${refund.replaced_by}`}.`,
        customer_message: 'This refund did not arrive, so we have made another one in its place.',
      };
    case 'paid_otherwise':
      return {
        code: 'settled_otherwise',
        message: `${why} The customer was paid in another way.`,
        customer_message: 'This refund did not arrive, so we have paid you in another way.',
      };
    case 'not_owed':
      return {
        code: 'settled_otherwise',
        message: `${why} It was found that the customer is not owed it.`,
        customer_message: 'This refund was not made, and nothing is open of it.',
      };
  }
}

const isCard = (method: Pick<PaymentMethod, 'type'> | null): boolean =>
  method?.type === 'card' || method?.type === 'card_present';

/** Payment methods of Stripe's that take the money from an account at a bank. */
const BANK_ACCOUNTS: ReadonlySet<string> = new Set([
  'acss_debit',
  'ach_debit',
  'au_becs_debit',
  'bacs_debit',
  'bancontact',
  'eps',
  'ideal',
  'p24',
  'sepa_debit',
  'sofort',
  'us_bank_account',
]);

function destinationOf(method: Pick<PaymentMethod, 'type'> | null): string {
  if (isCard(method)) return 'the card that you paid with';
  if (method !== null && BANK_ACCOUNTS.has(method.type)) return 'the account that you paid from';
  return 'where you paid from';
}

const inWords = (moment: Date): string =>
  moment.toLocaleDateString('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'long', year: 'numeric' });

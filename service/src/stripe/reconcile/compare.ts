import { counts, isProviderStatus } from '../../refunds/refund.ts';
import type { Finding } from '../ask.ts';

/** What one side says of an object: amounts (smallest unit), statuses and ids. */
export type Side = Record<string, string | number | null>;

export type EntityType = 'payment' | 'refund' | 'dispute';

export type DifferenceKind =
  /** Stripe has it, the books do not. */
  | 'missing_here'
  /** The books do not know that Stripe has it, though they have asked for it. */
  | 'outcome_unknown'
  | 'amount'
  /** Stripe has refunded what the books have no room for, e.g. because it is reserved for another refund. */
  | 'overdraft'
  | 'status'
  /** Another charge is taken for the one that paid. */
  | 'charge'
  /** The books cannot take what Stripe says of it. */
  | 'cannot_be_stored'
  /** The books have it, Stripe does not. */
  | 'not_at_stripe';

/** Where the books and Stripe do not agree about one object. */
export interface Difference {
  kind: DifferenceKind;
  brand_id: string;
  entity_type: EntityType;
  /** Ours; null for what is not in the books. */
  entity_id: string | null;
  /** Stripe's; null for what is not known to be at Stripe. */
  stripe_id: string | null;
  here: Side | null;
  at_stripe: Side | null;
}

/** An object as the books have it. */
export interface Here {
  entity_id: string;
  stripe_id: string | null;
  side: Side;
  /** It was sent a moment ago, and whoever sent it still waits for the answer. */
  under_way?: boolean;
}

/** What the books have of some objects: by Stripe's id, refunds that were asked for also by ours. */
export interface Books {
  payments: ReadonlyMap<string, Here>;
  refunds: ReadonlyMap<string, Here>;
  disputes: ReadonlyMap<string, Here>;
}

/** By which of its ids at Stripe a payment is known. */
export const paymentKey = ({ payment }: Finding): string =>
  payment.stripe_payment_intent_id ?? payment.stripe_charge_id ?? '';

/** Which differences a finding shows between Stripe and what the books say. One for each object, by what weighs most. */
export function compare(finding: Finding, books: Books): Difference[] {
  const { payment, refunds, disputes } = finding;
  const { brand_id } = payment;
  const key = paymentKey(finding);
  const differences = [
    judge('payment', brand_id, key, books.payments.get(key), {
      amount_cents: payment.amount_cents,
      captured_cents: payment.captured_cents,
      currency: payment.currency,
      status: payment.status,
      stripe_charge_id: payment.stripe_charge_id,
    }),
    ...refunds.map((refund) => {
      const { amount_cents, currency, status, stripe_refund_id, refund_id } = refund;
      const known = books.refunds.get(stripe_refund_id) ?? books.refunds.get(refund_id ?? '');
      // What is there in a state that we have no word for counts until it is understood.
      const alive = !isProviderStatus(status) || counts(status);
      return judge('refund', brand_id, stripe_refund_id, known, {
        amount_cents,
        counted_cents: alive ? amount_cents : 0,
        currency,
        status,
      });
    }),
    ...disputes.map(({ stripe_dispute_id, amount_cents, currency, status }) =>
      judge('dispute', brand_id, stripe_dispute_id, books.disputes.get(stripe_dispute_id), {
        amount_cents,
        currency,
        status,
      }),
    ),
  ];
  return differences.filter((difference) => difference !== undefined);
}

/** All ids by which Stripe knows what a finding tells of. */
export const stripeIds = (finding: Finding): string[] => [
  paymentKey(finding),
  ...finding.refunds.map(({ stripe_refund_id }) => stripe_refund_id),
  ...finding.disputes.map(({ stripe_dispute_id }) => stripe_dispute_id),
];

function judge(
  entity_type: EntityType,
  brand_id: string,
  stripe_id: string,
  known: Here | undefined,
  at_stripe: Side,
): Difference | undefined {
  const kind = kindOf(known, at_stripe);
  if (kind === undefined) return undefined;
  const [entity_id, here] = known === undefined ? [null, null] : [known.entity_id, known.side];
  return { kind, brand_id, entity_type, entity_id, stripe_id, here, at_stripe };
}

function kindOf(known: Here | undefined, at_stripe: Side): DifferenceKind | undefined {
  if (known === undefined) return 'missing_here';
  if (known.stripe_id === null) return known.under_way === true ? undefined : 'outcome_unknown';
  const differing = Object.keys(at_stripe).filter((name) => known.side[name] !== at_stripe[name]);
  if (differing.some((name) => MONEY.has(name))) return 'amount';
  if (differing.includes('status')) return 'status';
  if (differing.includes('counted_cents')) return 'overdraft';
  return differing.length > 0 ? 'charge' : undefined;
}

const MONEY: ReadonlySet<string> = new Set(['amount_cents', 'captured_cents', 'currency']);

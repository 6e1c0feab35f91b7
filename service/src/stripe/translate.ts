import type Stripe from 'stripe';
import type { DisputeObservation } from '../disputes/dispute.ts';
import { PAID_WITH_UNKNOWN, type PaidWith, type PaymentObservation } from '../payments/payment.ts';
import type { RefundObservation } from '../refunds/settle.ts';

/**
 * Stripe's objects put into the words of the books. Pure: what is not in the object or in the context is not known.
 * Amounts stay what they are at Stripe, integers in the currency's smallest unit; Stripe's times have seconds.
 */
export interface Context {
  /** The brand of a payment whose metadata names none. */
  default_brand: string;
  /** When the request was sent whose answer this is, by the database's clock. */
  observed_at: Date;
}

/** A payment as Stripe has it: the intent with its latest charge, or a charge that was made without an intent. */
export interface PaymentAtStripe {
  intent: Stripe.PaymentIntent | null;
  charge: Stripe.Charge;
}

/** What an invoice says of the payment that paid it. */
export interface InvoiceLink {
  subscription_id: string | null;
  order_id: string | null;
}

/**
 * A payment intent together with its latest charge, which must be expanded. Null before the first attempt: nothing
 * was charged, so there is nothing to keep.
 */
export function withLatestCharge(intent: Stripe.PaymentIntent): PaymentAtStripe | null {
  const charge = intent.latest_charge;
  if (charge === null) return null;
  if (typeof charge === 'string') throw new TypeError('latest_charge is not expanded');
  return { intent, charge };
}

/**
 * Metadata is read name by name, the charge's before the intent's: it is what held for the attempt that took the
 * money, and Stripe copies the intent's onto it when the charge is made.
 */
export function observedPayment({ intent, charge }: PaymentAtStripe, context: Context): PaymentObservation {
  const named = (name: string) =>
    metadataValue(charge.metadata, name) ?? metadataValue(intent?.metadata, name);
  return {
    brand_id: named('brand_id') ?? context.default_brand,
    customer_id:
      named('customer_id') ?? idOf(charge.customer) ?? idOf(intent?.customer) ?? `guest_${charge.id}`,
    order_id: named('order_id'),
    subscription_id: named('subscription_id'),
    amount_cents: intent?.amount ?? charge.amount,
    currency: charge.currency,
    status: intent === null ? statusOfCharge(charge) : statusOfIntent(intent, charge),
    captured_cents: charge.captured && charge.status !== 'failed' ? charge.amount_captured : 0,
    stripe_payment_intent_id: intent?.id ?? null,
    stripe_charge_id: charge.id,
    created_at: fromSeconds(intent?.created ?? charge.created),
    observed_at: context.observed_at,
    ...paidWith(charge.payment_method_details),
  };
}

/**
 * With what a charge was made. Each kind has its details under its own name: a card its brand and the last digits, a bank debit
 * the last digits of the account, of whose IBAN some tell instead (Stripe, "Charge object", payment_method_details).
 */
function paidWith(details: Stripe.Charge.PaymentMethodDetails | null): PaidWith {
  if (details === null || !isCode(details.type)) return PAID_WITH_UNKNOWN;
  const ofType: unknown = Object.entries(details).find(([name]) => name === details.type)?.[1];
  const told = typeof ofType === 'object' && ofType !== null ? new Map(Object.entries(ofType)) : new Map();
  const last4: unknown = told.get('last4') ?? told.get('iban_last4');
  const brand: unknown = told.get('brand');
  return {
    payment_method_type: details.type,
    payment_method_brand: isCode(brand) ? brand : null,
    payment_method_last4: typeof last4 === 'string' && /^[0-9A-Za-z]{1,4}$/.test(last4) ? last4 : null,
  };
}

/** One of Stripe's words, and nothing longer. */
const isCode = (value: unknown): value is string => typeof value === 'string' && /^\w{1,64}$/.test(value);

/** An intent goes back to requires_payment_method when an attempt is declined; what support sees is that it failed. */
function statusOfIntent(intent: Stripe.PaymentIntent, charge: Stripe.Charge): string {
  return intent.status === 'requires_payment_method' && charge.status === 'failed' ? 'failed' : intent.status;
}

/** A lone charge in the words of an intent: Stripe calls an authorization that is not captured `succeeded` too. */
function statusOfCharge(charge: Stripe.Charge): string {
  if (charge.status === 'pending') return 'processing';
  if (charge.status === 'succeeded' && !charge.captured) {
    return charge.refunded ? 'canceled' : 'requires_capture';
  }
  return charge.status;
}

export function observedRefund(
  refund: Stripe.Refund,
  { observed_at }: Pick<Context, 'observed_at'>,
): RefundObservation {
  return {
    stripe_refund_id: refund.id,
    refund_id: metadataValue(refund.metadata, 'refund_id'),
    charge_id: idOf(refund.charge),
    amount_cents: refund.amount,
    currency: refund.currency,
    status: refund.status,
    reason: refund.reason,
    failure_reason: refund.failure_reason ?? null,
    pending_reason: refund.pending_reason ?? null,
    bank_reference: bankReference(refund),
    created_at: fromSeconds(refund.created),
    observed_at,
  };
}

/** The acquirer's reference, for whichever payment method the money went back to (Stripe, "Refund object"). */
function bankReference({ destination_details: details }: Stripe.Refund): string | null {
  if (details === undefined || details === null) return null;
  const ofType: unknown = Object.entries(details).find(([name]) => name === details.type)?.[1];
  if (typeof ofType !== 'object' || ofType === null || !('reference' in ofType)) return null;
  return typeof ofType.reference === 'string' && ofType.reference !== '' ? ofType.reference : null;
}

/**
 * Whether a refund object tells of an authorization that was let go, in full or beyond what was captured, rather than
 * of money that went back: nothing of it was ever captured. Counting it would eat what can still be refunded.
 */
export function isRelease(refund: Stripe.Refund, charge: Stripe.Charge): boolean {
  if (!charge.captured) return charge.status === 'succeeded';
  const uncaptured = charge.amount - charge.amount_captured;
  return (
    uncaptured > 0 &&
    refund.amount === uncaptured &&
    isReversal(refund) &&
    refund.balance_transaction === null
  );
}

function isReversal({ destination_details: details }: Stripe.Refund): boolean {
  return details?.card?.type === 'reversal';
}

/** The charge may be larger or smaller than the dispute, and the money of an inquiry (`warning_…`) is not taken. */
export function observedDispute(
  dispute: Stripe.Dispute,
  { observed_at }: Pick<Context, 'observed_at'>,
): DisputeObservation {
  const dueBy = dispute.evidence_details?.due_by ?? null;
  return {
    stripe_dispute_id: dispute.id,
    stripe_charge_id: idOf(dispute.charge),
    amount_cents: dispute.amount,
    currency: dispute.currency,
    reason: dispute.reason ?? null,
    status: dispute.status,
    evidence_due_by: dueBy === null ? null : fromSeconds(dueBy),
    created_at: fromSeconds(dispute.created),
    observed_at,
  };
}

/**
 * What the invoice of an invoice payment says. Since API version 2025-03-31 a charge no longer names its invoice; the
 * invoice names its subscription under `parent`. The order is the invoice's, else the subscription's.
 */
export function observedInvoice(invoice: Stripe.InvoicePayment['invoice']): InvoiceLink | null {
  if (typeof invoice === 'string' || !('parent' in invoice)) return null;
  const details = invoice.parent?.subscription_details;
  const link: InvoiceLink = {
    subscription_id: idOf(details?.subscription),
    order_id: metadataValue(invoice.metadata, 'order_id') ?? metadataValue(details?.metadata, 'order_id'),
  };
  return link.subscription_id === null && link.order_id === null ? null : link;
}

/** The id of a reference, expanded or not. */
export function idOf(reference: string | { id: string } | null | undefined): string | null {
  if (reference === null || reference === undefined) return null;
  return typeof reference === 'string' ? reference : reference.id;
}

/**
 * An index entry of PostgreSQL's takes 2,704 bytes, and two of these share one. Stripe's values have up to 500 characters,
 * so that only what is mostly no Latin letters can be longer.
 */
const LONGEST_VALUE_bytes = 1_000;

/**
 * Empty is absent: Stripe removes a name by setting it to ''. PostgreSQL's text holds no NUL. What is too long is absent as
 * well rather than cut: what is left of it could be the name of somebody else.
 */
function metadataValue(metadata: Stripe.Metadata | null | undefined, name: string): string | null {
  const value = metadata?.[name]?.trim();
  if (value === undefined || value === '' || value.includes('\0')) return null;
  return Buffer.byteLength(value) > LONGEST_VALUE_bytes ? null : value;
}

function fromSeconds(seconds: number): Date {
  return new Date(seconds * 1000);
}

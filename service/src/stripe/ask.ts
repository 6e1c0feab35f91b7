import type Stripe from 'stripe';
import type { Pool } from '../database/pool.ts';
import type { DisputeObservation } from '../disputes/dispute.ts';
import type { PaymentObservation } from '../payments/payment.ts';
import type { RefundObservation } from '../refunds/settle.ts';
import { readDatabaseClock } from './queries.ts';
import {
  type Context,
  type InvoiceLink,
  idOf,
  isRelease,
  observedDispute,
  observedInvoice,
  observedPayment,
  observedRefund,
  type PaymentAtStripe,
  withLatestCharge,
} from './translate.ts';

/** What one question to Stripe has told of one payment, ready for the books. */
export interface Finding {
  payment: PaymentObservation;
  refunds: RefundObservation[];
  /**
   * What has gone back of the payment for all that Stripe says (smallest unit): a charge does not bring its refunds along.
   * Left out where whoever asks is going to ask for the refunds anyhow.
   */
  refunded_cents?: number;
  disputes: DisputeObservation[];
  invoice: InvoiceLink | null;
}

/** Why an object has no place in the books: it is not ours, or there is nothing to say of it yet. */
export type Shelved =
  | 'gone_at_stripe'
  | 'connected_account'
  | 'other_mode'
  | 'without_payment'
  | 'nothing_charged';

export type Answer = Finding | Shelved;

export interface AskDeps {
  pool: Pool;
  stripe: Stripe;
  default_brand: string;
}

/** The kinds of object that tell of payments and refunds, by Stripe's own names. */
export const OBJECT_TYPES = ['charge', 'payment_intent', 'refund', 'dispute', 'invoice_payment'] as const;
export type ObjectType = (typeof OBJECT_TYPES)[number];

/** Expansions that bring a refund's or dispute's payment along, so that one request tells all of it. */
export const WITH_PAYMENT = ['charge', 'payment_intent.latest_charge'];
export const CHARGE_WITH_INTENT = ['payment_intent.latest_charge'];
export const INVOICE_PAYMENTS_WITH_PAYMENT = ['invoice', 'payment.payment_intent.latest_charge'];

/** The context of the questions that are asked from now on. */
export async function startAsking({ pool, default_brand }: AskDeps): Promise<Context> {
  return { default_brand, observed_at: await readDatabaseClock(pool) };
}

/**
 * Asks Stripe for an object as it is now, with the payment that it belongs to. No transaction may be open.
 *
 * @throws the SDK's errors; an object that Stripe does not know is a 404 among them
 */
export async function ask(deps: AskDeps, type: ObjectType, id: string): Promise<Answer> {
  const { stripe } = deps;
  const context = await startAsking(deps);
  switch (type) {
    case 'charge':
      return await findingOfCharge(
        deps,
        await stripe.charges.retrieve(id, { expand: CHARGE_WITH_INTENT }),
        context,
      );
    case 'payment_intent':
      return findingOfPayment(
        withLatestCharge(await stripe.paymentIntents.retrieve(id, { expand: ['latest_charge'] })),
        context,
      );
    case 'refund':
      return await findingOfRefund(
        deps,
        await stripe.refunds.retrieve(id, { expand: WITH_PAYMENT }),
        context,
      );
    case 'dispute':
      return await findingOfDispute(
        deps,
        await stripe.disputes.retrieve(id, { expand: WITH_PAYMENT }),
        context,
      );
    case 'invoice_payment':
      return await findingOfInvoicePayment(
        deps,
        await stripe.invoicePayments.retrieve(id, { expand: INVOICE_PAYMENTS_WITH_PAYMENT }),
        context,
      );
  }
}

/**
 * Asks for a payment again, for every refund of it and for what it is disputed by: for when one of them does not fit what the books say. A refund that
 * was told of a moment ago and is not in Stripe's list yet is taken as it was told.
 */
export async function askForEverything(
  deps: AskDeps,
  { payment: known, refunds: told }: Pick<Finding, 'payment' | 'refunds'>,
): Promise<Answer> {
  const { stripe } = deps;
  const context = await startAsking(deps);
  const payment = await askForPayment(deps, known.stripe_payment_intent_id, known.stripe_charge_id);
  if (payment === null) return 'nothing_charged';
  const refunds: Stripe.Refund[] = [];
  for await (const refund of stripe.refunds.list({
    limit: 100,
    ...(payment.intent === null ? { charge: payment.charge.id } : { payment_intent: payment.intent.id }),
  })) {
    refunds.push(refund);
  }
  const disputes: DisputeObservation[] = [];
  if (payment.charge.disputed) {
    for await (const dispute of stripe.disputes.list({ limit: 100, charge: payment.charge.id })) {
      disputes.push(observedDispute(dispute, context));
    }
  }
  const listed = new Set(refunds.map(({ id }) => id));
  return {
    payment: observedPayment(payment, context),
    refunds: refunds
      .filter((refund) => !isRelease(refund, payment.charge))
      .map((refund) => observedRefund(refund, context))
      .concat(told.filter(({ stripe_refund_id }) => !listed.has(stripe_refund_id)))
      .sort(givingBackFirstThenOldest),
    disputes,
    invoice: null,
  };
}

/** What gives back makes room for what takes; beyond that, what was first is counted first. */
function givingBackFirstThenOldest(one: RefundObservation, other: RefundObservation): number {
  const takes = ({ status }: RefundObservation) => (status === 'failed' || status === 'canceled' ? 0 : 1);
  return takes(one) - takes(other) || one.created_at.getTime() - other.created_at.getTime();
}

export function findingOfPayment(payment: PaymentAtStripe | null, context: Context): Answer {
  return payment === null ? 'nothing_charged' : finding(payment, context);
}

/** A charge is not looked at by itself: its intent may have tried several, and only the latest one counts. */
export async function findingOfCharge(
  deps: AskDeps,
  charge: Stripe.Charge,
  context: Context,
): Promise<Answer> {
  return findingOfPayment(await paymentOf(deps, charge.payment_intent, charge), context);
}

export async function findingOfRefund(
  deps: AskDeps,
  refund: Stripe.Refund,
  context: Context,
): Promise<Answer> {
  const payment = await paymentOf(deps, refund.payment_intent, refund.charge);
  if (payment === null) return 'without_payment';
  const refunds = isRelease(refund, payment.charge) ? [] : [observedRefund(refund, context)];
  return finding(payment, context, { refunds });
}

export async function findingOfDispute(
  deps: AskDeps,
  dispute: Stripe.Dispute,
  context: Context,
): Promise<Answer> {
  const payment = await paymentOf(deps, dispute.payment_intent, dispute.charge);
  if (payment === null) return 'without_payment';
  return finding(payment, context, { disputes: [observedDispute(dispute, context)] });
}

/** An invoice may also be paid by something that is no payment of ours, e.g. out of band. */
export async function findingOfInvoicePayment(
  deps: AskDeps,
  { invoice, payment: paidBy }: Stripe.InvoicePayment,
  context: Context,
): Promise<Answer> {
  const payment = await paymentOf(deps, paidBy.payment_intent ?? null, paidBy.charge ?? null);
  if (payment === null) return 'without_payment';
  return finding(payment, context, { invoice: observedInvoice(invoice) });
}

function finding(payment: PaymentAtStripe, context: Context, about: Partial<Finding> = {}): Finding {
  const { captured, amount_captured, amount_refunded } = payment.charge;
  return {
    payment: observedPayment(payment, context),
    refunds: [],
    // Of an authorization that was let go nothing was ever taken.
    refunded_cents: captured ? Math.min(amount_refunded, amount_captured) : 0,
    disputes: [],
    invoice: null,
    ...about,
  };
}

/** The payment that a pair of references names: taken from what was expanded, asked for where it was not. */
async function paymentOf(
  deps: AskDeps,
  intent: string | Stripe.PaymentIntent | null,
  charge: string | Stripe.Charge | null,
): Promise<PaymentAtStripe | null> {
  if (intent !== null && typeof intent !== 'string' && typeof intent.latest_charge !== 'string') {
    return withLatestCharge(intent);
  }
  if (intent === null && charge !== null && typeof charge !== 'string') {
    return charge.payment_intent === null
      ? { intent: null, charge }
      : await askForPayment(deps, idOf(charge.payment_intent), charge.id);
  }
  return await askForPayment(deps, idOf(intent), idOf(charge));
}

async function askForPayment(
  deps: Pick<AskDeps, 'stripe'>,
  intentId: string | null,
  chargeId: string | null,
): Promise<PaymentAtStripe | null> {
  const { stripe } = deps;
  if (intentId !== null) {
    return withLatestCharge(await stripe.paymentIntents.retrieve(intentId, { expand: ['latest_charge'] }));
  }
  if (chargeId === null) return null;
  const charge = await stripe.charges.retrieve(chargeId, { expand: CHARGE_WITH_INTENT });
  const intent = charge.payment_intent;
  if (intent === null) return { intent: null, charge };
  return typeof intent === 'string' ? await askForPayment(deps, intent, null) : withLatestCharge(intent);
}

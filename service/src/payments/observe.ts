import { raiseAnomaly, resolveAnomalies } from '../audit/anomalies.ts';
import { changedFrom, recordAudit, STRIPE } from '../audit/record.ts';
import { customerName, findPseudonym } from '../customers/customers.ts';
import type { Transaction } from '../database/pool.ts';
import { appendEvent } from '../events/outbox.ts';
import { newId } from '../ids.ts';
import { PAID_WITH_UNKNOWN, type PaidWith, type Payment, type PaymentObservation } from './payment.ts';
import * as queries from './queries.ts';

/** What an observation has done to the books. */
export type Change = 'imported' | 'updated' | 'unchanged';

/**
 * Brings the books to what the provider says of a payment and returns it, locked for the rest of the transaction, with what
 * was done.
 * An answer older than the one already recorded, or one that says nothing new, changes nothing and leaves no trace.
 *
 * @param cause What made us ask: an event's id, or `backfill`.
 */
export async function observePayment(
  tx: Transaction,
  observation: PaymentObservation,
  cause: string,
): Promise<{ payment: Payment; change: Change }> {
  const known = await queries.lockByProvider(tx, observation);
  if (known !== undefined) return await applyObservation(tx, known, observation, cause);

  const pseudonym = await findPseudonym(tx, observation);
  const added = await queries.insert(
    tx,
    newId('payment'),
    pseudonym === undefined ? observation : { ...observation, ...erasedAs(pseudonym) },
    pseudonym !== undefined,
  );
  if (added !== undefined) {
    await announce(tx, undefined, added, 'payment.imported', cause);
    return { payment: added, change: 'imported' };
  }
  const addedByAnother = await queries.lockByProvider(tx, observation);
  if (addedByAnother === undefined) throw new Error('A payment shares a charge with another payment intent');
  return await applyObservation(tx, addedByAnother, observation, cause);
}

/** Locks a payment that is already in the books, known by its intent or charge. */
export const lockPayment = queries.lockByProvider;

/** Locks a payment of one brand to issue a refund of it. */
export const lockPaymentOfBrand = queries.lockOfBrand;

/** A payment of one brand, as it was a moment ago. */
export const findPaymentOfBrand = queries.findPayment;

/** Payments of one brand, named by our ids or by their charges, which nobody refunds or erases until the transaction ends. */
export const holdPaymentsOfBrand = queries.holdPayments;

/** The payment of a refund, as it was a moment ago. */
export const findPaymentById = queries.findById;

/** Locks the payment of a refund. */
export const lockPaymentById = queries.lockById;

/** Notes what the invoice that a payment has paid says of it, where the payment's own objects at Stripe say nothing. */
export async function linkInvoice(
  tx: Transaction,
  payment: Payment,
  invoice: { subscription_id: string | null; order_id: string | null },
  cause: string,
): Promise<{ payment: Payment; change: Change }> {
  if (payment.erased_at !== null) return { payment, change: 'unchanged' };
  const subscriptionId = payment.subscription_id ?? invoice.subscription_id;
  const orderId = payment.order_id ?? invoice.order_id;
  if (payment.subscription_id === subscriptionId && payment.order_id === orderId) {
    return { payment, change: 'unchanged' };
  }
  const linked = await queries.update(tx, {
    ...payment,
    subscription_id: subscriptionId,
    order_id: orderId,
    mode: subscriptionId === null ? 'one_shot' : 'subscription',
  });
  await announce(tx, payment, linked, 'payment.updated', cause);
  return { payment: linked, change: 'updated' };
}

async function applyObservation(
  tx: Transaction,
  payment: Payment,
  observation: PaymentObservation,
  cause: string,
): Promise<{ payment: Payment; change: Change }> {
  if (observation.observed_at < payment.observed_at) return { payment, change: 'unchanged' };

  // What is refunded already cannot be un-captured: the books keep their bound and a person is told.
  const floor = payment.reserved_cents + payment.refunded_cents;
  const personal = await personalOf(tx, payment, observation);
  const next: Payment = {
    ...payment,
    ...observation,
    created_at: payment.created_at,
    captured_cents: Math.max(observation.captured_cents, floor),
    ...personal,
    stripe_charge_id: observation.stripe_charge_id ?? payment.stripe_charge_id,
  };
  if (observation.captured_cents < floor) {
    await raiseAnomaly(tx, {
      kind: 'captured_below_refunds',
      brand_id: next.brand_id,
      entity_type: 'payment',
      entity_id: payment.payment_id,
      details: { captured_cents_at_provider: observation.captured_cents, reserved_and_refunded_cents: floor },
    });
  } else {
    await resolveAnomalies(tx, ['captured_below_refunds'], payment.payment_id);
  }
  if (saysNothingNew(payment, next)) {
    if (!isPaidAlike(payment, next)) {
      // Of a person, so it is told to nobody: neither the audit log nor other services could forget it.
      const noted = await queries.notePaidWith(tx, payment.payment_id, next, observation.observed_at);
      return { payment: noted, change: 'updated' };
    }
    // An answer that was asked for before this one, and arrives after it, is older even so.
    await queries.noteObserved(tx, payment.payment_id, observation.observed_at);
    return { payment: { ...payment, observed_at: observation.observed_at }, change: 'unchanged' };
  }

  const updated = await queries.update(tx, next);
  await announce(tx, payment, updated, 'payment.updated', cause);
  return { payment: updated, change: 'updated' };
}

type Personal = Pick<Payment, 'customer_id' | 'order_id' | 'subscription_id' | keyof PaidWith>;

/** What is left of a person in a payment whose customer was erased. */
export const erasedAs = (pseudonym: string): Personal => ({
  customer_id: pseudonym,
  order_id: null,
  subscription_id: null,
  ...PAID_WITH_UNKNOWN,
});

/** Whose a payment is, as the provider says; of one that was erased nothing that the provider still knows comes back. */
async function personalOf(
  tx: Transaction,
  payment: Payment,
  observation: PaymentObservation,
): Promise<Personal & Pick<Payment, 'mode' | 'erased_at'>> {
  const { mode, erased_at } = payment;
  if (erased_at !== null) return { ...erasedAs(payment.customer_id), mode, erased_at };
  const moved = observation.customer_id !== payment.customer_id || observation.brand_id !== payment.brand_id;
  const pseudonym = moved
    ? await findPseudonym(tx, { ...observation, created_at: payment.created_at })
    : undefined;
  if (pseudonym !== undefined) return { ...erasedAs(pseudonym), mode, erased_at: observation.observed_at };
  // What an invoice has told stays, where the payment's own objects say nothing.
  const subscription_id = observation.subscription_id ?? payment.subscription_id;
  return {
    customer_id: observation.customer_id,
    order_id: observation.order_id ?? payment.order_id,
    subscription_id,
    mode: subscription_id === null ? 'one_shot' : 'subscription',
    payment_method_type: observation.payment_method_type,
    payment_method_brand: observation.payment_method_brand,
    payment_method_last4: observation.payment_method_last4,
    erased_at: null,
  };
}

function saysNothingNew(known: Payment, next: Payment): boolean {
  return (
    known.brand_id === next.brand_id &&
    known.customer_id === next.customer_id &&
    known.order_id === next.order_id &&
    known.subscription_id === next.subscription_id &&
    known.amount_cents === next.amount_cents &&
    known.currency === next.currency &&
    known.status === next.status &&
    known.captured_cents === next.captured_cents &&
    known.stripe_payment_intent_id === next.stripe_payment_intent_id &&
    known.stripe_charge_id === next.stripe_charge_id
  );
}

const isPaidAlike = (known: PaidWith, next: PaidWith): boolean =>
  known.payment_method_type === next.payment_method_type &&
  known.payment_method_brand === next.payment_method_brand &&
  known.payment_method_last4 === next.payment_method_last4;

async function announce(
  tx: Transaction,
  before: Payment | undefined,
  payment: Payment,
  eventType: 'payment.imported' | 'payment.updated',
  cause: string,
): Promise<void> {
  const moved = before !== undefined && nameable(before) !== nameable(payment);
  const customer = before === undefined || moved ? await nameOf(tx, payment) : undefined;
  const customerBefore = moved ? await nameOf(tx, before) : undefined;
  await recordAudit(tx, {
    ...STRIPE,
    brand_id: payment.brand_id,
    event_type: eventType,
    entity_type: 'payment',
    entity_id: payment.payment_id,
    details: {
      cause,
      before:
        before === undefined
          ? null
          : changedFrom(audited(before, customerBefore), audited(payment, customer)),
      ...audited(payment, customer),
    },
  });
  await appendEvent(tx, {
    event_type: 'payment.updated.v1',
    brand_id: payment.brand_id,
    entity_type: 'payment',
    entity_id: payment.payment_id,
    data: { payment_id: payment.payment_id, ...stateOf(payment) },
  });
}

const nameable = ({ brand_id, customer_id }: Payment) => `${brand_id} ${customer_id}`;

/** A payment's customer, as the audit log has them. */
const nameOf = async (tx: Transaction, { brand_id, customer_id, erased_at }: Payment): Promise<string> =>
  erased_at === null ? await customerName(tx, brand_id, customer_id) : customer_id;

const stateOf = (payment: Payment) => ({
  status: payment.status,
  amount_cents: payment.amount_cents,
  currency: payment.currency,
  captured_cents: payment.captured_cents,
  reserved_cents: payment.reserved_cents,
  refunded_cents: payment.refunded_cents,
});

/**
 * What the audit log tells: also whose it is, which the provider may correct. Nothing is ever taken out of that, so the customer is
 * there by name, orders and subscriptions are not.
 */
const audited = (payment: Payment, customer: string | undefined) => ({
  ...stateOf(payment),
  brand_id: payment.brand_id,
  ...(customer === undefined ? {} : { customer }),
  stripe_payment_intent_id: payment.stripe_payment_intent_id,
  stripe_charge_id: payment.stripe_charge_id,
});

import type Stripe from 'stripe';
import { cardByName, REFUND_AMOUNTS, REFUSED_AMOUNTS, type RefundBehaviour } from '../cards.ts';
import { difference } from '../difference.ts';
import { invalidParameter, invalidRequest, noSuchObject, noSuchParameterObject } from '../errors.ts';
import { emitEvent } from '../events.ts';
import { mergeMetadata } from '../forms.ts';
import { formatAmount } from '../money.ts';
import { type DueActions, schedule, unschedule } from '../schedule.ts';
import { transact, type World } from '../world.ts';
import { bookBalance } from './balance.ts';
import { blockingDispute, idOf } from './charges.ts';

export type RefundReason = 'duplicate' | 'fraudulent' | 'requested_by_customer';
export type FailureReason =
  | 'lost_or_stolen_card'
  | 'expired_or_canceled_card'
  | 'charge_for_pending_refund_disputed'
  | 'insufficient_funds'
  | 'declined'
  | 'merchant_request'
  | 'unknown';

export type RefundInput = {
  charge?: string | undefined;
  payment_intent?: string | undefined;
  /** In the currency's smallest unit; omitted: all that is left. */
  amount?: number | undefined;
  reason?: RefundReason | null | undefined;
  metadata?: Record<string, string | null> | null | undefined;
  instructions_email?: string | undefined;
  /** Why it is pending, where it is; default `processing`. Not reachable through Stripe's API. */
  pending_reason?: 'charge_pending' | 'insufficient_funds' | 'processing' | undefined;
  /** Decides what becomes of the refund, over the card and the amount. Not reachable through Stripe's API. */
  behaviour?: RefundBehaviour | undefined;
};

/**
 * A new refund, with Stripe's refusals: nothing to refund, charged back, already refunded, more than is left.
 * Emits `refund.created`, `charge.refunded` where the charge's sum changed, and `refund.failed` where it failed at once.
 */
export function createRefund(world: World, input: RefundInput): Stripe.Refund {
  return transact(world, () => {
    const { charge, card } = chargeToRefund(world, input);
    const amount = refundAmount(world, charge, input.amount);
    const behaviour =
      input.behaviour ?? REFUND_AMOUNTS.get(amount) ?? cardByName(card ?? '')?.refund ?? 'succeeded';

    const created = world.clock.now_s();
    const id = world.ids.next('re');
    const refund: Stripe.Refund = {
      id,
      object: 'refund',
      amount,
      balance_transaction: null,
      charge: charge.id,
      created,
      currency: charge.currency,
      customer: idOf(charge.customer),
      customer_account: null,
      destination_details: {
        card: { reference_status: 'pending', reference_type: 'acquirer_reference_number', type: 'refund' },
        type: 'card',
      },
      metadata: mergeMetadata({}, input.metadata),
      payment_intent: idOf(charge.payment_intent),
      payment_method: charge.payment_method,
      reason: input.reason ?? null,
      receipt_number: null,
      source_transfer_reversal: null,
      status: 'succeeded',
      transfer_reversal: null,
    };
    if (input.instructions_email !== undefined) refund.instructions_email = input.instructions_email;

    if (behaviour === 'failed') {
      refund.status = 'failed';
      refund.failure_reason = 'declined';
      refund.destination_details = {
        card: {
          reference_status: 'unavailable',
          reference_type: 'acquirer_reference_number',
          type: 'refund',
        },
        type: 'card',
      };
      insertRefund(world, refund);
      emitEvent(world, 'refund.created', refund);
      emitEvent(world, 'refund.failed', refund);
      return refund;
    }

    if (behaviour === 'requires_action') {
      refund.status = 'requires_action';
      refund.next_action = {
        type: 'display_details',
        display_details: {
          email_sent: {
            email_sent_at: created,
            email_sent_to: input.instructions_email ?? 'payer@example.com',
          },
          expires_at: created + 45 * 86_400,
        },
      };
    } else if (behaviour.startsWith('pending')) {
      refund.status = 'pending';
      refund.pending_reason = input.pending_reason ?? 'processing';
    }
    if (refund.status === 'succeeded' || refund.status === 'pending')
      refund.balance_transaction = bookBalance(world, {
        type: 'refund',
        amount: -amount,
        currency: charge.currency,
        source: id,
        description: `REFUND FOR CHARGE (${charge.description ?? ''})`,
      }).id;
    insertRefund(world, refund);
    const refunded = addRefunded(world, charge, amount);
    emitEvent(world, 'refund.created', refund);
    emitEvent(world, 'charge.refunded', refunded, difference(charge, refunded));
    scheduleNext(world, refund, behaviour);
    return refund;
  });
}

function insertRefund(world: World, refund: Stripe.Refund): void {
  world.store.insert('refund', refund, {
    customer: idOf(refund.customer),
    payment_intent: idOf(refund.payment_intent),
    charge: idOf(refund.charge),
  });
}

function scheduleNext(world: World, refund: Stripe.Refund, behaviour: RefundBehaviour): void {
  const { refund_settles_s, refund_fails_late_s, refund_arn_s } = world.delays;
  if (behaviour === 'pending_then_succeeded') schedule(world, 'refund.settle', refund.id, refund_settles_s);
  if (behaviour === 'pending_then_failed')
    schedule(world, 'refund.fail', refund.id, refund_settles_s, { failure_reason: 'insufficient_funds' });
  if (behaviour === 'succeeded_then_failed')
    schedule(world, 'refund.fail', refund.id, refund_fails_late_s, {
      failure_reason: 'expired_or_canceled_card',
    });
  if (behaviour === 'succeeded') schedule(world, 'refund.reference', refund.id, refund_arn_s);
}

function chargeToRefund(
  world: World,
  input: RefundInput,
): { charge: Stripe.Charge; card: string | undefined } {
  if (input.charge === undefined && input.payment_intent === undefined)
    throw invalidParameter(
      'One of the following params should be provided for this request: payment_intent or charge.',
      { code: 'parameter_missing' },
    );
  let chargeId = input.charge;
  if (input.payment_intent !== undefined) {
    const intent = world.store.find('payment_intent', input.payment_intent)?.body;
    if (intent === undefined)
      throw noSuchParameterObject('payment_intent', input.payment_intent, 'payment_intent');
    const latest = idOf(intent.latest_charge);
    if (chargeId !== undefined && chargeId !== latest)
      throw invalidRequest(`The charge ${chargeId} does not belong to the payment intent ${intent.id}.`, {
        param: 'charge',
      });
    if (latest === null || world.store.find('charge', latest)?.body.status !== 'succeeded')
      throw invalidRequest(`This PaymentIntent (${intent.id}) does not have a successful charge to refund.`, {
        param: 'payment_intent',
      });
    chargeId = latest;
  }
  const row = world.store.find('charge', chargeId ?? '');
  if (row === undefined) throw noSuchParameterObject('charge', chargeId ?? '', 'charge');
  return { charge: row.body, card: row.hidden.card };
}

function refundAmount(world: World, charge: Stripe.Charge, asked: number | undefined): number {
  if (charge.status !== 'succeeded' || (!charge.captured && charge.refunded))
    throw invalidRequest(
      `This PaymentIntent (${idOf(charge.payment_intent)}) does not have a successful charge to refund.`,
    );
  if (!charge.captured)
    throw invalidRequest(`Charge ${charge.id} cannot be refunded because it was not captured.`, {
      code: 'charge_not_refundable',
    });
  if (charge.disputed && blockingDispute(world, charge.id) !== undefined)
    throw invalidRequest(`Charge ${charge.id} has been charged back; cannot issue a refund.`, {
      code: 'charge_disputed',
    });
  const left = charge.amount_captured - charge.amount_refunded;
  if (left <= 0)
    throw invalidRequest(`Charge ${charge.id} has already been refunded.`, {
      code: 'charge_already_refunded',
    });
  const amount = asked ?? left;
  if (amount > left) {
    const what = charge.amount_refunded === 0 ? 'charge amount' : 'unrefunded amount on charge';
    throw invalidRequest(
      `Refund amount (${formatAmount(amount, charge.currency)}) is greater than ${what} (${formatAmount(left, charge.currency)})`,
      { param: 'amount' },
    );
  }
  if (amount === REFUSED_AMOUNTS.balance_insufficient)
    throw invalidRequest('Insufficient funds in your Stripe balance to refund this amount.', {
      code: 'balance_insufficient',
    });
  if (amount === REFUSED_AMOUNTS.charge_not_refundable)
    throw invalidRequest(`Charge ${charge.id} is not refundable.`, { code: 'charge_not_refundable' });
  return amount;
}

/** Adds to (or, negative, takes from) what a charge has given back. */
function addRefunded(world: World, charge: Stripe.Charge, amount: number): Stripe.Charge {
  const amount_refunded = charge.amount_refunded + amount;
  const changed: Stripe.Charge = {
    ...charge,
    amount_refunded,
    refunded: amount_refunded >= charge.amount_captured,
  };
  world.store.update('charge', changed);
  return changed;
}

export function requireRefund(world: World, id: string): Stripe.Refund {
  const row = world.store.find('refund', id);
  if (row === undefined) throw noSuchObject('refund', id);
  return row.body;
}

function save(world: World, before: Stripe.Refund, after: Stripe.Refund): Stripe.Refund {
  const previous = difference(before, after);
  if (previous === undefined) return before;
  world.store.update('refund', after);
  emitEvent(world, 'refund.updated', after, previous);
  emitEvent(world, 'charge.refund.updated', after, previous);
  return after;
}

/** A pending (or action-wanting) refund has succeeded. Emits `refund.updated` and its old name `charge.refund.updated`. */
export function settleRefund(world: World, id: string): Stripe.Refund {
  return transact(world, () => {
    const refund = requireRefund(world, id);
    if (refund.status !== 'pending' && refund.status !== 'requires_action')
      throw invalidRequest(`Refund ${id} cannot succeed because it has a status of ${refund.status}.`);
    unschedule(world, id);
    const { pending_reason: _pending, next_action: _action, ...rest } = refund;
    const settled: Stripe.Refund = { ...rest, status: 'succeeded' };
    if (settled.balance_transaction === null)
      settled.balance_transaction = bookBalance(world, {
        type: 'refund',
        amount: -refund.amount,
        currency: refund.currency,
        source: refund.id,
      }).id;
    schedule(world, 'refund.reference', id, world.delays.refund_arn_s);
    return save(world, refund, settled);
  });
}

/**
 * A refund has failed, also after it had succeeded. The charge may be refunded again by as much.
 * Emits `refund.failed`, `refund.updated` and `charge.refund.updated`.
 */
export function failRefund(
  world: World,
  id: string,
  failure_reason: FailureReason = 'unknown',
): Stripe.Refund {
  return transact(world, () => {
    const refund = requireRefund(world, id);
    if (refund.status === 'failed' || refund.status === 'canceled')
      throw invalidRequest(`Refund ${id} cannot fail because it has a status of ${refund.status}.`);
    unschedule(world, id);
    const { pending_reason: _pending, next_action: _action, ...rest } = refund;
    const failed: Stripe.Refund = { ...rest, status: 'failed', failure_reason };
    if (refund.balance_transaction !== null)
      failed.failure_balance_transaction = bookBalance(world, {
        type: 'refund_failure',
        amount: refund.amount,
        currency: refund.currency,
        source: refund.id,
        description: `REFUND FAILURE (${refund.id})`,
      }).id;
    free(world, refund);
    const saved = save(world, refund, failed);
    emitEvent(world, 'refund.failed', saved);
    return saved;
  });
}

function free(world: World, refund: Stripe.Refund): void {
  const charge = world.store.find('charge', idOf(refund.charge) ?? '')?.body;
  if (charge !== undefined) addRefunded(world, charge, -refund.amount);
}

/** A pending refund waits for the customer. */
export function requireRefundAction(world: World, id: string, email = 'payer@example.com'): Stripe.Refund {
  return transact(world, () => {
    const refund = requireRefund(world, id);
    if (refund.status !== 'pending')
      throw invalidRequest(`Refund ${id} cannot require action because it has a status of ${refund.status}.`);
    unschedule(world, id);
    const now = world.clock.now_s();
    const { pending_reason: _pending, ...rest } = refund;
    return save(world, refund, {
      ...rest,
      status: 'requires_action',
      next_action: {
        type: 'display_details',
        display_details: {
          email_sent: { email_sent_at: now, email_sent_to: email },
          expires_at: now + 45 * 86_400,
        },
      },
    });
  });
}

/** The acquirer reference number arrives (a random one where none is given), or turns out to be unavailable. */
export function setRefundReference(
  world: World,
  id: string,
  reference?: string,
  status: 'available' | 'unavailable' = 'available',
): Stripe.Refund {
  return transact(world, () => {
    const refund = requireRefund(world, id);
    const card = refund.destination_details?.card;
    if (card === undefined) return refund;
    return save(world, refund, {
      ...refund,
      destination_details: {
        ...refund.destination_details,
        type: 'card',
        card: {
          ...card,
          reference_status: status,
          ...(status === 'available' ? { reference: reference ?? `7${world.ids.digits(22)}` } : {}),
        },
      },
    });
  });
}

/** Sets or unsets metadata. Emits `refund.updated` where something changed. */
export function updateRefund(
  world: World,
  id: string,
  change: { metadata?: Record<string, string | null> | null | undefined },
): Stripe.Refund {
  return transact(world, () => {
    const refund = requireRefund(world, id);
    return save(world, refund, { ...refund, metadata: mergeMetadata(refund.metadata, change.metadata) });
  });
}

/** Cancels a refund that waits for the customer; in any other status Stripe refuses. The charge may be refunded again by as much. */
export function cancelRefund(world: World, id: string): Stripe.Refund {
  return transact(world, () => {
    const refund = requireRefund(world, id);
    if (refund.status !== 'requires_action')
      throw invalidRequest(
        `Refund ${id} cannot be canceled because it has a status of ${refund.status}. Only refunds with a status of requires_action can be canceled.`,
      );
    unschedule(world, id);
    const { next_action: _action, ...rest } = refund;
    free(world, refund);
    return save(world, refund, { ...rest, status: 'canceled' });
  });
}

/** What befalls refunds by itself. An object that is gone or has moved on is left alone. */
export const refundActions: DueActions = {
  'refund.settle': (world, id) => {
    if (world.store.find('refund', id)?.body.status === 'pending') settleRefund(world, id);
  },
  'refund.fail': (world, id, detail) => {
    const status = world.store.find('refund', id)?.body.status;
    if (status === 'pending' || status === 'succeeded')
      failRefund(world, id, detail.failure_reason as FailureReason);
  },
  'refund.reference': (world, id) => {
    const refund = world.store.find('refund', id)?.body;
    if (refund?.status === 'succeeded') setRefundReference(world, id);
  },
};

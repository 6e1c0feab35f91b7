import type Stripe from 'stripe';
import type { Card } from '../cards.ts';
import { difference } from '../difference.ts';
import { type ErrorDetail, invalidRequest, noSuchObject, noSuchParameterObject } from '../errors.ts';
import { emitEvent } from '../events.ts';
import { mergeMetadata } from '../forms.ts';
import { schedule } from '../schedule.ts';
import { transact, type World } from '../world.ts';
import { captureCharge, createCharge, idOf, requireCharge } from './charges.ts';
import { resolvePaymentMethod } from './payment_methods.ts';

export type PaymentIntentInput = {
  /** In the currency's smallest unit. */
  amount: number;
  currency: string;
  customer?: string | null | undefined;
  /** A test card's name (`pm_card_visa`) or a PaymentMethod's id. */
  payment_method?: string | undefined;
  confirm?: boolean | undefined;
  capture_method?: 'automatic' | 'automatic_async' | 'manual' | undefined;
  confirmation_method?: 'automatic' | 'manual' | undefined;
  description?: string | null | undefined;
  metadata?: Record<string, string | null> | null | undefined;
  receipt_email?: string | null | undefined;
  statement_descriptor?: string | null | undefined;
  statement_descriptor_suffix?: string | null | undefined;
  transfer_group?: string | null | undefined;
  setup_future_usage?: 'off_session' | 'on_session' | null | undefined;
  allowed_payment_method_types?: string[] | undefined;
  return_url?: string | undefined;
};

/** A payment intent after a step, and the decline (answered as 402) where the card refused. What a decline did is kept. */
export type PaymentOutcome = { intent: Stripe.PaymentIntent; decline?: ErrorDetail };

/** A new payment intent; emits `payment_intent.created`, and whatever its confirmation emits where `confirm`. */
export function createPaymentIntent(world: World, input: PaymentIntentInput): PaymentOutcome {
  return transact(world, () => {
    const customer = input.customer ?? null;
    if (customer !== null && world.store.find('customer', customer) === undefined)
      throw noSuchParameterObject('customer', customer, 'customer');
    const id = world.ids.next('pi');
    const resolved =
      input.payment_method === undefined
        ? undefined
        : resolvePaymentMethod(world, input.payment_method, customer);
    const intent: Stripe.PaymentIntent = {
      id,
      object: 'payment_intent',
      allowed_payment_method_types: input.allowed_payment_method_types ?? null,
      amount: input.amount,
      amount_capturable: 0,
      amount_details: { tip: {} },
      amount_received: 0,
      application: null,
      application_fee_amount: null,
      automatic_payment_methods:
        input.allowed_payment_method_types === undefined
          ? { allow_redirects: 'always', enabled: true }
          : null,
      canceled_at: null,
      cancellation_reason: null,
      capture_method: input.capture_method ?? 'automatic_async',
      client_secret: `${id}_${world.ids.next('secret')}`,
      confirmation_method: input.confirmation_method ?? 'automatic',
      created: world.clock.now_s(),
      currency: input.currency,
      customer,
      customer_account: null,
      description: input.description ?? null,
      excluded_payment_method_types: null,
      last_payment_error: null,
      latest_charge: null,
      livemode: world.livemode,
      managed_payments: { enabled: false },
      metadata: mergeMetadata({}, input.metadata),
      next_action: null,
      on_behalf_of: null,
      payment_method: resolved?.method.id ?? null,
      payment_method_configuration_details: null,
      payment_method_options: {
        card: {
          installments: null,
          mandate_options: null,
          network: null,
          request_three_d_secure: 'automatic',
        },
      },
      payment_method_types: input.allowed_payment_method_types ?? ['card'],
      payment_record: null,
      processing: null,
      receipt_email: input.receipt_email ?? null,
      review: null,
      setup_future_usage: input.setup_future_usage ?? null,
      shipping: null,
      source: null,
      statement_descriptor: input.statement_descriptor ?? null,
      statement_descriptor_suffix: input.statement_descriptor_suffix ?? null,
      status: resolved === undefined ? 'requires_payment_method' : 'requires_confirmation',
      transfer_data: null,
      transfer_group: input.transfer_group ?? null,
    };
    world.store.insert('payment_intent', intent, { customer });
    emitEvent(world, 'payment_intent.created', intent);
    if (input.confirm !== true) return { intent };
    if (resolved === undefined) throw missingMethod();
    return confirm(world, intent, resolved.method, resolved.card, input.return_url);
  });
}

const missingMethod = () =>
  invalidRequest(
    "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.",
    { code: 'payment_intent_unexpected_state' },
  );

const unexpectedState = (verb: string, intent: Stripe.PaymentIntent, allowed: string) =>
  invalidRequest(
    `This PaymentIntent could not be ${verb} because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be ${verb}: ${allowed}.`,
    { code: 'payment_intent_unexpected_state' },
  );

export function requirePaymentIntent(world: World, id: string): Stripe.PaymentIntent {
  const row = world.store.find('payment_intent', id);
  if (row === undefined) throw noSuchObject('payment_intent', id, 'intent');
  return row.body;
}

/** Confirms a payment intent, with another payment method where one is given. */
export function confirmPaymentIntent(
  world: World,
  id: string,
  input: { payment_method?: string; return_url?: string; receipt_email?: string | null } = {},
): PaymentOutcome {
  return transact(world, () => {
    const intent = requirePaymentIntent(world, id);
    if (intent.status !== 'requires_payment_method' && intent.status !== 'requires_confirmation')
      throw invalidRequest(
        `You cannot confirm this PaymentIntent because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be confirmed: requires_confirmation, requires_payment_method, requires_action.`,
        { code: 'payment_intent_unexpected_state' },
      );
    const methodId = input.payment_method ?? idOf(intent.payment_method);
    if (methodId === null) throw missingMethod();
    const { method, card } = resolvePaymentMethod(world, methodId, idOf(intent.customer));
    const changed =
      input.receipt_email === undefined ? intent : { ...intent, receipt_email: input.receipt_email };
    return confirm(world, changed, method, card, input.return_url);
  });
}

function confirm(
  world: World,
  intent: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
  card: Card,
  return_url: string | undefined,
): PaymentOutcome {
  const ready: Stripe.PaymentIntent = { ...intent, payment_method: method.id, last_payment_error: null };
  if (card.authentication === true) {
    const waiting: Stripe.PaymentIntent = {
      ...ready,
      status: 'requires_action',
      next_action:
        return_url === undefined
          ? { type: 'use_stripe_sdk', use_stripe_sdk: {} }
          : {
              type: 'redirect_to_url',
              redirect_to_url: {
                return_url,
                url: `https://hooks.stripe.com/3d_secure_2/hosted?payment_intent=${intent.id}`,
              },
            },
    };
    world.store.update('payment_intent', waiting);
    emitEvent(world, 'payment_intent.requires_action', waiting);
    return { intent: waiting };
  }
  return charge(world, ready, method, card);
}

function charge(
  world: World,
  intent: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
  card: Card,
): PaymentOutcome {
  const capture = intent.capture_method !== 'manual';
  const made = createCharge(world, intent, method, card, capture);
  if (card.decline !== undefined) {
    const detail: ErrorDetail = {
      type: 'card_error',
      code: card.decline.code,
      message: card.decline.message,
      charge: made.id,
      ...(card.decline.decline_code === undefined ? {} : { decline_code: card.decline.decline_code }),
    };
    const failed: Stripe.PaymentIntent = {
      ...intent,
      status: 'requires_payment_method',
      payment_method: null,
      latest_charge: made.id,
      next_action: null,
      last_payment_error: {
        type: 'card_error',
        charge: made.id,
        code: card.decline.code,
        ...(card.decline.decline_code === undefined ? {} : { decline_code: card.decline.decline_code }),
        doc_url: `https://stripe.com/docs/error-codes/${card.decline.code.replaceAll('_', '-')}`,
        message: card.decline.message,
        payment_method: method,
      },
    };
    world.store.update('payment_intent', failed);
    emitEvent(world, 'charge.failed', made);
    emitEvent(world, 'payment_intent.payment_failed', failed);
    return { intent: failed, decline: { ...detail, payment_intent: failed, payment_method: method } };
  }
  const paid: Stripe.PaymentIntent = {
    ...intent,
    status: capture ? 'succeeded' : 'requires_capture',
    amount_received: capture ? intent.amount : 0,
    amount_capturable: capture ? 0 : intent.amount,
    latest_charge: made.id,
    next_action: null,
  };
  world.store.update('payment_intent', paid);
  emitEvent(world, 'charge.succeeded', made);
  emitEvent(world, capture ? 'payment_intent.succeeded' : 'payment_intent.amount_capturable_updated', paid);
  if (card.dispute !== undefined)
    schedule(world, 'dispute.open', made.id, world.delays.dispute_opens_s, card.dispute);
  return { intent: paid };
}

/** Does what the cardholder does in 3-D Secure: passes it or fails it. Control only; Stripe has no such route for a server. */
export function completePaymentAction(world: World, id: string, passed: boolean): PaymentOutcome {
  return transact(world, () => {
    const intent = requirePaymentIntent(world, id);
    if (intent.status !== 'requires_action') throw unexpectedState('completed', intent, 'requires_action');
    const { method, card } = resolvePaymentMethod(world, idOf(intent.payment_method) ?? '');
    const outcome: Card = passed
      ? card
      : {
          ...card,
          decline: {
            code: 'payment_intent_authentication_failure',
            message: 'The provided PaymentMethod has failed authentication.',
          },
        };
    const result = charge(world, intent, method, outcome);
    return { intent: result.intent };
  });
}

/** Captures an authorized payment intent, all of it or `amount_to_capture`; the rest is released. */
export function capturePaymentIntent(
  world: World,
  id: string,
  input: { amount_to_capture?: number; metadata?: Record<string, string | null> | null } = {},
): Stripe.PaymentIntent {
  return transact(world, () => {
    const intent = requirePaymentIntent(world, id);
    if (intent.status !== 'requires_capture') throw unexpectedState('captured', intent, 'requires_capture');
    const amount = input.amount_to_capture ?? intent.amount_capturable;
    if (amount > intent.amount_capturable)
      throw invalidRequest(
        `The requested capture amount is greater than the amount you can capture for this charge.`,
        { code: 'amount_too_large', param: 'amount_to_capture' },
      );
    const held = requireCharge(world, idOf(intent.latest_charge) ?? '');
    const captured = captureCharge(world, held, amount);
    const paid: Stripe.PaymentIntent = {
      ...intent,
      status: 'succeeded',
      amount_received: amount,
      amount_capturable: 0,
      metadata: mergeMetadata(intent.metadata, input.metadata),
    };
    world.store.update('payment_intent', paid);
    emitEvent(world, 'charge.captured', captured, difference(held, captured));
    emitEvent(world, 'payment_intent.succeeded', paid);
    return paid;
  });
}

export type CancellationReason = 'abandoned' | 'duplicate' | 'fraudulent' | 'requested_by_customer';

/** Cancels a payment intent that took no money; an authorization is released. */
export function cancelPaymentIntent(
  world: World,
  id: string,
  reason?: CancellationReason,
): Stripe.PaymentIntent {
  return transact(world, () => {
    const intent = requirePaymentIntent(world, id);
    const allowed = [
      'requires_payment_method',
      'requires_capture',
      'requires_confirmation',
      'requires_action',
      'processing',
    ];
    if (!allowed.includes(intent.status))
      throw invalidRequest(
        `You cannot cancel this PaymentIntent because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be canceled: ${allowed.join(', ')}.`,
        { code: 'payment_intent_unexpected_state' },
      );
    if (intent.status === 'requires_capture') {
      const held = requireCharge(world, idOf(intent.latest_charge) ?? '');
      const released: Stripe.Charge = { ...held, refunded: true, amount_refunded: held.amount };
      world.store.update('charge', released);
      emitEvent(world, 'charge.refunded', released, difference(held, released));
    }
    const canceled: Stripe.PaymentIntent = {
      ...intent,
      status: 'canceled',
      canceled_at: world.clock.now_s(),
      cancellation_reason: reason ?? null,
      amount_capturable: 0,
      next_action: null,
    };
    world.store.update('payment_intent', canceled);
    emitEvent(world, 'payment_intent.canceled', canceled);
    return canceled;
  });
}

export type PaymentIntentChange = {
  amount?: number | undefined;
  customer?: string | undefined;
  description?: string | null | undefined;
  metadata?: Record<string, string | null> | null | undefined;
  payment_method?: string | undefined;
  receipt_email?: string | null | undefined;
};

/** Changes a payment intent. Stripe has no `payment_intent.updated` event, and so none is sent. */
export function updatePaymentIntent(
  world: World,
  id: string,
  change: PaymentIntentChange,
): Stripe.PaymentIntent {
  return transact(world, () => {
    const intent = requirePaymentIntent(world, id);
    const open = intent.status === 'requires_payment_method' || intent.status === 'requires_confirmation';
    if (
      !open &&
      (change.amount !== undefined || change.payment_method !== undefined || change.customer !== undefined)
    )
      throw invalidRequest(
        `This PaymentIntent's ${change.amount === undefined ? 'payment_method' : 'amount'} could not be updated because it has a status of ${intent.status}. You may only update the ${change.amount === undefined ? 'payment_method' : 'amount'} of a PaymentIntent with one of the following statuses: requires_payment_method, requires_confirmation, requires_action.`,
        { code: 'payment_intent_unexpected_state' },
      );
    if (change.customer !== undefined && world.store.find('customer', change.customer) === undefined)
      throw noSuchParameterObject('customer', change.customer, 'customer');
    const method =
      change.payment_method === undefined
        ? undefined
        : resolvePaymentMethod(world, change.payment_method, idOf(intent.customer)).method;
    const changed: Stripe.PaymentIntent = {
      ...intent,
      amount: change.amount ?? intent.amount,
      customer: change.customer ?? intent.customer,
      description: change.description === undefined ? intent.description : change.description,
      metadata: mergeMetadata(intent.metadata, change.metadata),
      receipt_email: change.receipt_email === undefined ? intent.receipt_email : change.receipt_email,
      payment_method: method?.id ?? intent.payment_method,
      status: method !== undefined && open ? 'requires_confirmation' : intent.status,
    };
    world.store.update('payment_intent', changed, { customer: idOf(changed.customer) });
    return changed;
  });
}

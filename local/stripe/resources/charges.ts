import type Stripe from 'stripe';
import { type Card, cardName } from '../cards.ts';
import { difference } from '../difference.ts';
import { noSuchObject } from '../errors.ts';
import { emitEvent } from '../events.ts';
import { mergeMetadata } from '../forms.ts';
import { transact, type World } from '../world.ts';
import { bookBalance, chargeFee } from './balance.ts';

export const idOf = (reference: string | { id: string } | null | undefined): string | null =>
  reference === null || reference === undefined
    ? null
    : typeof reference === 'string'
      ? reference
      : reference.id;

const outcomeOf = (card: Card): Stripe.Charge.Outcome =>
  card.decline === undefined
    ? {
        advice_code: null,
        network_advice_code: null,
        network_decline_code: null,
        network_status: 'approved_by_network',
        reason: null,
        risk_level: 'normal',
        risk_score: 12,
        seller_message: 'Payment complete.',
        type: 'authorized',
      }
    : {
        advice_code: 'try_again_later',
        network_advice_code: null,
        network_decline_code: null,
        network_status: 'declined_by_network',
        reason: card.decline.decline_code ?? card.decline.code,
        risk_level: 'normal',
        risk_score: 12,
        seller_message: 'The bank did not return any further details with this decline.',
        type: 'issuer_declined',
      };

/** The charge of a confirmed payment intent: paid (and captured, where `capture`), or failed where the card declines. No events. */
export function createCharge(
  world: World,
  intent: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
  card: Card,
  capture: boolean,
): Stripe.Charge {
  const id = world.ids.next('ch');
  const succeeded = card.decline === undefined;
  const captured = succeeded && capture;
  const transaction = captured
    ? bookBalance(world, {
        type: 'charge',
        amount: intent.amount,
        currency: intent.currency,
        source: id,
        description: intent.description,
        fee: chargeFee(intent.amount),
      })
    : null;
  const charge: Stripe.Charge = {
    id,
    object: 'charge',
    amount: intent.amount,
    amount_captured: captured ? intent.amount : 0,
    amount_refunded: 0,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: transaction?.id ?? null,
    billing_details: method.billing_details,
    calculated_statement_descriptor: 'PAYMENTS LOCAL',
    captured,
    created: world.clock.now_s(),
    currency: intent.currency,
    customer: idOf(intent.customer),
    description: intent.description,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: card.decline?.code ?? null,
    failure_message: card.decline?.message ?? null,
    fraud_details: {},
    livemode: world.livemode,
    metadata: intent.metadata,
    on_behalf_of: null,
    outcome: outcomeOf(card),
    paid: succeeded,
    payment_intent: intent.id,
    payment_method: method.id,
    payment_method_details: {
      card: {
        amount_authorized: succeeded ? intent.amount : null,
        authorization_code: succeeded ? world.ids.digits(6) : null,
        brand: card.brand,
        checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: 'pass' },
        country: card.country,
        electronic_commerce_indicator: null,
        exp_month: 12,
        exp_year: 2034,
        extended_authorization: { status: 'disabled' },
        fingerprint: `fp${card.number.slice(-12)}`,
        funding: card.funding,
        incremental_authorization: { status: 'unavailable' },
        installments: null,
        last4: card.number.slice(-4),
        mandate: null,
        multicapture: { status: 'unavailable' },
        network: card.brand,
        network_token: { used: false },
        network_transaction_id: world.ids.digits(15),
        overcapture: { maximum_amount_capturable: intent.amount, status: 'unavailable' },
        regulated_status: 'unregulated',
        three_d_secure: null,
        transaction_link_id: null,
        wallet: null,
      },
      type: 'card',
    },
    receipt_email: intent.receipt_email,
    receipt_number: null,
    receipt_url: succeeded ? `https://pay.stripe.com/receipts/payment/${id}` : null,
    refunded: false,
    review: null,
    shipping: null,
    source: null,
    source_transfer: null,
    statement_descriptor: intent.statement_descriptor,
    statement_descriptor_suffix: intent.statement_descriptor_suffix,
    status: succeeded ? 'succeeded' : 'failed',
    transfer_data: null,
    transfer_group: intent.transfer_group,
  };
  world.store.insert(
    'charge',
    charge,
    { customer: idOf(charge.customer), payment_intent: intent.id },
    { card: cardName(card) },
  );
  return charge;
}

/** Captures `amount` of an authorized charge; the rest is released. No events. */
export function captureCharge(world: World, charge: Stripe.Charge, amount: number): Stripe.Charge {
  const transaction = bookBalance(world, {
    type: 'charge',
    amount,
    currency: charge.currency,
    source: charge.id,
    description: charge.description,
    fee: chargeFee(amount),
  });
  const captured: Stripe.Charge = {
    ...charge,
    amount_captured: amount,
    captured: true,
    balance_transaction: transaction.id,
  };
  world.store.update('charge', captured);
  return captured;
}

export function requireCharge(world: World, id: string): Stripe.Charge {
  const row = world.store.find('charge', id);
  if (row === undefined) throw noSuchObject('charge', id);
  return row.body;
}

export type ChargeChange = {
  metadata?: Record<string, string | null> | null | undefined;
  description?: string | null | undefined;
  receipt_email?: string | null | undefined;
};

/** Changes what may be changed of a charge; emits `charge.updated` where something changed. */
export function updateCharge(world: World, id: string, change: ChargeChange): Stripe.Charge {
  return transact(world, () => {
    const charge = requireCharge(world, id);
    const changed: Stripe.Charge = {
      ...charge,
      metadata: mergeMetadata(charge.metadata, change.metadata),
      description: change.description === undefined ? charge.description : change.description,
      receipt_email: change.receipt_email === undefined ? charge.receipt_email : change.receipt_email,
    };
    const previous = difference(charge, changed);
    if (previous === undefined) return charge;
    world.store.update('charge', changed);
    emitEvent(world, 'charge.updated', changed, previous);
    return changed;
  });
}

/** The dispute that forbids refunding the charge, if there is one. */
export function blockingDispute(world: World, charge: string): Stripe.Dispute | undefined {
  const rows = world.store.list('dispute', { where: { charge }, created: {}, limit: 100 });
  return rows.find((row) => !row.body.is_charge_refundable)?.body;
}

import type Stripe from 'stripe';
import { type Card, cardByName, cardName } from '../cards.ts';
import { noSuchParameterObject } from '../errors.ts';
import { transact, type World } from '../world.ts';

/** A PaymentMethod made of a test card. */
export function createPaymentMethod(
  world: World,
  card: Card,
  customer: string | null = null,
): Stripe.PaymentMethod {
  return transact(world, () => {
    const method: Stripe.PaymentMethod = {
      id: world.ids.next('pm'),
      object: 'payment_method',
      allow_redisplay: 'unspecified',
      billing_details: {
        address: { city: null, country: null, line1: null, line2: null, postal_code: null, state: null },
        email: null,
        name: null,
        phone: null,
        tax_id: null,
      },
      card: {
        brand: card.brand,
        checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: null },
        country: card.country,
        display_brand: card.brand,
        exp_month: 12,
        exp_year: 2034,
        fingerprint: `fp${card.number.slice(-12)}`,
        funding: card.funding,
        generated_from: null,
        last4: card.number.slice(-4),
        networks: { available: [card.brand], preferred: null },
        regulated_status: 'unregulated',
        three_d_secure_usage: { supported: true },
        wallet: null,
      },
      created: world.clock.now_s(),
      customer,
      customer_account: null,
      livemode: world.livemode,
      metadata: {},
      type: 'card',
    };
    world.store.insert('payment_method', method, { customer }, { card: cardName(card) });
    return method;
  });
}

/** The PaymentMethod and its card for what a `payment_method` parameter names: a test card's name or a PaymentMethod's id. */
export function resolvePaymentMethod(
  world: World,
  nameOrId: string,
  customer: string | null = null,
): { method: Stripe.PaymentMethod; card: Card } {
  const named = cardByName(nameOrId);
  if (named !== undefined) return { method: createPaymentMethod(world, named, customer), card: named };
  const row = world.store.find('payment_method', nameOrId);
  const card = row === undefined ? undefined : cardByName(row.hidden.card ?? '');
  if (row === undefined || card === undefined)
    throw noSuchParameterObject('PaymentMethod', nameOrId, 'payment_method');
  return { method: row.body, card };
}

import type Stripe from 'stripe';
import { noSuchObject } from '../errors.ts';
import { emitEvent } from '../events.ts';
import { transact, type World } from '../world.ts';
import { idOf } from './charges.ts';
import { requirePaymentIntent } from './payment_intents.ts';

export type InvoicePaymentInput = {
  /** The payment intent that paid. */
  payment_intent: string;
  /** An invoice that exists already; without one, a paid invoice of `subscription` is made. */
  invoice?: string | undefined;
  subscription?: string | undefined;
};

/**
 * A subscription's invoice, paid by a payment intent: since 2025-03-31 this is how a payment belongs to an invoice
 * (PaymentIntent and Charge no longer carry one). Emits `invoice_payment.paid`.
 */
export function createInvoicePayment(world: World, input: InvoicePaymentInput): Stripe.InvoicePayment {
  return transact(world, () => {
    const intent = requirePaymentIntent(world, input.payment_intent);
    const now = world.clock.now_s();
    const invoice =
      input.invoice === undefined
        ? createInvoice(world, intent, input.subscription ?? null)
        : requireInvoice(world, input.invoice);
    const payment: Stripe.InvoicePayment = {
      id: world.ids.next('inpay'),
      object: 'invoice_payment',
      amount_paid: intent.amount_received,
      amount_requested: intent.amount,
      created: now,
      currency: intent.currency,
      invoice: invoice.id,
      is_default: true,
      livemode: world.livemode,
      payment: { payment_intent: intent.id, type: 'payment_intent' },
      status: 'paid',
      status_transitions: { canceled_at: null, paid_at: now },
    };
    world.store.insert('invoice_payment', payment, {
      invoice: invoice.id,
      payment_intent: intent.id,
      customer: idOf(intent.customer),
      status: payment.status,
    });
    emitEvent(world, 'invoice_payment.paid', payment);
    return payment;
  });
}

export function requireInvoicePayment(world: World, id: string): Stripe.InvoicePayment {
  const row = world.store.find('invoice_payment', id);
  if (row === undefined) throw noSuchObject('invoice_payment', id);
  return row.body;
}

export function requireInvoice(world: World, id: string): Stripe.Invoice {
  const row = world.store.find('invoice', id);
  if (row === undefined) throw noSuchObject('invoice', id);
  return row.body;
}

function createInvoice(
  world: World,
  intent: Stripe.PaymentIntent,
  subscription: string | null,
): Stripe.Invoice {
  const now = world.clock.now_s();
  const amount = intent.amount;
  const id = world.ids.next('in');
  const customer = idOf(intent.customer);
  const payer = customer === null ? undefined : world.store.find('customer', customer)?.body;
  const invoice: Stripe.Invoice = {
    id,
    object: 'invoice',
    account_country: 'US',
    account_name: null,
    account_tax_ids: null,
    amount_due: amount,
    amount_overpaid: 0,
    amount_paid: amount,
    amount_remaining: 0,
    amount_shipping: 0,
    application: null,
    attempt_count: 1,
    attempted: true,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null },
    automatically_finalizes_at: null,
    billing_reason: subscription === null ? 'manual' : 'subscription_cycle',
    collection_method: 'charge_automatically',
    created: now,
    currency: intent.currency,
    custom_fields: null,
    customer,
    customer_account: null,
    customer_address: null,
    customer_email: payer?.email ?? null,
    customer_name: payer?.name ?? null,
    customer_phone: null,
    customer_shipping: null,
    customer_tax_exempt: 'none',
    default_payment_method: null,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    due_date: null,
    effective_at: now,
    ending_balance: 0,
    footer: null,
    from_invoice: null,
    issuer: { type: 'self' },
    last_finalization_error: null,
    latest_revision: null,
    lines: { object: 'list', data: [], has_more: false, url: `/v1/invoices/${id}/lines` },
    livemode: world.livemode,
    metadata: {},
    next_payment_attempt: null,
    number: `LOCAL-${world.ids.digits(8)}`,
    on_behalf_of: null,
    parent:
      subscription === null
        ? null
        : {
            quote_details: null,
            subscription_details: { metadata: {}, subscription },
            type: 'subscription_details',
          },
    payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null },
    period_end: now,
    period_start: now,
    post_payment_credit_notes_amount: 0,
    pre_payment_credit_notes_amount: 0,
    receipt_number: null,
    rendering: null,
    shipping_cost: null,
    shipping_details: null,
    starting_balance: 0,
    statement_descriptor: null,
    status: 'paid',
    status_transitions: { finalized_at: now, marked_uncollectible_at: null, paid_at: now, voided_at: null },
    subtotal: amount,
    subtotal_excluding_tax: amount,
    test_clock: null,
    total: amount,
    total_discount_amounts: [],
    total_excluding_tax: amount,
    total_pretax_credit_amounts: [],
    total_taxes: [],
    webhooks_delivered_at: now,
  };
  world.store.insert('invoice', invoice, { customer });
  return invoice;
}

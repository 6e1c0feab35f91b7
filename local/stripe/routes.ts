import { cardByNumber } from './cards.ts';
import { renderEvent } from './delivery.ts';
import {
  invalidParameter,
  noSuchObject,
  noSuchParameterObject,
  notImplemented,
  StripeFailure,
} from './errors.ts';
import { EVENT_RETENTION_S } from './events.ts';
import { missing, type Params } from './forms.ts';
import { type Answer, type Http, keepEffects } from './http.ts';
import { isCurrency } from './money.ts';
import { listPage, readPage } from './pagination.ts';
import { balance } from './resources/balance.ts';
import { requireCharge, updateCharge } from './resources/charges.ts';
import {
  type CustomerInput,
  createCustomer,
  deleteCustomer,
  requireCustomer,
  updateCustomer,
} from './resources/customers.ts';
import { requireDispute, setDisputeStatus, updateDispute } from './resources/disputes.ts';
import { requireInvoice, requireInvoicePayment } from './resources/invoice_payments.ts';
import {
  cancelPaymentIntent,
  capturePaymentIntent,
  confirmPaymentIntent,
  createPaymentIntent,
  type PaymentIntentInput,
  type PaymentOutcome,
  requirePaymentIntent,
  updatePaymentIntent,
} from './resources/payment_intents.ts';
import { createPaymentMethod } from './resources/payment_methods.ts';
import {
  cancelRefund,
  createRefund,
  type RefundInput,
  type RefundReason,
  requireRefund,
  updateRefund,
} from './resources/refunds.ts';
import {
  createWebhookEndpoint,
  deleteWebhookEndpoint,
  requireWebhookEndpoint,
  updateWebhookEndpoint,
} from './resources/webhook_endpoints.ts';
import type { Columns } from './store.ts';
import type { World } from './world.ts';

/** Removes what was not given, so that an absent parameter and an undefined one are the same. */
function given<T extends object>(input: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)) as T;
}

const required = <T>(value: T | undefined, param: string): T => {
  if (value === undefined) throw missing(param);
  return value;
};

const where = (columns: Record<string, string | undefined>): Columns => given<Columns>(columns);

/** The columns of a filter that names other objects; like Stripe, refuses a name that nobody has. */
function naming(
  world: World,
  names: { charge?: string | undefined; customer?: string | undefined; payment_intent?: string | undefined },
): Columns {
  for (const kind of ['charge', 'customer', 'payment_intent'] as const) {
    const id = names[kind];
    if (id === undefined || world.store.find(kind, id) !== undefined) continue;
    if (kind === 'customer' && world.store.find('deleted_customer', id) !== undefined) continue;
    throw noSuchParameterObject(kind, id, kind);
  }
  return where(names);
}

/** Every route of Stripe's API that the stand-in speaks. What is not here is answered with 501. */
export function addRoutes(http: Pick<Http, 'route'>): void {
  const { route } = http;
  customers(route);
  paymentMethods(route);
  paymentIntents(route);
  charges(route);
  refunds(route);
  disputes(route);
  events(route);
  webhookEndpoints(route);
  invoicePayments(route);
  account(route);
}

type Route = Http['route'];

function customers(route: Route): void {
  const common = [
    'address',
    'balance',
    'business_name',
    'cash_balance',
    'individual_name',
    'invoice_prefix',
    'invoice_settings',
    'next_invoice_sequence',
    'preferred_locales',
    'shipping',
    'source',
    'tax',
    'tax_exempt',
    'validate',
  ];
  const read = (params: Params, unsupported: string[]): CustomerInput => {
    const input = given<CustomerInput>({
      email: params.unsettable('email'),
      name: params.unsettable('name'),
      phone: params.unsettable('phone'),
      description: params.unsettable('description'),
      metadata: params.metadata(),
    });
    params.done([...common, ...unsupported]);
    return input;
  };
  route('POST', '/v1/customers', ({ world, params }) =>
    createCustomer(world, read(params, ['payment_method', 'tax_id_data', 'test_clock'])),
  );
  route('GET', '/v1/customers/:id', ({ world, params, id }) => {
    params.done();
    return world.store.find('deleted_customer', id)?.body ?? requireCustomer(world, id);
  });
  route('POST', '/v1/customers/:id', ({ world, params, id }) =>
    updateCustomer(world, id, read(params, ['default_source'])),
  );
  route('DELETE', '/v1/customers/:id', ({ world, params, id }) => {
    params.done();
    return deleteCustomer(world, id);
  });
  route('GET', '/v1/customers', ({ world, params }) => {
    const page = readPage(params);
    const filter = { where: where({ email: params.string('email') }), created: params.range('created') };
    params.done(['test_clock']);
    return listPage(world, 'customer', '/v1/customers', page, filter);
  });
  route('GET', '/v1/customers/search', () => {
    throw notImplemented('GET', '/v1/customers/search');
  });
}

function paymentMethods(route: Route): void {
  route('POST', '/v1/payment_methods', ({ world, params }) => {
    const type = required(params.oneOf('type', ['card']), 'type');
    const details = required(params.map('card'), type);
    const number = required(details.string('number'), 'card[number]');
    for (const name of ['exp_month', 'exp_year']) details.integer(name);
    details.string('cvc');
    details.done(['networks', 'token']);
    params.done(['allow_redisplay', 'billing_details', 'customer', 'metadata', 'payment_method']);
    const card = cardByNumber(number);
    if (card === undefined)
      throw new StripeFailure(402, {
        type: 'card_error',
        code: 'incorrect_number',
        message: 'Your card number is incorrect.',
        param: 'number',
      });
    return createPaymentMethod(world, card);
  });
  route('GET', '/v1/payment_methods/:id', ({ world, params, id }) => {
    params.done();
    const row = world.store.find('payment_method', id);
    if (row === undefined) throw noSuchObject('PaymentMethod', id, 'payment_method');
    return row.body;
  });
}

const outcome = (result: PaymentOutcome): Answer =>
  result.decline === undefined ? result.intent : keepEffects(new StripeFailure(402, result.decline));

function paymentIntents(route: Route): void {
  route('POST', '/v1/payment_intents', ({ world, params }) => {
    const currency = params.string('currency')?.toLowerCase();
    const automatic = params.map('automatic_payment_methods');
    automatic?.boolean('enabled');
    automatic?.oneOf('allow_redirects', ['always', 'never']);
    const input = given<PaymentIntentInput>({
      amount: required(params.integer('amount', { min: 1, max: 99_999_999_99 }), 'amount'),
      currency: required(currency, 'currency'),
      customer: params.string('customer'),
      payment_method: params.string('payment_method'),
      confirm: params.boolean('confirm'),
      capture_method: params.oneOf('capture_method', ['automatic', 'automatic_async', 'manual']),
      confirmation_method: params.oneOf('confirmation_method', ['automatic', 'manual']),
      description: params.unsettable('description'),
      metadata: params.metadata(),
      receipt_email: params.unsettable('receipt_email'),
      statement_descriptor: params.unsettable('statement_descriptor'),
      statement_descriptor_suffix: params.unsettable('statement_descriptor_suffix'),
      transfer_group: params.string('transfer_group'),
      setup_future_usage: params.oneOf<'off_session' | 'on_session'>('setup_future_usage', [
        'off_session',
        'on_session',
      ]),
      allowed_payment_method_types: params.list('allowed_payment_method_types'),
      return_url: params.string('return_url'),
    });
    params.boolean('off_session');
    params.done([
      'amount_details',
      'application_fee_amount',
      'confirmation_token',
      'customer_account',
      'error_on_requires_action',
      'excluded_payment_method_types',
      'hooks',
      'mandate',
      'mandate_data',
      'on_behalf_of',
      'payment_details',
      'payment_method_configuration',
      'payment_method_data',
      'payment_method_options',
      'radar_options',
      'shipping',
      'transfer_data',
      'use_stripe_sdk',
    ]);
    const other = input.allowed_payment_method_types?.find((type) => type !== 'card' && type !== 'link');
    if (other !== undefined)
      throw notImplemented('POST', '/v1/payment_intents', `the payment method type ${other}`);
    if (!isCurrency(input.currency))
      throw invalidParameter(`Invalid currency: ${input.currency}.`, { param: 'currency' });
    return outcome(createPaymentIntent(world, input));
  });
  route('GET', '/v1/payment_intents/search', () => {
    throw notImplemented('GET', '/v1/payment_intents/search');
  });
  route('GET', '/v1/payment_intents/:id', ({ world, params, id }) => {
    params.string('client_secret');
    params.done();
    return requirePaymentIntent(world, id);
  });
  route('GET', '/v1/payment_intents', ({ world, params }) => {
    const page = readPage(params);
    const filter = {
      where: naming(world, { customer: params.string('customer') }),
      created: params.range('created'),
    };
    params.done(['customer_account']);
    return listPage(world, 'payment_intent', '/v1/payment_intents', page, filter);
  });
  route('POST', '/v1/payment_intents/:id', ({ world, params, id }) => {
    const change = {
      amount: params.integer('amount', { min: 1 }),
      customer: params.string('customer'),
      description: params.unsettable('description'),
      metadata: params.metadata(),
      payment_method: params.string('payment_method'),
      receipt_email: params.unsettable('receipt_email'),
    };
    params.done([
      'allowed_payment_method_types',
      'amount_details',
      'application_fee_amount',
      'capture_method',
      'currency',
      'customer_account',
      'excluded_payment_method_types',
      'hooks',
      'payment_details',
      'payment_method_configuration',
      'payment_method_data',
      'payment_method_options',
      'setup_future_usage',
      'shipping',
      'statement_descriptor',
      'statement_descriptor_suffix',
      'transfer_data',
      'transfer_group',
    ]);
    return updatePaymentIntent(world, id, change);
  });
  route('POST', '/v1/payment_intents/:id/confirm', ({ world, params, id }) => {
    const input = given<{ payment_method?: string; return_url?: string; receipt_email?: string | null }>({
      payment_method: params.string('payment_method'),
      return_url: params.string('return_url'),
      receipt_email: params.unsettable('receipt_email'),
    });
    params.boolean('off_session');
    params.done([
      'allowed_payment_method_types',
      'amount_details',
      'amount_to_confirm',
      'capture_method',
      'confirmation_token',
      'error_on_requires_action',
      'excluded_payment_method_types',
      'hooks',
      'mandate',
      'mandate_data',
      'payment_details',
      'payment_method_data',
      'payment_method_options',
      'radar_options',
      'setup_future_usage',
      'shipping',
      'use_stripe_sdk',
    ]);
    return outcome(confirmPaymentIntent(world, id, input));
  });
  route('POST', '/v1/payment_intents/:id/capture', ({ world, params, id }) => {
    const input = given<{ amount_to_capture?: number; metadata?: Record<string, string | null> | null }>({
      amount_to_capture: params.integer('amount_to_capture', { min: 1 }),
      metadata: params.metadata(),
    });
    params.done([
      'amount_details',
      'application_fee_amount',
      'final_capture',
      'hooks',
      'payment_details',
      'statement_descriptor',
      'statement_descriptor_suffix',
      'transfer_data',
    ]);
    return capturePaymentIntent(world, id, input);
  });
  route('POST', '/v1/payment_intents/:id/cancel', ({ world, params, id }) => {
    const reason = params.oneOf('cancellation_reason', [
      'duplicate',
      'fraudulent',
      'requested_by_customer',
      'abandoned',
    ]);
    params.done();
    return cancelPaymentIntent(world, id, reason);
  });
}

function charges(route: Route): void {
  route('GET', '/v1/charges/search', () => {
    throw notImplemented('GET', '/v1/charges/search');
  });
  route('GET', '/v1/charges/:id', ({ world, params, id }) => {
    params.done();
    return requireCharge(world, id);
  });
  route('GET', '/v1/charges', ({ world, params }) => {
    const page = readPage(params);
    const filter = {
      where: naming(world, {
        customer: params.string('customer'),
        payment_intent: params.string('payment_intent'),
      }),
      created: params.range('created'),
    };
    params.done(['transfer_group']);
    return listPage(world, 'charge', '/v1/charges', page, filter);
  });
  route('POST', '/v1/charges/:id', ({ world, params, id }) => {
    const change = {
      metadata: params.metadata(),
      description: params.unsettable('description'),
      receipt_email: params.unsettable('receipt_email'),
    };
    params.done(['customer', 'fraud_details', 'shipping', 'transfer_group']);
    return updateCharge(world, id, change);
  });
}

function refunds(route: Route): void {
  route('POST', '/v1/refunds', ({ world, params }) => {
    const input = given<RefundInput>({
      charge: params.string('charge'),
      payment_intent: params.string('payment_intent'),
      amount: params.integer('amount', { min: 1 }),
      reason: params.oneOf<RefundReason>('reason', ['duplicate', 'fraudulent', 'requested_by_customer']),
      metadata: params.metadata(),
      instructions_email: params.string('instructions_email'),
    });
    params.done(['currency', 'customer', 'origin', 'refund_application_fee', 'reverse_transfer']);
    return createRefund(world, input);
  });
  route('GET', '/v1/refunds/:id', ({ world, params, id }) => {
    params.done();
    return requireRefund(world, id);
  });
  route('GET', '/v1/refunds', ({ world, params }) => {
    const page = readPage(params);
    const filter = {
      where: naming(world, {
        charge: params.string('charge'),
        payment_intent: params.string('payment_intent'),
      }),
      created: params.range('created'),
    };
    params.done();
    return listPage(world, 'refund', '/v1/refunds', page, filter);
  });
  route('POST', '/v1/refunds/:id', ({ world, params, id }) => {
    const change = { metadata: params.metadata() };
    params.done();
    return updateRefund(world, id, change);
  });
  route('POST', '/v1/refunds/:id/cancel', ({ world, params, id }) => {
    params.done();
    return cancelRefund(world, id);
  });
}

const EVIDENCE_TEXTS = [
  'access_activity_log',
  'billing_address',
  'cancellation_policy_disclosure',
  'cancellation_rebuttal',
  'customer_email_address',
  'customer_name',
  'customer_purchase_ip',
  'duplicate_charge_explanation',
  'duplicate_charge_id',
  'product_description',
  'refund_policy_disclosure',
  'refund_refusal_explanation',
  'service_date',
  'shipping_address',
  'shipping_carrier',
  'shipping_date',
  'shipping_tracking_number',
  'uncategorized_text',
] as const;

function disputes(route: Route): void {
  route('GET', '/v1/disputes/:id', ({ world, params, id }) => {
    params.done();
    return requireDispute(world, id);
  });
  route('GET', '/v1/disputes', ({ world, params }) => {
    const page = readPage(params);
    const filter = {
      where: naming(world, {
        charge: params.string('charge'),
        payment_intent: params.string('payment_intent'),
      }),
      created: params.range('created'),
    };
    params.done();
    return listPage(world, 'dispute', '/v1/disputes', page, filter);
  });
  route('POST', '/v1/disputes/:id', ({ world, params, id }) => {
    const texts = params.map('evidence');
    const evidence =
      texts === undefined
        ? undefined
        : given<Record<string, string | null>>(
            Object.fromEntries(EVIDENCE_TEXTS.map((name) => [name, texts.unsettable(name)])),
          );
    texts?.done([
      'appeal',
      'cancellation_policy',
      'customer_communication',
      'customer_signature',
      'duplicate_charge_documentation',
      'enhanced_evidence',
      'receipt',
      'refund_policy',
      'service_documentation',
      'shipping_documentation',
      'uncategorized_file',
    ]);
    const change = { evidence, submit: params.boolean('submit'), metadata: params.metadata() };
    params.done(['intended_submission_method']);
    return updateDispute(world, id, change);
  });
  route('POST', '/v1/disputes/:id/close', ({ world, params, id }) => {
    params.done();
    return setDisputeStatus(world, id, 'lost');
  });
}

function events(route: Route): void {
  route('GET', '/v1/events/:id', ({ world, params, id }) => {
    params.done();
    const row = world.store.find('event', id);
    if (row === undefined || row.created < world.clock.now_s() - EVENT_RETENTION_S)
      throw noSuchObject('event', id);
    return renderEvent(world, row.body);
  });
  route('GET', '/v1/events', ({ world, params }) => {
    const page = readPage(params);
    const type = params.string('type');
    const types = params.list('types');
    const created = params.range('created');
    const delivered = params.boolean('delivery_success');
    params.done();
    if (type !== undefined && types !== undefined)
      throw invalidParameter('You may only specify one of these parameters: type, types.', { param: 'type' });
    if (types !== undefined && types.length > 20)
      throw invalidParameter('You may only specify up to 20 types.', { param: 'types' });
    const since_s = world.clock.now_s() - EVENT_RETENTION_S;
    const prefix = type?.endsWith('.*') ? type.slice(0, -1) : undefined;
    const wanted = prefix === undefined ? (type === undefined ? types : [type]) : knownTypes(world, prefix);
    return listPage(
      world,
      'event',
      '/v1/events',
      page,
      {
        created,
        since_s,
        ...(wanted === undefined ? {} : { eventTypes: wanted }),
        ...(delivered === undefined ? {} : { delivered }),
      },
      (row) => renderEvent(world, row.body),
    );
  });
}

function knownTypes(world: World, prefix: string): string[] {
  return world.store
    .sql(
      "SELECT DISTINCT event_type FROM objects WHERE kind = 'event' AND event_type >= ? AND event_type < ?",
    )
    .all(prefix, `${prefix}~`)
    .map((row) => String(row.event_type));
}

function webhookEndpoints(route: Route): void {
  const url = (params: Params): string | undefined => {
    const text = params.string('url');
    if (text !== undefined && (!/^https?:\/\/.+/.test(text) || !URL.canParse(text)))
      throw invalidParameter('Invalid URL: An explicit scheme (such as https) must be provided.', {
        code: 'url_invalid',
        param: 'url',
      });
    return text;
  };
  route('POST', '/v1/webhook_endpoints', ({ world, params }) => {
    const input = {
      url: required(url(params), 'url'),
      enabled_events: required(params.list('enabled_events'), 'enabled_events'),
      description: params.unsettable('description') ?? null,
      metadata: params.metadata() ?? null,
      api_version: params.string('api_version') ?? null,
    };
    params.done(['connect']);
    return createWebhookEndpoint(world, input);
  });
  route('GET', '/v1/webhook_endpoints/:id', ({ world, params, id }) => {
    params.done();
    return requireWebhookEndpoint(world, id);
  });
  route('GET', '/v1/webhook_endpoints', ({ world, params }) => {
    const page = readPage(params);
    params.done();
    return listPage(world, 'webhook_endpoint', '/v1/webhook_endpoints', page, {});
  });
  route('POST', '/v1/webhook_endpoints/:id', ({ world, params, id }) => {
    const change = {
      url: url(params),
      enabled_events: params.list('enabled_events'),
      description: params.unsettable('description'),
      metadata: params.metadata(),
      disabled: params.boolean('disabled'),
    };
    params.done();
    return updateWebhookEndpoint(world, id, change);
  });
  route('DELETE', '/v1/webhook_endpoints/:id', ({ world, params, id }) => {
    params.done();
    return deleteWebhookEndpoint(world, id);
  });
}

function invoicePayments(route: Route): void {
  route('GET', '/v1/invoice_payments/:id', ({ world, params, id }) => {
    params.done();
    return requireInvoicePayment(world, id);
  });
  route('GET', '/v1/invoice_payments', ({ world, params }) => {
    const page = readPage(params);
    const payment = params.map('payment');
    const type = payment?.oneOf('type', ['payment_intent', 'payment_record']);
    if (payment !== undefined && type === undefined) throw missing('payment[type]');
    const columns = where({
      invoice: params.string('invoice'),
      status: params.oneOf('status', ['canceled', 'open', 'paid']),
      payment_intent: payment?.string('payment_intent'),
    });
    const filter = { where: columns, created: params.range('created') };
    params.done();
    if (type === 'payment_record')
      return { object: 'list', url: '/v1/invoice_payments', has_more: false, data: [] };
    return listPage(world, 'invoice_payment', '/v1/invoice_payments', page, filter);
  });
  route('GET', '/v1/invoices/:id', ({ world, params, id }) => {
    params.done();
    return requireInvoice(world, id);
  });
}

function account(route: Route): void {
  route('GET', '/v1/balance_transactions/:id', ({ world, params, id }) => {
    params.done();
    const row = world.store.find('balance_transaction', id);
    if (row === undefined) throw noSuchObject('balance transaction', id);
    return row.body;
  });
  route('GET', '/v1/balance', ({ world, params }) => {
    params.done();
    return balance(world);
  });
}

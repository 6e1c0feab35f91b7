import { invalidParameter, notImplemented, StripeFailure } from '../errors.ts';
import { type Answer, keepEffects, type Route } from '../http.ts';
import { isCurrency } from '../money.ts';
import { listPage, readPage } from '../pagination.ts';
import {
  cancelPaymentIntent,
  capturePaymentIntent,
  confirmPaymentIntent,
  createPaymentIntent,
  type PaymentIntentInput,
  type PaymentOutcome,
  requirePaymentIntent,
  updatePaymentIntent,
} from '../resources/payment_intents.ts';
import { given, naming, required } from './filters.ts';

const outcome = (result: PaymentOutcome): Answer =>
  result.decline === undefined ? result.intent : keepEffects(new StripeFailure(402, result.decline));

export function paymentIntentRoutes(route: Route): void {
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

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { start } from './testing.ts';

/** For each route: the SDK's type of its parameters, the file of that type, and what the route cannot do without. */
const ROUTES: [method: string, path: string, file: string, type: string, base?: string][] = [
  ['POST', '/v1/customers', 'Customers', 'CustomerCreateParams'],
  ['POST', '/v1/customers/cus_1', 'Customers', 'CustomerUpdateParams'],
  ['GET', '/v1/customers', 'Customers', 'CustomerListParams'],
  ['GET', '/v1/customers/cus_1', 'Customers', 'CustomerRetrieveParams'],
  ['POST', '/v1/payment_intents', 'PaymentIntents', 'PaymentIntentCreateParams', 'amount=1&currency=usd'],
  ['POST', '/v1/payment_intents/pi_1', 'PaymentIntents', 'PaymentIntentUpdateParams'],
  ['POST', '/v1/payment_intents/pi_1/confirm', 'PaymentIntents', 'PaymentIntentConfirmParams'],
  ['POST', '/v1/payment_intents/pi_1/capture', 'PaymentIntents', 'PaymentIntentCaptureParams'],
  ['POST', '/v1/payment_intents/pi_1/cancel', 'PaymentIntents', 'PaymentIntentCancelParams'],
  ['GET', '/v1/payment_intents', 'PaymentIntents', 'PaymentIntentListParams'],
  ['GET', '/v1/payment_intents/pi_1', 'PaymentIntents', 'PaymentIntentRetrieveParams'],
  ['POST', '/v1/charges/ch_1', 'Charges', 'ChargeUpdateParams'],
  ['GET', '/v1/charges', 'Charges', 'ChargeListParams'],
  ['GET', '/v1/charges/ch_1', 'Charges', 'ChargeRetrieveParams'],
  ['POST', '/v1/refunds', 'Refunds', 'RefundCreateParams'],
  ['POST', '/v1/refunds/re_1', 'Refunds', 'RefundUpdateParams'],
  ['POST', '/v1/refunds/re_1/cancel', 'Refunds', 'RefundCancelParams'],
  ['GET', '/v1/refunds', 'Refunds', 'RefundListParams'],
  ['GET', '/v1/refunds/re_1', 'Refunds', 'RefundRetrieveParams'],
  ['POST', '/v1/disputes/dp_1', 'Disputes', 'DisputeUpdateParams'],
  ['POST', '/v1/disputes/dp_1/close', 'Disputes', 'DisputeCloseParams'],
  ['GET', '/v1/disputes', 'Disputes', 'DisputeListParams'],
  ['GET', '/v1/events', 'Events', 'EventListParams'],
  [
    'POST',
    '/v1/webhook_endpoints',
    'WebhookEndpoints',
    'WebhookEndpointCreateParams',
    'url=http://a.example&enabled_events[]=*',
  ],
  ['POST', '/v1/webhook_endpoints/we_1', 'WebhookEndpoints', 'WebhookEndpointUpdateParams'],
  ['GET', '/v1/webhook_endpoints', 'WebhookEndpoints', 'WebhookEndpointListParams'],
  ['GET', '/v1/invoice_payments', 'InvoicePayments', 'InvoicePaymentListParams'],
];

/** The names in an interface of the SDK, with those of the pagination that it extends. */
function namesIn(file: string, type: string): Set<string> {
  const source = readFileSync(new URL(`./resources/${file}.d.ts`, import.meta.resolve('stripe')), 'utf8');
  const [, extended = '', body = ''] =
    new RegExp(`export interface ${type}( extends PaginationParams)? {\\n(.*?)\\n}`, 's').exec(source) ?? [];
  const names = new Set([...body.matchAll(/^ {4}(\w+)\??:/gm)].map((match) => match[1] ?? ''));
  if (extended !== '') for (const name of ['limit', 'starting_after', 'ending_before']) names.add(name);
  return names;
}

test('each route knows the parameters that the SDK gives it, and calls every other one unknown', async (t) => {
  const { request } = await start(t);
  const everything = new Set(ROUTES.flatMap(([, , file, type]) => [...namesIn(file, type)]));
  for (const [method, path, file, type, base = ''] of ROUTES) {
    const theirs = namesIn(file, type);
    assert.ok(theirs.size > 0, `${type} was not found`);
    for (const name of everything) {
      const given = base.split('&').some((pair) => pair.startsWith(name));
      if (given) continue;
      const form = [base, `${name}=x`].filter((part) => part !== '').join('&');
      const answer = await (method === 'GET'
        ? request(method, `${path}?${form}`)
        : request(method, path, { body: form }));
      const error = answer.body.error as { code?: string; param?: string } | undefined;
      const unknown = error?.code === 'parameter_unknown' && error.param === name;
      assert.equal(
        unknown,
        !theirs.has(name),
        `${method} ${path}: ${name} → ${answer.status} ${error?.code}`,
      );
    }
  }
});

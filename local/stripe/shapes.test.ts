import assert from 'node:assert/strict';
import { test } from 'node:test';
import type Stripe from 'stripe';
import shapes from './fixtures/shapes.json' with { type: 'json' };
import { pay, refusal, start } from './testing.ts';

type Shape = { [name: string]: unknown };

/** Fields that Stripe's fixtures show and this stand-in leaves out: optional in the SDK's types, or gone from them. */
const LEFT_OUT: Record<string, string[]> = {
  // Only with expand.
  charge: ['refunds'],
  'charge.payment_method_details.card': [],
  invoice: ['auto_advance', 'customer_tax_ids', 'hosted_invoice_url', 'invoice_pdf', 'subscription'],
  balance: ['connect_reserved'],
};

/** Fields that the SDK's types require and the fixtures, which are older, do not have. */
const NEWER: Record<string, string[]> = {
  'charge.payment_method_details.card': ['electronic_commerce_indicator'],
  dispute: ['intended_submission_method'],
  'dispute.evidence_details': ['submission_method'],
  payment_intent: ['allowed_payment_method_types', 'payment_record'],
};

const isShape = (value: unknown): value is Shape =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const kindOf = (value: unknown) => (Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value);

/** Parts whose fields depend on what happened, and fields that are maps. */
const FREE = new Set([
  'metadata',
  'shipping',
  'discount',
  'source',
  'last_payment_error',
  'next_action',
  'processing',
  'fraud_details',
  'transfer_data',
  'installments',
  'three_d_secure',
  'wallet',
  'payment_method_options',
  'object',
  'rendering_options',
  'invoice_settings',
  'payment',
  'payment_settings',
  'parent',
  'issuer',
  'automatic_tax',
  'networks',
  'generated_from',
  'payment_method_configuration_details',
  'automatic_payment_methods',
  'destination_details',
  'source_types',
  'checks',
  'outcome',
  'lines',
  'shipping_cost',
  'rendering',
  'from_invoice',
  'customer_shipping',
  'shipping_details',
  'last_finalization_error',
]);

function compare(path: string, ours: Shape, theirs: Shape): void {
  const missing = Object.keys(theirs).filter(
    (name) => !(name in ours) && !(LEFT_OUT[path] ?? []).includes(name),
  );
  assert.deepEqual(missing, [], `${path} lacks fields that Stripe sends`);
  const added = Object.keys(ours).filter((name) => !(name in theirs) && !(NEWER[path] ?? []).includes(name));
  assert.deepEqual(added, [], `${path} has fields that Stripe does not send`);
  for (const [name, value] of Object.entries(ours)) {
    const other = theirs[name];
    if (value === null || other === null || other === undefined) continue;
    assert.equal(kindOf(value), kindOf(other), `${path}.${name}`);
    if (isShape(value) && isShape(other) && !FREE.has(name)) compare(`${path}.${name}`, value, other);
  }
}

const check = (name: keyof typeof shapes, object: object) =>
  compare(name, JSON.parse(JSON.stringify(object)) as Shape, shapes[name] as Shape);

test("every object has the fields of Stripe's fixtures, of the same types, and no others", async (t) => {
  const { stripe, control } = await start(t);
  const customer = await stripe.customers.create({ email: 'ada@example.com' });
  check('customer', customer);
  const { intent, charge } = await pay(stripe, { customer: customer.id });
  check('payment_intent', intent);
  check('charge', await stripe.charges.retrieve(charge));
  check('payment_method', await stripe.paymentMethods.retrieve(String(intent.payment_method)));
  const refund = await stripe.refunds.create({ charge, amount: 100 });
  check('refund', refund);
  check('balance_transaction', await stripe.balanceTransactions.retrieve(String(refund.balance_transaction)));
  check('balance', await stripe.balance.retrieve());
  check('dispute', (await control('POST', '/disputes', { charge })) as object);
  const [event] = (await stripe.events.list({ type: 'refund.created' })).data;
  assert.ok(event !== undefined);
  check('event', { ...event, data: { object: {} } });
  const { secret, ...endpoint } = await stripe.webhookEndpoints.create({
    url: 'http://127.0.0.1:9/',
    enabled_events: ['x' as '*'],
  });
  assert.equal(typeof secret, 'string');
  check('webhook_endpoint', endpoint);
  const made = await control('POST', '/invoice_payments', {
    payment_intent: intent.id,
    subscription: 'sub_1',
  });
  check('invoice_payment', made);
  check('invoice', await stripe.invoices.retrieve(String(made.invoice)));
  check('deleted_customer', await stripe.customers.del(customer.id));
  check('deleted_webhook_endpoint', await stripe.webhookEndpoints.del(endpoint.id));
});

test('a failed charge has the same fields as one that succeeded', async (t) => {
  const { stripe } = await start(t);
  await refusal(pay(stripe, { payment_method: 'pm_card_chargeDeclined' }));
  const [failed] = (await stripe.charges.list()).data;
  assert.ok(failed !== undefined);
  check('charge', failed);
});

test("ids look like Stripe's", async (t) => {
  const { stripe, control } = await start(t);
  const customer = await stripe.customers.create();
  const { intent, charge } = await pay(stripe);
  const refund = await stripe.refunds.create({ charge });
  const dispute = (await control('POST', '/disputes', { charge })) as unknown as Stripe.Dispute;
  const [event] = (await stripe.events.list()).data;
  const forms: [string | undefined, RegExp][] = [
    [customer.id, /^cus_[0-9A-Za-z]{14}$/],
    [intent.id, /^pi_3[0-9A-Za-z]{23}$/],
    [intent.client_secret ?? '', /^pi_3[0-9A-Za-z]{23}_secret_[0-9A-Za-z]{25}$/],
    [charge, /^ch_3[0-9A-Za-z]{23}$/],
    [refund.id, /^re_3[0-9A-Za-z]{23}$/],
    [dispute.id, /^dp_1[0-9A-Za-z]{23}$/],
    [event?.id, /^evt_1[0-9A-Za-z]{23}$/],
    [String(refund.balance_transaction), /^txn_3[0-9A-Za-z]{23}$/],
  ];
  for (const [id, form] of forms) assert.match(id ?? '', form);
});

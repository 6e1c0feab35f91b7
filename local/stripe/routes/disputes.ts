import type { Route } from '../http.ts';
import { listPage, readPage } from '../pagination.ts';
import { requireDispute, setDisputeStatus, updateDispute } from '../resources/disputes.ts';
import { given, naming } from './filters.ts';

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

export function disputeRoutes(route: Route): void {
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

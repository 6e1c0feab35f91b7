import type { Route } from '../http.ts';
import { listPage, readPage } from '../pagination.ts';
import {
  cancelRefund,
  createRefund,
  type RefundInput,
  type RefundReason,
  requireRefund,
  updateRefund,
} from '../resources/refunds.ts';
import { given, naming } from './filters.ts';

export function refundRoutes(route: Route): void {
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

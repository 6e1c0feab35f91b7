import { notImplemented } from '../errors.ts';
import type { Route } from '../http.ts';
import { listPage, readPage } from '../pagination.ts';
import { requireCharge, updateCharge } from '../resources/charges.ts';
import { naming } from './filters.ts';

export function chargeRoutes(route: Route): void {
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

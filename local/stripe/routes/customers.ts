import { notImplemented } from '../errors.ts';
import type { Params } from '../forms.ts';
import type { Route } from '../http.ts';
import { listPage, readPage } from '../pagination.ts';
import {
  type CustomerInput,
  createCustomer,
  deleteCustomer,
  requireCustomer,
  updateCustomer,
} from '../resources/customers.ts';
import { given, where } from './filters.ts';

export function customerRoutes(route: Route): void {
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

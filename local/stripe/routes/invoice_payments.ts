import { missing } from '../forms.ts';
import type { Route } from '../http.ts';
import { listPage, readPage } from '../pagination.ts';
import { requireInvoice, requireInvoicePayment } from '../resources/invoice_payments.ts';
import { where } from './filters.ts';

export function invoicePaymentRoutes(route: Route): void {
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

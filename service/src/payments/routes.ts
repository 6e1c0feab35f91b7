import { Type } from 'typebox';
import { anyScope, principalOf } from '../access/guard.ts';
import type { Principal } from '../access/principal.ts';
import { grants } from '../access/scopes.ts';
import type { Connections } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';
import type { Cursors } from '../http/cursor.ts';
import { between } from '../http/moments.ts';
import { linkHeader, pagingParameters, servePage } from '../http/paging.ts';
import type { RoomRoutes } from '../http/room.ts';
import { Currency, errorResponses, guardedErrors, Identifier, json, Moment } from '../http/schemas.ts';
import { type Payment, refundableCents } from './payment.ts';
import { findPayment, listPayments } from './queries.ts';
import { PaymentBody, PaymentList, paymentExample, paymentListExample } from './schemas.ts';

export interface PaymentRoutesDeps {
  pool: Connections;
  cursors: Cursors;
}

/** `GET /v1/payments/{id}` and `GET /v1/admin/payments`. */
export function paymentRoutes({ pool, cursors }: PaymentRoutesDeps): RoomRoutes {
  return async (app) => {
    app.get(
      '/v1/payments/:id',
      {
        config: { audited: { event_type: 'payment.read', entity_type: 'payment', parameter: 'id' } },
        schema: {
          operationId: 'getPayment',
          summary: 'Get a payment',
          description:
            'One payment. With `admin:payments.read` any of the brand; with `read:payments` only those of the customer who is the token’s subject.',
          tags: ['payments'],
          security: anyScope('admin:payments.read', 'read:payments'),
          params: Type.Object({ id: Identifier('Our id of the payment.') }),
          response: {
            200: json('The payment', PaymentBody, paymentExample),
            ...guardedErrors,
            ...errorResponses(404),
          },
        },
      },
      async (request) => {
        const principal = principalOf(request);
        const payment = await findPayment(
          pool.ofBrand(principal.brand_id),
          principal.brand_id,
          request.params.id,
        );
        if (payment === undefined || !maySee(principal, payment)) {
          throw new ServiceError('not_found', { message: 'There is no such payment.' });
        }
        return { ...payment, id: payment.payment_id, amount_cents: String(payment.amount_cents) };
      },
    );

    app.get(
      '/v1/admin/payments',
      {
        config: { audited: { event_type: 'payment.listed', entity_type: 'payment' } },
        schema: {
          operationId: 'listPayments',
          summary: 'List payments',
          description: 'Payments, newest first, with what was refunded and what is left of each.',
          tags: ['payments'],
          security: anyScope('admin:payments.read'),
          querystring: Type.Object(
            {
              customer_id: Type.Optional(
                Identifier('Whose payments: the platform’s id of the customer, else Stripe’s.'),
              ),
              order_id: Type.Optional(Identifier('Of which order of the platform.')),
              charge_id: Type.Optional(Identifier('The payment of this Stripe charge (`ch_…`).')),
              stripe_payment_intent_id: Type.Optional(
                Identifier('The payment of this payment intent (`pi_…`).'),
              ),
              status: Type.Optional(Identifier('The provider’s word, e.g. `succeeded`.')),
              currency: Type.Optional(Currency('In which currency.')),
              refunded: Type.Optional(Type.Boolean({ description: 'Those of which something went back.' })),
              created_at_gte: Type.Optional(Moment('Made at this moment or later.')),
              created_at_lt: Type.Optional(Moment('Made before this moment.')),
              ...pagingParameters,
            },
            { additionalProperties: false },
          ),
          response: { 200: json('Payments', PaymentList, paymentListExample, linkHeader), ...guardedErrors },
        },
      },
      async (request, reply) => {
        const { limit, cursor, created_at_gte, created_at_lt, ...filters } = request.query;
        const { brand_id } = principalOf(request);
        const payments = await servePage(
          { request, reply, cursors },
          { operation: 'listPayments', brand_id, filters: { ...filters, created_at_gte, created_at_lt } },
          { limit, cursor },
          (at) =>
            listPayments(
              pool.ofBrand(brand_id),
              brand_id,
              { ...filters, ...between(created_at_gte, created_at_lt) },
              at,
            ),
          (payment) => payment.payment_id,
        );
        return {
          payments: payments.map((payment) => ({
            ...payment,
            charge_id: payment.stripe_charge_id,
            refundable_cents: refundableCents(payment),
          })),
        };
      },
    );
  };
}

/** Staff and services see the brand's payments; a person's own app sees that person's. */
function maySee(principal: Principal, payment: Payment): boolean {
  if (grants(principal.scopes, 'admin:payments.read')) return true;
  return payment.customer_id === principal.person_id;
}

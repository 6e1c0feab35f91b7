import { Type } from 'typebox';
import { anyScope, principalOf } from '../access/guard.ts';
import type { Connections } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';
import type { Cursors } from '../http/cursor.ts';
import { linkHeader, pagingParameters, servePage } from '../http/paging.ts';
import type { RoomRoutes } from '../http/room.ts';
import { errorResponses, guardedErrors, Identifier, json } from '../http/schemas.ts';
import type { Dispute } from './dispute.ts';
import { findDispute, listDisputes } from './queries.ts';
import { DisputeBody, DisputeList, disputeExample } from './schemas.ts';

export interface DisputeRoutesDeps {
  pool: Connections;
  cursors: Cursors;
}

/** `GET /v1/admin/disputes` and `GET /v1/admin/disputes/{id}`. */
export function disputeRoutes({ pool, cursors }: DisputeRoutesDeps): RoomRoutes {
  return async (app) => {
    app.get(
      '/v1/admin/disputes',
      {
        config: { audited: { event_type: 'dispute.listed', entity_type: 'dispute' } },
        schema: {
          operationId: 'listDisputes',
          summary: 'List disputes',
          description: 'Disputes and inquiries of a brand, newest first.',
          tags: ['disputes'],
          security: anyScope('admin:disputes.read'),
          querystring: Type.Object(
            {
              brand_id: Identifier(
                'Of which brand. A token that is bound to a brand may name that one only.',
              ),
              payment_id: Type.Optional(Identifier('Of which payment.')),
              customer_id: Type.Optional(Identifier('Of whose payments: the platform’s id of the customer.')),
              status: Type.Optional(Identifier('Stripe’s word, e.g. `needs_response`.')),
              ...pagingParameters,
            },
            { additionalProperties: false },
          ),
          response: {
            200: json('Disputes', DisputeList, { disputes: [disputeExample] }, linkHeader),
            ...guardedErrors,
          },
        },
      },
      async (request, reply) => {
        const { limit, cursor, brand_id, ...filters } = request.query;
        const principal = principalOf(request);
        // The parameter opens no other brand than the token or the header; where they name none, it does.
        if (brand_id !== principal.brand_id && !principal.brand_is_default)
          throw new ServiceError('forbidden');
        const disputes = await servePage(
          { request, reply, cursors },
          { operation: 'listDisputes', brand_id, filters },
          { limit, cursor },
          (at) => listDisputes(pool.ofBrand(brand_id), brand_id, filters, at),
          (dispute) => dispute.dispute_id,
        );
        return { disputes: disputes.map(toBody) };
      },
    );

    app.get(
      '/v1/admin/disputes/:id',
      {
        config: { audited: { event_type: 'dispute.read', entity_type: 'dispute', parameter: 'id' } },
        schema: {
          operationId: 'getDispute',
          summary: 'Get a dispute',
          description: 'One dispute or inquiry.',
          tags: ['disputes'],
          security: anyScope('admin:disputes.read'),
          params: Type.Object({ id: Identifier('Our id of the dispute.') }),
          response: {
            200: json('The dispute', DisputeBody, disputeExample),
            ...guardedErrors,
            ...errorResponses(404),
          },
        },
      },
      async (request) => {
        const { brand_id } = principalOf(request);
        const dispute = await findDispute(pool.ofBrand(brand_id), brand_id, request.params.id);
        if (dispute === undefined)
          throw new ServiceError('not_found', { message: 'There is no such dispute.' });
        return toBody(dispute);
      },
    );
  };
}

const toBody = (dispute: Dispute) => ({ ...dispute, id: dispute.dispute_id });

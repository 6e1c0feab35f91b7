import { Type } from 'typebox';
import { anyScope, principalOf } from '../access/guard.ts';
import type { Connections } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';
import type { Cursors } from '../http/cursor.ts';
import { between } from '../http/moments.ts';
import { linkHeader, pagingParameters, servePage } from '../http/paging.ts';
import type { RoomRoutes } from '../http/room.ts';
import { errorResponses, guardedErrors, Identifier, json, Moment } from '../http/schemas.ts';
import { readRefund } from './detail.ts';
import { listRefunds } from './list.ts';
import { listReasons } from './reasons.ts';
import { REFUND_STATUSES } from './refund.ts';
import {
  ReasonList,
  RefundDetail,
  RefundList,
  reasonListExample,
  refundDetailExample,
  refundListExample,
} from './schemas.ts';

export interface RefundRoutesDeps {
  pool: Connections;
  cursors: Cursors;
}

/** What there is to read of refunds. */
export function refundRoutes({ pool, cursors }: RefundRoutesDeps): RoomRoutes {
  return async (app) => {
    app.get(
      '/v1/admin/refunds',
      {
        config: { audited: { event_type: 'refund.listed', entity_type: 'refund', withheld: ['reason'] } },
        schema: {
          operationId: 'listRefunds',
          summary: 'List refunds',
          description:
            'Recent refunds, newest first, of everybody or of one customer; every other filter narrows further. A customer whom nobody knows has none. `status` says where each refund is today: `succeeded` may still turn to `failed` when the bank returns the money.',
          tags: ['refunds'],
          security: anyScope('admin:refunds.read'),
          querystring: Type.Object(
            {
              customer_id: Type.Optional(
                Identifier('Whose refunds: the platform’s id of the customer, else Stripe’s.'),
              ),
              status: Type.Optional(Type.Enum([...REFUND_STATUSES], { description: 'Where the refund is.' })),
              payment_id: Type.Optional(Identifier('Of which payment.')),
              charge_id: Type.Optional(Identifier('Of which Stripe charge (`ch_…`).')),
              stripe_refund_id: Type.Optional(
                Identifier('The refund that Stripe knows by this id (`re_…`).'),
              ),
              reason: Type.Optional(Identifier('Why it was asked for, word for word.')),
              amount_cents_gte: Type.Optional(
                Type.Integer({
                  minimum: 0,
                  maximum: 999_999_999_999,
                  description: 'Of this amount or more.',
                }),
              ),
              amount_cents_lte: Type.Optional(
                Type.Integer({
                  minimum: 0,
                  maximum: 999_999_999_999,
                  description: 'Of this amount or less.',
                }),
              ),
              created_at_gte: Type.Optional(Moment('Made at this moment or later.')),
              created_at_lt: Type.Optional(Moment('Made before this moment.')),
              needs_attention: Type.Optional(
                Type.Boolean({
                  description:
                    'Those that ended without paying after somebody had been told of them, where the customer is still owed the money.',
                }),
              ),
              ...pagingParameters,
            },
            { additionalProperties: false },
          ),
          response: {
            200: json('Recent refunds', RefundList, refundListExample, linkHeader),
            ...guardedErrors,
          },
        },
      },
      async (request, reply) => {
        const { limit, cursor, created_at_gte, created_at_lt, ...filters } = request.query;
        const { brand_id } = principalOf(request);
        const refunds = await servePage(
          { request, reply, cursors },
          { operation: 'listRefunds', brand_id, filters: { ...filters, created_at_gte, created_at_lt } },
          { limit, cursor },
          (at) =>
            listRefunds(
              pool.ofBrand(brand_id),
              brand_id,
              { ...filters, ...between(created_at_gte, created_at_lt) },
              at,
            ),
          (refund) => refund.refund_id,
        );
        return { refunds };
      },
    );

    app.get(
      '/v1/admin/refund-reasons',
      {
        config: { audited: false },
        schema: {
          operationId: 'listRefundReasons',
          summary: 'List refund reasons',
          description: 'The reasons to pick from when a refund is asked for, in their order.',
          tags: ['refunds'],
          security: anyScope('admin:refunds.read'),
          response: { 200: json('The reasons', ReasonList, reasonListExample), ...guardedErrors },
        },
      },
      async (request) => ({ reasons: await listReasons(pool.ofBrand(principalOf(request).brand_id)) }),
    );

    app.get(
      '/v1/admin/refunds/:refund_id',
      {
        config: {
          audited: { event_type: 'refund.read', entity_type: 'refund', parameter: 'refund_id' },
        },
        schema: {
          operationId: 'getRefund',
          summary: 'Get a refund',
          description:
            'One refund, with the amounts of its payment as they are now and every change of its status.',
          tags: ['refunds'],
          security: anyScope('admin:refunds.read'),
          params: Type.Object({ refund_id: Identifier('Our id of the refund.') }),
          response: {
            200: json('The refund', RefundDetail, refundDetailExample),
            ...guardedErrors,
            ...errorResponses(404),
          },
        },
      },
      async (request) => {
        const { brand_id } = principalOf(request);
        const refund = await readRefund(pool.ofBrand(brand_id), brand_id, request.params.refund_id);
        if (refund === undefined)
          throw new ServiceError('not_found', { message: 'There is no such refund.' });
        return refund;
      },
    );
  };
}

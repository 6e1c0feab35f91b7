import { Type } from 'typebox';
import { anyScope, principalOf } from '../access/guard.ts';
import type { Connections } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';
import type { Cursors } from '../http/cursor.ts';
import { linkHeader, pagingParameters, servePage } from '../http/paging.ts';
import type { RoomRoutes } from '../http/room.ts';
import { errorResponses, guardedErrors, Identifier, json } from '../http/schemas.ts';
import { readRefund } from './detail.ts';
import { filterParameters, readFilters, WITHHELD_FILTERS } from './filters.ts';
import { listRefunds, listRefundsDetailed } from './list.ts';
import { listReasons } from './reasons.ts';
import {
  DetailedRefundList,
  detailedRefundListExample,
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
        config: {
          audited: { event_type: 'refund.listed', entity_type: 'refund', withheld: WITHHELD_FILTERS },
        },
        schema: {
          operationId: 'listRefunds',
          summary: 'List refunds',
          description:
            'Recent refunds, newest first, of everybody or of one customer; every other filter narrows further. A customer whom nobody knows has none. `status` says where each refund is today: `succeeded` may still turn to `failed` when the bank returns the money.',
          tags: ['refunds'],
          security: anyScope('admin:refunds.read'),
          querystring: Type.Object(
            {
              ...filterParameters,
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
        const { limit, cursor, ...filters } = request.query;
        const { brand_id } = principalOf(request);
        const refunds = await servePage(
          { request, reply, cursors },
          { operation: 'listRefunds', brand_id, filters },
          { limit, cursor },
          (at) => listRefunds(pool.ofBrand(brand_id), brand_id, readFilters(filters), at),
          (refund) => refund.refund_id,
        );
        return { refunds };
      },
    );

    app.get(
      '/v1/admin/refunds/detailed',
      {
        config: {
          audited: { event_type: 'refund.listed', entity_type: 'refund', withheld: WITHHELD_FILTERS },
        },
        schema: {
          operationId: 'listRefundsDetailed',
          summary: 'List refunds in detail',
          description:
            'The refunds that `GET /v1/admin/refunds` lists, by the same filters and in the same order, with what a desk shows of each besides: its currency, who asked for it, what it has come to.',
          tags: ['refunds'],
          security: anyScope('admin:refunds.read'),
          querystring: Type.Object(
            { ...filterParameters, ...pagingParameters },
            { additionalProperties: false },
          ),
          response: {
            200: json('Recent refunds', DetailedRefundList, detailedRefundListExample, linkHeader),
            ...guardedErrors,
          },
        },
      },
      async (request, reply) => {
        const { limit, cursor, ...filters } = request.query;
        const { brand_id } = principalOf(request);
        const refunds = await servePage(
          { request, reply, cursors },
          {
            operation: 'listRefundsDetailed',
            brand_id,
            filters,
          },
          { limit, cursor },
          (at) => listRefundsDetailed(pool.ofBrand(brand_id), brand_id, readFilters(filters), at),
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

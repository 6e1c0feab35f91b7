import { type Answer, nextCursor } from '@payments/client';
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { answerOf, api, bodyOf } from '../api/api.ts';
import type { PaymentFilters } from './filters.ts';

export type ListedPayment = Answer<'listPayments'>['payments'][number];
export type PaymentDetail = Answer<'getPaymentDetail'>;

/** How often a payment is looked at while somebody looks at it. */
const EVERY_ms = 5_000;
const PAGE = 50;

/** One payment with its refunds, its disputes, and what there is to know before it is refunded. */
export const paymentQuery = (payment_id: string) =>
  queryOptions({
    queryKey: ['payments', 'one', payment_id],
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/v1/admin/payments/{payment_id}', { params: { path: { payment_id } }, signal })),
    refetchInterval: EVERY_ms,
  });

/** The payments of a filter, page after page. */
export const paymentListQuery = (filters: PaymentFilters, limit = PAGE) =>
  infiniteQueryOptions({
    queryKey: ['payments', 'list', filters, limit],
    queryFn: async ({ pageParam: cursor, signal }) => {
      const { body, headers } = await answerOf(
        api.GET('/v1/admin/payments', {
          params: { query: { ...filters, limit, ...(cursor === undefined ? {} : { cursor }) } },
          signal,
        }),
      );
      return { payments: body.payments, next: nextCursor(headers) };
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next,
  });

import { type Answer, nextCursor } from '@payments/client';
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { answerOf, api, bodyOf } from '../api/api.ts';
import type { RefundFilters } from './filters.ts';

export type ListedRefund = Answer<'listRefundsDetailed'>['refunds'][number];
export type RefundDetail = Answer<'getRefund'>;

const PAGE = 50;
/** How often it is looked whether there is something new. */
const LIST_EVERY_ms = 10_000;
const MOVING_EVERY_ms = 2_000;
const SETTLED_EVERY_ms = 10_000;

/** The rows of a filter, page after page. What is shown stays where it is; what is new is asked about by `newestRefundsQuery`. */
export const refundListQuery = (filters: RefundFilters) =>
  infiniteQueryOptions({
    queryKey: ['refunds', 'list', filters],
    queryFn: async ({ pageParam: cursor, signal }) => {
      const { body, headers } = await answerOf(
        api.GET('/v1/admin/refunds/detailed', {
          params: { query: { ...filters, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) } },
          signal,
        }),
      );
      return { refunds: body.refunds, next: nextCursor(headers) };
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next,
    refetchOnWindowFocus: false,
    staleTime: Number.POSITIVE_INFINITY,
  });

/** The first page again and again, while somebody looks. */
export const newestRefundsQuery = (filters: RefundFilters) =>
  queryOptions({
    queryKey: ['refunds', 'newest', filters],
    queryFn: ({ signal }) =>
      bodyOf(
        api.GET('/v1/admin/refunds/detailed', { params: { query: { ...filters, limit: PAGE } }, signal }),
      ).then(({ refunds }) => refunds),
    refetchInterval: LIST_EVERY_ms,
  });

/** What the refunds of a filter come to, by currency. */
export const totalsQuery = (filters: RefundFilters) =>
  queryOptions({
    queryKey: ['refunds', 'totals', filters],
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/v1/admin/refunds/summary', { params: { query: filters }, signal })).then(
        ({ totals }) => totals,
      ),
    staleTime: 15_000,
  });

/** Where the refunds of a filter are to be had as a file. */
export const exportAddress = (filters: RefundFilters): string =>
  `/v1/admin/refunds/export?${new URLSearchParams([
    ['format', 'csv'],
    ...Object.entries(filters).map(([name, value]): [string, string] => [name, String(value)]),
  ])}`;

/** One refund, followed closely until Stripe has answered, and from afar afterwards: it may still fail. */
export const refundQuery = (refund_id: string) =>
  queryOptions({
    queryKey: ['refunds', 'one', refund_id],
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/v1/admin/refunds/{refund_id}', { params: { path: { refund_id } }, signal })),
    refetchInterval: ({ state }) =>
      state.data?.status === 'pending' || state.data?.status === 'awaiting_approval'
        ? MOVING_EVERY_ms
        : SETTLED_EVERY_ms,
  });

/** The reasons to pick from. */
export const reasonsQuery = queryOptions({
  queryKey: ['refund-reasons'],
  queryFn: ({ signal }) =>
    bodyOf(api.GET('/v1/admin/refund-reasons', { signal })).then(({ reasons }) => reasons),
  staleTime: 300_000,
});

import { type Answer, nextCursor, type Query } from '@payments/client';
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { answerOf, api, bodyOf } from '../api/api.ts';

export type Batch = Answer<'getRefundBatch'>;
export type CheckedRow = Answer<'listRefundBatchRows'>['rows'][number];
export type RowStatus = NonNullable<Query<'listRefundBatchRows'>['status']>;

export const ROW_STATUSES = [
  'checked',
  'cannot',
  'running',
  'issued',
  'failed',
] as const satisfies RowStatus[];
export const readRowStatus = (value: unknown): RowStatus | undefined =>
  ROW_STATUSES.find((one) => one === value);

const PAGE = 100;
const RUNNING_EVERY_ms = 1_000;
const RESTING_EVERY_ms = 10_000;

export const batchListQuery = infiniteQueryOptions({
  queryKey: ['batches', 'list'],
  queryFn: async ({ pageParam: cursor, signal }) => {
    const { body, headers } = await answerOf(
      api.GET('/v1/admin/refund-batches', {
        params: { query: { limit: 50, ...(cursor === undefined ? {} : { cursor }) } },
        signal,
      }),
    );
    return { batches: body.batches, next: nextCursor(headers) };
  },
  initialPageParam: undefined as string | undefined,
  getNextPageParam: ({ next }) => next,
  refetchInterval: RESTING_EVERY_ms,
});

/** One batch, followed closely while it runs. */
export const batchQuery = (batch_id: string) =>
  queryOptions({
    queryKey: ['batches', 'one', batch_id],
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/v1/admin/refund-batches/{batch_id}', { params: { path: { batch_id } }, signal })),
    refetchInterval: ({ state }) =>
      state.data?.status === 'running' || (state.data?.counts.running ?? 0) > 0
        ? RUNNING_EVERY_ms
        : RESTING_EVERY_ms,
  });

/** Its rows, of one status or all; asked for anew whenever the batch has moved. */
export const rowsQuery = (batch_id: string, status: RowStatus | undefined, moved: string) =>
  infiniteQueryOptions({
    queryKey: ['batches', 'rows', batch_id, status, moved],
    queryFn: async ({ pageParam: cursor, signal }) => {
      const { body, headers } = await answerOf(
        api.GET('/v1/admin/refund-batches/{batch_id}/rows', {
          params: {
            path: { batch_id },
            query: {
              limit: PAGE,
              ...(status === undefined ? {} : { status }),
              ...(cursor === undefined ? {} : { cursor }),
            },
          },
          signal,
        }),
      );
      return { rows: body.rows, next: nextCursor(headers) };
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next,
    placeholderData: (before) => before,
  });

import { type Answer, nextCursor, type Query } from '@payments/client';
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { answerOf, api, bodyOf } from '../api/api.ts';
import { failureOf } from '../api/error.ts';

export type StripeEvent = Answer<'listStripeEvents'>['events'][number];
export type Difference = Answer<'listReconcileDifferences'>['differences'][number];
export type Run = Answer<'listReconcileRuns'>['runs'][number];
export type EventStatus = NonNullable<Query<'listStripeEvents'>['status']>;

export const EVENT_STATUSES = [
  'failed',
  'received',
  'unmatched',
  'processed',
  'ignored',
] as const satisfies EventStatus[];

const EVERY_ms = 5_000;
const PAGE = 50;
const paged = {
  initialPageParam: undefined as string | undefined,
  getNextPageParam: ({ next }: { next: string | undefined }) => next,
};
const pageOf = (cursor: string | undefined) => ({
  limit: PAGE,
  ...(cursor === undefined ? {} : { cursor }),
});

/** What waits, what is not known, what runs. */
export const operationsQuery = queryOptions({
  queryKey: ['operations', 'now'],
  queryFn: ({ signal }) => bodyOf(api.GET('/v1/admin/operations', { signal })),
  refetchInterval: EVERY_ms,
});

/** Whether it can answer, and whom it reaches. That it is not ready is an answer too. */
export const readinessQuery = queryOptions({
  queryKey: ['operations', 'readiness'],
  queryFn: async ({ signal }) => {
    const { data, error, response } = await api.GET('/readyz', { signal });
    const said = data ?? error;
    // In front of the service somebody else may answer that this is not for browsers.
    if (typeof said !== 'object' || said === null || !('checks' in said)) throw failureOf(response, said);
    return said;
  },
  retry: false,
  refetchInterval: EVERY_ms,
});

export const eventsQuery = (status: EventStatus | undefined) =>
  infiniteQueryOptions({
    ...paged,
    queryKey: ['operations', 'events', status],
    queryFn: async ({ pageParam, signal }) => {
      const query = { ...pageOf(pageParam), ...(status === undefined ? {} : { status }) };
      const { body, headers } = await answerOf(
        api.GET('/v1/admin/webhook-events', { params: { query }, signal }),
      );
      return { rows: body.events, next: nextCursor(headers) };
    },
  });

export const differencesQuery = (open: boolean) =>
  infiniteQueryOptions({
    ...paged,
    queryKey: ['operations', 'differences', open],
    queryFn: async ({ pageParam, signal }) => {
      const query = { ...pageOf(pageParam), ...(open ? { open } : {}) };
      const { body, headers } = await answerOf(
        api.GET('/v1/admin/reconcile-differences', { params: { query }, signal }),
      );
      return { rows: body.differences, next: nextCursor(headers) };
    },
  });

export const runsQuery = infiniteQueryOptions({
  ...paged,
  queryKey: ['operations', 'runs'],
  queryFn: async ({ pageParam, signal }) => {
    const { body, headers } = await answerOf(
      api.GET('/v1/admin/reconcile-runs', { params: { query: pageOf(pageParam) }, signal }),
    );
    return { rows: body.runs, next: nextCursor(headers) };
  },
  refetchInterval: EVERY_ms,
});

export type Endpoint = Answer<'listEventEndpoints'>['endpoints'][number];
export type Delivery = Answer<'listEventDeliveries'>['deliveries'][number];
export type DeliveryStatus = Delivery['status'];

export const DELIVERY_STATUSES = [
  'pending',
  'failed',
  'delivered',
  'canceled',
] as const satisfies DeliveryStatus[];

/** Where events go. A brand has 20 endpoints at the most, which is a page. */
export const endpointsQuery = queryOptions({
  queryKey: ['operations', 'endpoints'],
  queryFn: ({ signal }) =>
    bodyOf(api.GET('/v1/admin/event-endpoints', { params: { query: { limit: PAGE } }, signal })),
  refetchInterval: EVERY_ms,
});

export const secretQuery = (endpoint_id: string) =>
  queryOptions({
    queryKey: ['operations', 'endpoints', endpoint_id, 'secret'],
    queryFn: ({ signal }) =>
      bodyOf(
        api.GET('/v1/admin/event-endpoints/{endpoint_id}/secret', {
          params: { path: { endpoint_id } },
          signal,
        }),
      ),
    // It is shown, and not kept.
    gcTime: 0,
  });

/** What events may be asked for: all, all of something, or one type. */
export const eventTypesQuery = queryOptions({
  queryKey: ['operations', 'event-types'],
  queryFn: ({ signal }) => bodyOf(api.GET('/v1/admin/event-types', { signal })),
  staleTime: Number.POSITIVE_INFINITY,
});

export const deliveriesQuery = (status: DeliveryStatus | undefined) =>
  infiniteQueryOptions({
    ...paged,
    queryKey: ['operations', 'deliveries', status],
    queryFn: async ({ pageParam, signal }) => {
      const query = { ...pageOf(pageParam), ...(status === undefined ? {} : { status }) };
      const { body, headers } = await answerOf(
        api.GET('/v1/admin/event-deliveries', { params: { query }, signal }),
      );
      return { rows: body.deliveries, next: nextCursor(headers) };
    },
    refetchInterval: EVERY_ms,
  });

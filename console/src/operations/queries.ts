import type { Answer } from '@payments/client';
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { answerOf, api, bodyOf, nextCursor } from '../api/api.ts';
import { failureOf } from '../api/error.ts';
import type { DifferenceFilters, EventFilters } from './filters.ts';

export type Operations = Answer<'getOperations'>;
export type StripeEvent = Answer<'listStripeEvents'>['events'][number];
export type Run = Answer<'listReconcileRuns'>['runs'][number];
export type Difference = Answer<'listReconcileDifferences'>['differences'][number];

const PAGE = 50;
const OVERVIEW_EVERY_ms = 5_000;
/** How often a run is looked at that is not at its end, and whether there is another. */
const AT_WORK_EVERY_ms = 2_000;
const RUNS_EVERY_ms = 15_000;

/** Everything here begins with this: what changes something has it all asked again. */
const ROOM = 'operations';

export const operationsQuery = queryOptions({
  queryKey: [ROOM, 'overview'],
  queryFn: ({ signal }) => bodyOf(api.GET('/v1/admin/operations', { signal })),
  refetchInterval: OVERVIEW_EVERY_ms,
});

/** Whether it can answer, and whom it reaches. Not being ready is an answer too. */
export const readinessQuery = queryOptions({
  queryKey: [ROOM, 'readiness'],
  queryFn: async ({ signal }) => {
    const { data, error, response } = await api.GET('/readyz', { signal });
    const said = data ?? error;
    // In front of the service somebody else may answer that this is not for browsers.
    if (typeof said !== 'object' || said === null || !('checks' in said)) throw failureOf(response, said);
    return said;
  },
  retry: false,
  refetchInterval: OVERVIEW_EVERY_ms,
});

export const eventsQuery = (filters: EventFilters) =>
  infiniteQueryOptions({
    queryKey: [ROOM, 'events', filters],
    queryFn: async ({ pageParam: cursor, signal }) => {
      const { body, headers } = await answerOf(
        api.GET('/v1/admin/webhook-events', {
          params: { query: { ...filters, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) } },
          signal,
        }),
      );
      return { events: body.events, next: nextCursor(headers) };
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next,
  });

export const runsQuery = infiniteQueryOptions({
  queryKey: [ROOM, 'runs'],
  queryFn: async ({ pageParam: cursor, signal }) => {
    const { body, headers } = await answerOf(
      api.GET('/v1/admin/reconcile-runs', {
        params: { query: { limit: 20, ...(cursor === undefined ? {} : { cursor }) } },
        signal,
      }),
    );
    return { runs: body.runs, next: nextCursor(headers) };
  },
  initialPageParam: undefined as string | undefined,
  getNextPageParam: ({ next }) => next,
  refetchInterval: ({ state }) =>
    state.data?.pages[0]?.runs[0]?.status === 'unfinished' ? AT_WORK_EVERY_ms : RUNS_EVERY_ms,
});

export const differencesQuery = (filters: DifferenceFilters) =>
  infiniteQueryOptions({
    queryKey: [ROOM, 'differences', filters],
    queryFn: async ({ pageParam: cursor, signal }) => {
      const { body, headers } = await answerOf(
        api.GET('/v1/admin/reconcile-differences', {
          params: { query: { ...filters, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) } },
          signal,
        }),
      );
      return { differences: body.differences, next: nextCursor(headers) };
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next,
  });

/** Has Stripe asked again about an event; safe as often as wanted, so each time is a request of its own. */
export const replay = (event_id: string) =>
  bodyOf(
    api.POST('/v1/admin/webhooks/replay', {
      body: { event_id },
      headers: { 'Idempotency-Key': crypto.randomUUID() },
    }),
  );

export const startRun = (window: { from: string; to?: string }, key: string) =>
  bodyOf(api.POST('/v1/admin/reconcile-runs', { body: window, headers: { 'Idempotency-Key': key } }));

export const closeDifference = (difference_id: string, note: string, key: string) =>
  bodyOf(
    api.POST('/v1/admin/reconcile-differences/{difference_id}/close', {
      params: { path: { difference_id } },
      headers: { 'Idempotency-Key': key },
      body: { note },
    }),
  );

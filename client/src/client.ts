import createOpenApiClient from 'openapi-fetch';
import { PaymentsError } from './errors.ts';
import { readLines } from './lines.ts';
import { nextCursor, Pages } from './pages.ts';
import { sender } from './send.ts';
import type { ExportedRefund, operations, paths, Query, RequestBody, Row } from './types.ts';

export interface PaymentsOptions {
  /** Where the service is, e.g. `https://payments.example`. */
  baseUrl: string;
  /** An access token, or what gets one, which is asked before each attempt; left out where a browser's session says who is asking. */
  token?: string | (() => string | Promise<string>);
  /** Which brand is meant, for whoever is bound to none. */
  brand_id?: string;
  /** How often something is tried again that did not get through; 3 where it is left out. */
  retries?: number;
  /** How long one attempt may take, in milliseconds; 30,000 where it is left out. Issuing a refund waits for Stripe, up to 20 s. */
  timeout_ms?: number;
  /** Instead of the platform's own. */
  fetch?: (request: Request) => Promise<Response>;
}

export interface CallOptions {
  /** Ends the wait. What was asked for may be done all the same. */
  signal?: AbortSignal;
  /** Your name for this one request: sent again with it, nothing is done twice. Made where it is left out. */
  idempotency_key?: string;
  /** Which brand is meant by this call. */
  brand_id?: string;
}

const RETRIES = 3;
const TIMEOUT_ms = 30_000;

/** What is asked of a list: its filters; the pages are gone through by themselves. */
type Filters<Operation extends keyof operations> = Omit<Query<Operation>, 'cursor'>;

interface Outcome<Body> {
  data?: Body;
  error?: unknown;
  response: Response;
}

export type Payments = ReturnType<typeof createPayments>;

/**
 * The service's operations, as its API reference has them, grouped by what they are about. Each answers with the body, or throws
 * `PaymentsError` (the service says no) or `PaymentsConnectionError` (there was no answer).
 */
export function createPayments(options: PaymentsOptions) {
  const http = createOpenApiClient<paths>({
    baseUrl: options.baseUrl,
    fetch: sender({
      token: options.token,
      retries: options.retries ?? RETRIES,
      timeout_ms: options.timeout_ms ?? TIMEOUT_ms,
      fetch: options.fetch ?? ((request) => fetch(request)),
    }),
  });
  const how = ({ signal, idempotency_key, brand_id = options.brand_id }: CallOptions = {}) => ({
    ...(signal === undefined ? {} : { signal }),
    headers: {
      ...(idempotency_key === undefined ? {} : { 'idempotency-key': idempotency_key }),
      ...(brand_id === undefined ? {} : { 'x-brand-id': brand_id }),
    },
  });
  /** Rows of a list whose answer has them under one name. */
  const pages = <One>(
    read: (cursor: { cursor?: string }) => Promise<Outcome<Record<string, unknown>>>,
  ): Pages<One> =>
    new Pages(async (cursor) => {
      const { body, headers } = await answerOf(read(cursor === undefined ? {} : { cursor }));
      const [rows] = Object.values(body);
      return { rows: rows as One[], next_cursor: nextCursor(headers) };
    });

  return {
    /** Every operation by its path, typed by the API's document (openapi-fetch), with the same token, time-outs and retries. */
    http,
    refunds: {
      /** Recent refunds, newest first, of everybody or of one customer. */
      list: (query: Filters<'listRefunds'> = {}, call?: CallOptions) =>
        pages<Row<'listRefunds'>>((at) =>
          http.GET('/v1/admin/refunds', { params: { query: { ...query, ...at } }, ...how(call) }),
        ),
      /** The same with more of each: what a desk shows. */
      listDetailed: (query: Filters<'listRefundsDetailed'> = {}, call?: CallOptions) =>
        pages<Row<'listRefundsDetailed'>>((at) =>
          http.GET('/v1/admin/refunds/detailed', { params: { query: { ...query, ...at } }, ...how(call) }),
        ),
      /** One refund with its story. */
      get: (refund_id: string, call?: CallOptions) =>
        bodyOf(http.GET('/v1/admin/refunds/{refund_id}', { params: { path: { refund_id } }, ...how(call) })),
      /**
       * Sends money back. With `status: 'pending'` and no `stripe_refund_id` (HTTP 202) Stripe has not said yet whether it has it: the service finds
       * out, and `get` or an event tells.
       */
      issue: (body: RequestBody<'issueRefund'>, call?: CallOptions) =>
        bodyOf(http.POST('/v1/admin/refunds', { body, ...how(call) })),
      /** Lets a refund go that somebody else has asked for. */
      approve: (refund_id: string, body: RequestBody<'approveRefund'> = {}, call?: CallOptions) =>
        bodyOf(
          http.POST('/v1/admin/refunds/{refund_id}/approve', {
            params: { path: { refund_id } },
            body,
            ...how(call),
          }),
        ),
      /** Says no to a refund that somebody else has asked for. */
      reject: (refund_id: string, body: RequestBody<'rejectRefund'>, call?: CallOptions) =>
        bodyOf(
          http.POST('/v1/admin/refunds/{refund_id}/reject', {
            params: { path: { refund_id } },
            body,
            ...how(call),
          }),
        ),
      /** Calls a refund back, as long as that is possible. */
      cancel: (refund_id: string, body: RequestBody<'cancelRefund'> = {}, call?: CallOptions) =>
        bodyOf(
          http.POST('/v1/admin/refunds/{refund_id}/cancel', {
            params: { path: { refund_id } },
            body,
            ...how(call),
          }),
        ),
      /** Has Stripe asked about it now. */
      sync: (refund_id: string, body: RequestBody<'syncRefund'> = {}, call?: CallOptions) =>
        bodyOf(
          http.POST('/v1/admin/refunds/{refund_id}/sync', {
            params: { path: { refund_id } },
            body,
            ...how(call),
          }),
        ),
      /** Says how what a failed refund left owed was put right. */
      resolve: (refund_id: string, body: RequestBody<'resolveRefund'>, call?: CallOptions) =>
        bodyOf(
          http.POST('/v1/admin/refunds/{refund_id}/resolve', {
            params: { path: { refund_id } },
            body,
            ...how(call),
          }),
        ),
      /** Counts and sums by status, reason, currency and day. */
      summarize: (query: Query<'summarizeRefunds'> = {}, call?: CallOptions) =>
        bodyOf(http.GET('/v1/admin/refunds/summary', { params: { query }, ...how(call) })),
      /** Every refund that the filters leave, however many: as they come, in one consistent picture. Cut off, `after` goes on. */
      async *export(
        query: Omit<Query<'exportRefunds'>, 'format'> = {},
        call?: CallOptions,
      ): AsyncGenerator<ExportedRefund, void, undefined> {
        const asking = http.GET('/v1/admin/refunds/export', {
          params: { query: { ...query, format: 'ndjson' } },
          parseAs: 'stream',
          ...how(call),
        });
        const { body } = await answerOf<unknown>(asking);
        yield* readLines<ExportedRefund>(body as ReadableStream<Uint8Array> | null);
      },
      /** The reasons that there are. */
      reasons: (call?: CallOptions) => bodyOf(http.GET('/v1/admin/refund-reasons', how(call))),
    },
    payments: {
      /** Payments, newest first. */
      list: (query: Filters<'listPayments'> = {}, call?: CallOptions) =>
        pages<Row<'listPayments'>>((at) =>
          http.GET('/v1/admin/payments', { params: { query: { ...query, ...at } }, ...how(call) }),
        ),
      /** One payment with what is left of it, its refunds and disputes. */
      get: (payment_id: string, call?: CallOptions) =>
        bodyOf(
          http.GET('/v1/admin/payments/{payment_id}', { params: { path: { payment_id } }, ...how(call) }),
        ),
    },
    customers: {
      /** What is known of a customer. */
      get: (customer_id: string, call?: CallOptions) =>
        bodyOf(
          http.GET('/v1/admin/customers/{customer_id}', { params: { path: { customer_id } }, ...how(call) }),
        ),
    },
    disputes: {
      /** Disputes, newest first. */
      list: (query: Filters<'listDisputes'>, call?: CallOptions) =>
        pages<Row<'listDisputes'>>((at) =>
          http.GET('/v1/admin/disputes', { params: { query: { ...query, ...at } }, ...how(call) }),
        ),
      /** One dispute. */
      get: (id: string, call?: CallOptions) =>
        bodyOf(http.GET('/v1/admin/disputes/{id}', { params: { path: { id } }, ...how(call) })),
    },
    batches: {
      /** Checks refunds in bulk; nothing is sent. */
      create: (body: RequestBody<'createRefundBatch'>, call?: CallOptions) =>
        bodyOf(http.POST('/v1/admin/refund-batches', { body, ...how(call) })),
      /** Batches, newest first. */
      list: (query: Filters<'listRefundBatches'> = {}, call?: CallOptions) =>
        pages<Row<'listRefundBatches'>>((at) =>
          http.GET('/v1/admin/refund-batches', { params: { query: { ...query, ...at } }, ...how(call) }),
        ),
      /** How far a batch has come. */
      get: (batch_id: string, call?: CallOptions) =>
        bodyOf(
          http.GET('/v1/admin/refund-batches/{batch_id}', { params: { path: { batch_id } }, ...how(call) }),
        ),
      /** Its rows, in their order. */
      rows: (batch_id: string, query: Filters<'listRefundBatchRows'> = {}, call?: CallOptions) =>
        pages<Row<'listRefundBatchRows'>>((at) =>
          http.GET('/v1/admin/refund-batches/{batch_id}/rows', {
            params: { path: { batch_id }, query: { ...query, ...at } },
            ...how(call),
          }),
        ),
      /** Starts it, or goes on with it. */
      run: (batch_id: string, call?: CallOptions) =>
        bodyOf(
          http.POST('/v1/admin/refund-batches/{batch_id}/run', {
            params: { path: { batch_id } },
            body: {},
            ...how(call),
          }),
        ),
      /** Stops it before its next row. */
      stop: (batch_id: string, call?: CallOptions) =>
        bodyOf(
          http.POST('/v1/admin/refund-batches/{batch_id}/stop', {
            params: { path: { batch_id } },
            body: {},
            ...how(call),
          }),
        ),
    },
    events: {
      /** Where events are sent to. */
      endpoints: (query: Filters<'listEventEndpoints'> = {}, call?: CallOptions) =>
        pages<Row<'listEventEndpoints'>>((at) =>
          http.GET('/v1/admin/event-endpoints', { params: { query: { ...query, ...at } }, ...how(call) }),
        ),
      /** Has events sent to an address from now on. */
      createEndpoint: (body: RequestBody<'createEventEndpoint'>, call?: CallOptions) =>
        bodyOf(http.POST('/v1/admin/event-endpoints', { body, ...how(call) })),
      /** One endpoint, and whether anything gets through to it. */
      getEndpoint: (endpoint_id: string, call?: CallOptions) =>
        bodyOf(
          http.GET('/v1/admin/event-endpoints/{endpoint_id}', {
            params: { path: { endpoint_id } },
            ...how(call),
          }),
        ),
      /** Changes what is given, and leaves the rest. */
      updateEndpoint: (endpoint_id: string, body: RequestBody<'updateEventEndpoint'>, call?: CallOptions) =>
        bodyOf(
          http.POST('/v1/admin/event-endpoints/{endpoint_id}', {
            params: { path: { endpoint_id } },
            body,
            ...how(call),
          }),
        ),
      /** Sends nothing there any more. */
      deleteEndpoint: (endpoint_id: string, call?: CallOptions) =>
        bodyOf(
          http.POST('/v1/admin/event-endpoints/{endpoint_id}/delete', {
            params: { path: { endpoint_id } },
            body: {},
            ...how(call),
          }),
        ),
      /** What `verifyWebhook` verifies with. */
      getSecret: (endpoint_id: string, call?: CallOptions) =>
        bodyOf(
          http.GET('/v1/admin/event-endpoints/{endpoint_id}/secret', {
            params: { path: { endpoint_id } },
            ...how(call),
          }),
        ),
      /** A new secret; the former one signs besides for a while. */
      rotateSecret: (
        endpoint_id: string,
        body: RequestBody<'rotateEventEndpointSecret'> = {},
        call?: CallOptions,
      ) =>
        bodyOf(
          http.POST('/v1/admin/event-endpoints/{endpoint_id}/rotate-secret', {
            params: { path: { endpoint_id } },
            body,
            ...how(call),
          }),
        ),
      /** Sends a test event there. */
      test: (endpoint_id: string, call?: CallOptions) =>
        bodyOf(
          http.POST('/v1/admin/event-endpoints/{endpoint_id}/test', {
            params: { path: { endpoint_id } },
            body: {},
            ...how(call),
          }),
        ),
      /** What was sent, is to be sent or was given up, the latest first. */
      deliveries: (query: Filters<'listEventDeliveries'> = {}, call?: CallOptions) =>
        pages<Row<'listEventDeliveries'>>((at) =>
          http.GET('/v1/admin/event-deliveries', { params: { query: { ...query, ...at } }, ...how(call) }),
        ),
      /** What is sent, to the byte, and every attempt at it. */
      getDelivery: (endpoint_id: string, event_id: string, call?: CallOptions) =>
        bodyOf(
          http.GET('/v1/admin/event-endpoints/{endpoint_id}/deliveries/{event_id}', {
            params: { path: { endpoint_id, event_id } },
            ...how(call),
          }),
        ),
      /** Sends one again. */
      resend: (endpoint_id: string, event_id: string, call?: CallOptions) =>
        bodyOf(
          http.POST('/v1/admin/event-endpoints/{endpoint_id}/deliveries/{event_id}/resend', {
            params: { path: { endpoint_id, event_id } },
            body: {},
            ...how(call),
          }),
        ),
      /** Sends everything again that was given up there since then. */
      resendFailed: (endpoint_id: string, body: RequestBody<'resendFailedEvents'>, call?: CallOptions) =>
        bodyOf(
          http.POST('/v1/admin/event-endpoints/{endpoint_id}/resend', {
            params: { path: { endpoint_id } },
            body,
            ...how(call),
          }),
        ),
    },
    audit: {
      /** Who did what, the latest first. */
      list: (query: Filters<'listAudit'> = {}, call?: CallOptions) =>
        pages<Row<'listAudit'>>((at) =>
          http.GET('/v1/admin/audit', { params: { query: { ...query, ...at } }, ...how(call) }),
        ),
    },
    /** Whatever has this id, or whatever is this customer's. */
    search: (q: string, call?: CallOptions) =>
      bodyOf(http.GET('/v1/admin/search', { params: { query: { q } }, ...how(call) })),
  };
}

async function bodyOf<Body>(asking: Promise<Outcome<Body>>): Promise<Body> {
  return (await answerOf(asking)).body;
}

async function answerOf<Body>(asking: Promise<Outcome<Body>>): Promise<{ body: Body; headers: Headers }> {
  const { data, error, response } = await asking;
  if (!response.ok) throw new PaymentsError(response.status, error, response.headers);
  return { body: data as Body, headers: response.headers };
}

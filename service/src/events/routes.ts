import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { anyScope, principalOf } from '../access/guard.ts';
import { type Connections, type Pool, type Transaction, withTransaction } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';
import { addressOf } from '../http/address.ts';
import { bodyMayBeLeftOut } from '../http/body.ts';
import type { Cursors } from '../http/cursor.ts';
import { toMoment } from '../http/moments.ts';
import { linkHeader, pagingParameters, servePage } from '../http/paging.ts';
import type { RoomRoutes } from '../http/room.ts';
import {
  changeErrors,
  errorResponses,
  guardedErrors,
  Identifier,
  idempotencyHeaders,
  json,
  Moment,
} from '../http/schemas.ts';
import { answerOnce, reply, writeAnswer } from '../idempotency/answer.ts';
import { readIdempotencyKey } from '../idempotency/key.ts';
import { asyncApiDocument } from './asyncapi.ts';
import { CATALOGUE, EVENT_TYPES } from './catalogue.ts';
import { writeBody } from './deliver.ts';
import { type Delivery, findDelivery, listAttempts, listDeliveries } from './delivery-queries.ts';
import { DELIVERY_STATUSES, type Endpoint } from './endpoint.ts';
import { listEndpoints } from './endpoint-queries.ts';
import * as endpoints from './endpoints.ts';
import { resend, resendAll } from './resend.ts';
import * as schemas from './schemas.ts';
import { SEND_ERRORS, type SendError } from './send.ts';

export interface EventRoutesDeps extends endpoints.EndpointDeps {
  pool: Connections;
  cursors: Cursors;
}

/** For how long a former secret signs beside the new one, where nobody says otherwise. */
const FORMER_LIVES_h = 24;

const changerOf = (request: FastifyRequest): endpoints.Changer => {
  const { actor_type, actor_id, brand_id, client_id } = principalOf(request);
  const origin = { request_id: request.id, client_id, ip_address: addressOf(request) };
  return { actor_type, actor_id, brand_id, origin };
};

/** Where events go: endpoints of other services, and what became of telling them. */
export function eventEndpointRoutes({ pool, cursors, ...deps }: EventRoutesDeps): RoomRoutes {
  return async (app) => {
    /** Does something in one transaction of the caller's brand, once per key. */
    const change = async (
      request: FastifyRequest,
      response: FastifyReply,
      status: 200 | 201 | 202,
      work: (tx: Transaction, by: endpoints.Changer) => Promise<object>,
    ) => {
      const by = changerOf(request);
      const own = pool.ofBrand(by.brand_id);
      const answer = await answerOnce(own, readIdempotencyKey(request), async () => {
        const body = await withTransaction(own, (tx) => work(tx, by));
        return { status, body: writeAnswer(response, status, body) };
      });
      return reply(response, answer);
    };
    const own = (request: FastifyRequest): { brand_id: string; db: Pool } => {
      const { brand_id } = principalOf(request);
      return { brand_id, db: pool.ofBrand(brand_id) };
    };
    const reading = { tags: ['events'], security: anyScope('admin:events.read') };
    const changing = { tags: ['events'], security: anyScope('admin:events'), headers: idempotencyHeaders };
    const params = schemas.endpointParams;

    app.get('/asyncapi.json', { schema: { hide: true } }, async () => asyncApiDocument());

    app.get(
      '/v1/admin/event-types',
      {
        config: { audited: false },
        schema: {
          ...reading,
          operationId: 'listEventTypes',
          summary: 'List the types of events',
          description:
            'Every event that endpoints can be told of: what it means, what it carries, and one as it is sent. The same as `/asyncapi.json`, for programs that only want this.',
          response: {
            200: json('Types', schemas.EventTypeList, { event_types: describeTypes().slice(0, 1) }),
            ...guardedErrors,
          },
        },
      },
      async () => ({ event_types: describeTypes() }),
    );

    app.get(
      '/v1/admin/event-endpoints',
      {
        config: { audited: false },
        schema: {
          ...reading,
          operationId: 'listEventEndpoints',
          summary: 'List endpoints for events',
          description: 'Where events of the caller’s brand are sent to, the newest first.',
          querystring: Type.Object(pagingParameters, { additionalProperties: false }),
          response: {
            200: json(
              'Endpoints',
              schemas.EndpointList,
              { endpoints: [schemas.endpointExample] },
              linkHeader,
            ),
            ...guardedErrors,
          },
        },
      },
      async (request, response) => {
        const { brand_id, db } = own(request);
        const rows = await servePage(
          { request, reply: response, cursors },
          { operation: 'listEventEndpoints', brand_id, filters: {} },
          request.query as { limit: number | undefined; cursor: string | undefined },
          (at) => listEndpoints(db, brand_id, at),
          ({ endpoint_id }) => endpoint_id,
        );
        return { endpoints: rows.map(toEndpoint) };
      },
    );

    app.post(
      '/v1/admin/event-endpoints',
      {
        schema: {
          ...changing,
          operationId: 'createEventEndpoint',
          summary: 'Create an endpoint for events',
          description:
            'Has events of the caller’s brand sent to an address from now on: by POST, signed as Standard Webhooks has it (`GET …/secret` says with what), at least once, those of one refund in their order. An attempt that is not answered with a 2xx within 15 seconds is made again, for three days. Up to 20 endpoints.',
          body: schemas.EndpointAsked,
          response: {
            201: json('Created', schemas.EndpointBody, schemas.endpointExample),
            ...guardedErrors,
            ...errorResponses(409, 412, 413, 415, 422),
          },
        },
      },
      async (request, response) => {
        const { url, event_types, description = null } = request.body;
        // Before the key is claimed: what is put right may be sent under the same one.
        endpoints.checkAddress(url, deps.allow_private);
        return await change(request, response, 201, async (tx, by) =>
          toEndpoint(await endpoints.createEndpoint(deps, tx, { url, event_types, description }, by)),
        );
      },
    );

    app.get(
      '/v1/admin/event-endpoints/:endpoint_id',
      {
        config: { audited: false },
        schema: {
          ...reading,
          operationId: 'getEventEndpoint',
          summary: 'Get an endpoint for events',
          description: 'One endpoint, and whether anything gets through to it.',
          params,
          response: {
            200: json('The endpoint', schemas.EndpointBody, schemas.endpointExample),
            ...guardedErrors,
            ...errorResponses(404),
          },
        },
      },
      async (request) => {
        const { brand_id, db } = own(request);
        return toEndpoint(await endpoints.requireEndpoint(db, brand_id, request.params.endpoint_id));
      },
    );

    app.post(
      '/v1/admin/event-endpoints/:endpoint_id',
      {
        schema: {
          ...changing,
          operationId: 'updateEventEndpoint',
          summary: 'Change an endpoint for events',
          description:
            'Changes what is given, and leaves the rest. Switched on again after it was switched off, it gets what it is still owed.',
          params,
          body: schemas.EndpointChange,
          response: {
            200: json('Changed', schemas.EndpointBody, schemas.endpointExample),
            ...guardedErrors,
            ...changeErrors,
          },
        },
      },
      async (request, response) => {
        const { url } = request.body;
        if (url !== undefined) endpoints.checkAddress(url, deps.allow_private);
        return await change(request, response, 200, async (tx, by) =>
          toEndpoint(await endpoints.changeEndpoint(tx, request.params.endpoint_id, request.body, by)),
        );
      },
    );

    app.post(
      '/v1/admin/event-endpoints/:endpoint_id/delete',
      {
        ...bodyMayBeLeftOut,
        schema: {
          ...changing,
          operationId: 'deleteEventEndpoint',
          summary: 'Delete an endpoint for events',
          description:
            'Sends nothing there any more; what it was still owed is canceled, what was sent can still be seen. Its secret is forgotten.',
          params,
          body: Type.Object({}, { additionalProperties: false }),
          response: {
            200: json('Deleted', Type.Object({ endpoint_id: Type.String(), deleted: Type.Boolean() }), {
              endpoint_id: schemas.endpointExample.endpoint_id,
              deleted: true,
            }),
            ...guardedErrors,
            ...changeErrors,
          },
        },
      },
      async (request, response) => {
        const { endpoint_id } = request.params;
        return await change(request, response, 200, async (tx, by) => {
          await endpoints.deleteEndpoint(tx, endpoint_id, by);
          return { endpoint_id, deleted: true };
        });
      },
    );

    app.get(
      '/v1/admin/event-endpoints/:endpoint_id/secret',
      {
        config: {
          audited: {
            event_type: 'event_secret.read',
            entity_type: 'event_endpoint',
            parameter: 'endpoint_id',
          },
        },
        schema: {
          tags: ['events'],
          security: anyScope('admin:events'),
          operationId: 'getEventEndpointSecret',
          summary: 'Get the secret of an endpoint for events',
          description:
            'What the receiver verifies signatures with; while it is rotated, the former one besides.',
          params,
          response: {
            200: json('The secret', schemas.SecretBody, schemas.secretExample),
            ...guardedErrors,
            ...errorResponses(404, 412),
          },
        },
      },
      async (request) => {
        const { brand_id, db } = own(request);
        const { former_expires_at, ...secrets } = await endpoints.readSecrets(
          deps,
          db,
          brand_id,
          request.params.endpoint_id,
        );
        return { ...secrets, former_secret_expires_at: former_expires_at };
      },
    );

    app.post(
      '/v1/admin/event-endpoints/:endpoint_id/rotate-secret',
      {
        ...bodyMayBeLeftOut,
        schema: {
          ...changing,
          operationId: 'rotateEventEndpointSecret',
          summary: 'Rotate the secret of an endpoint for events',
          description:
            'Makes a new secret. Events are signed with the former one, too, for as long as is asked for, so that the receiver can change over without losing any.',
          params,
          body: Type.Object(
            {
              former_lives_hours: Type.Optional(
                Type.Integer({
                  minimum: 0,
                  maximum: 168,
                  description: `For how long the former secret signs besides; ${FORMER_LIVES_h} where it is left out, 0 where it has become known.`,
                }),
              ),
            },
            { additionalProperties: false },
          ),
          response: {
            200: json('Rotated', schemas.EndpointBody, {
              ...schemas.endpointExample,
              former_secret_expires_at: '2026-02-01T14:05:00.000Z',
            }),
            ...guardedErrors,
            ...changeErrors,
          },
        },
      },
      async (request, response) => {
        const { former_lives_hours = FORMER_LIVES_h } = request.body;
        return await change(request, response, 200, async (tx, by) =>
          toEndpoint(
            await endpoints.rotateSecret(
              deps,
              tx,
              request.params.endpoint_id,
              former_lives_hours * 3_600,
              by,
            ),
          ),
        );
      },
    );

    app.post(
      '/v1/admin/event-endpoints/:endpoint_id/test',
      {
        ...bodyMayBeLeftOut,
        schema: {
          ...changing,
          operationId: 'testEventEndpoint',
          summary: 'Send a test event',
          description:
            'Sends an `event_endpoint.test.v1` to this endpoint alone; `GET …/deliveries/{event_id}` says what came of it.',
          params,
          body: Type.Object({}, { additionalProperties: false }),
          response: {
            202: json('It is sent', schemas.EventSent, {
              event_id: schemas.deliveryDetailExample.event_id,
            }),
            ...guardedErrors,
            ...changeErrors,
          },
        },
      },
      async (request, response) =>
        await change(request, response, 202, async (tx, by) => ({
          event_id: await endpoints.testEndpoint(tx, request.params.endpoint_id, by),
        })),
    );

    app.post(
      '/v1/admin/event-endpoints/:endpoint_id/resend',
      {
        schema: {
          ...changing,
          operationId: 'resendFailedEvents',
          summary: 'Send failed events again',
          description: 'Sends everything again that was given up at this endpoint since then.',
          params,
          body: Type.Object(
            { since: Moment('Events that happened then or later.') },
            { additionalProperties: false },
          ),
          response: {
            202: json('They are sent', schemas.EventsSent, { events: 12 }),
            ...guardedErrors,
            ...changeErrors,
          },
        },
      },
      async (request, response) => {
        const since = toMoment('since', request.body.since);
        return await change(request, response, 202, async (tx, by) => ({
          events: await resendAll(tx, request.params.endpoint_id, since, by),
        }));
      },
    );

    app.get(
      '/v1/admin/event-deliveries',
      {
        config: { audited: { event_type: 'event_delivery.listed', entity_type: 'event_delivery' } },
        schema: {
          ...reading,
          operationId: 'listEventDeliveries',
          summary: 'List deliveries of events',
          description: 'What was sent, is to be sent or was given up, the latest event first.',
          querystring: Type.Object(
            {
              endpoint_id: Type.Optional(Identifier('To which endpoint.')),
              status: Type.Optional(Type.Enum([...DELIVERY_STATUSES], { description: 'What became of it.' })),
              event_type: Type.Optional(Type.Enum([...EVENT_TYPES], { description: 'What has happened.' })),
              event_id: Type.Optional(Identifier('Which event.')),
              entity_id: Type.Optional(Identifier('To what: a refund, a payment, ….')),
              ...pagingParameters,
            },
            { additionalProperties: false },
          ),
          response: {
            200: json('Deliveries', schemas.DeliveryList, schemas.deliveryListExample, linkHeader),
            ...guardedErrors,
          },
        },
      },
      async (request, response) => {
        const { limit, cursor, ...filters } = request.query;
        const { brand_id, db } = own(request);
        const rows = await servePage(
          { request, reply: response, cursors },
          { operation: 'listEventDeliveries', brand_id, filters },
          { limit, cursor },
          (at) => listDeliveries(db, brand_id, filters, at),
          ({ delivery_id }) => String(delivery_id),
        );
        return { deliveries: rows.map(toDelivery) };
      },
    );

    app.get(
      '/v1/admin/event-endpoints/:endpoint_id/deliveries/:event_id',
      {
        config: {
          audited: {
            event_type: 'event_delivery.read',
            entity_type: 'event_delivery',
            parameter: 'event_id',
          },
        },
        schema: {
          ...reading,
          operationId: 'getEventDelivery',
          summary: 'Get a delivery of an event',
          description: 'What is sent to an endpoint, to the byte, and every attempt at it.',
          params: schemas.deliveryParams,
          response: {
            200: json('The delivery', schemas.DeliveryDetail, schemas.deliveryDetailExample),
            ...guardedErrors,
            ...errorResponses(404),
          },
        },
      },
      async (request) => {
        const { brand_id, db } = own(request);
        const { endpoint_id, event_id } = request.params;
        const delivery = await findDelivery(db, brand_id, endpoint_id, event_id);
        if (delivery === undefined) {
          throw new ServiceError('not_found', { message: 'There is no such delivery.' });
        }
        const attempts = await listAttempts(db, delivery.delivery_id);
        return {
          ...toDelivery(delivery),
          body: writeBody({ ...delivery, brand_id }),
          attempt_log: attempts.map(({ attempt_no, error, ...attempt }) => ({
            attempt: attempt_no,
            ...attempt,
            error: explain(error),
          })),
        };
      },
    );

    app.post(
      '/v1/admin/event-endpoints/:endpoint_id/deliveries/:event_id/resend',
      {
        ...bodyMayBeLeftOut,
        schema: {
          ...changing,
          operationId: 'resendEvent',
          summary: 'Send an event again',
          description:
            'Sends an event again, or at once where it waits for its next attempt, whatever became of it before. The receiver knows it by its `webhook-id`.',
          params: schemas.deliveryParams,
          body: Type.Object({}, { additionalProperties: false }),
          response: {
            202: json('It is sent', schemas.EventSent, {
              event_id: schemas.deliveryDetailExample.event_id,
            }),
            ...guardedErrors,
            ...changeErrors,
          },
        },
      },
      async (request, response) => {
        const { endpoint_id, event_id } = request.params;
        return await change(request, response, 202, async (tx, by) => {
          await resend(tx, endpoint_id, event_id, by);
          return { event_id };
        });
      },
    );
  };
}

const describeTypes = () =>
  EVENT_TYPES.map((event_type) => {
    const { summary, data, sample } = CATALOGUE[event_type];
    return { event_type, summary, schema: data, sample };
  });

const toEndpoint = ({ former_expires_at, brand_id: _, ...endpoint }: Endpoint) => ({
  ...endpoint,
  former_secret_expires_at: former_expires_at,
});

const toDelivery = ({ due_at, last_error, delivery_id: _, ...delivery }: Delivery) => ({
  ...delivery,
  next_attempt_at: due_at,
  error: explain(last_error),
});

const explain = (error: SendError | null) =>
  error === null ? null : { code: error, message: SEND_ERRORS[error] };

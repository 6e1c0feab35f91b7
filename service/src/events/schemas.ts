import { Type } from 'typebox';
import { Identifier, NullableMoment, NullableString, PRINTABLE, Text } from '../http/schemas.ts';
import { EVENT_TYPES, SUBSCRIPTIONS } from './catalogue.ts';
import { DELIVERY_STATUSES, ENDPOINT_STATUSES } from './endpoint.ts';

const Url = Type.String({
  minLength: 1,
  maxLength: 2_000,
  pattern: PRINTABLE,
  description:
    'Where events are sent to, by HTTPS. Private and loopback addresses are refused, whatever name leads to them.',
});
const EventTypes = Type.Array(Type.Enum([...SUBSCRIPTIONS]), {
  minItems: 1,
  maxItems: SUBSCRIPTIONS.length,
  uniqueItems: true,
  description:
    'What it is told of: types (`refund.failed.v1`), all of something (`refund.*`), everything (`*`).',
});
const Description = Text(200, 'What colleagues should know it by.');

/** The body of `POST /v1/admin/event-endpoints`. */
export const EndpointAsked = Type.Object(
  { url: Url, event_types: EventTypes, description: Type.Optional(Description) },
  { additionalProperties: false },
);

/** The body of `POST /v1/admin/event-endpoints/{endpoint_id}`. */
export const EndpointChange = Type.Object(
  {
    url: Type.Optional(Url),
    event_types: Type.Optional(EventTypes),
    description: Type.Optional(Description),
    status: Type.Optional(
      Type.Enum([...ENDPOINT_STATUSES], {
        description:
          'Switched off, it is sent nothing; what happens meanwhile it gets when it is switched on again.',
      }),
    ),
  },
  { additionalProperties: false },
);

export const EndpointBody = Type.Object({
  endpoint_id: Type.String(),
  url: Type.String({ description: 'Where events are sent to.' }),
  description: NullableString('What colleagues know it by.'),
  event_types: Type.Array(Type.String(), { description: 'What it is told of.' }),
  status: Type.Enum([...ENDPOINT_STATUSES], { description: 'Whether it is sent anything.' }),
  disabled_reason: NullableString(
    '`by_hand`: somebody has switched it off. `failing`: nothing got through for three days. `gone`: it answered 410.',
  ),
  failures: Type.Integer({
    description: 'How many attempts have failed in a row; from 5 on it is only probed.',
  }),
  failing_since: NullableMoment('Since when nothing got through; null while something does.'),
  former_secret_expires_at: NullableMoment(
    'Until when events are signed with the former secret, too; null where there is none.',
  ),
  created_at: Type.String({ format: 'date-time' }),
  updated_at: Type.String({ format: 'date-time' }),
});
export const EndpointList = Type.Object({ endpoints: Type.Array(EndpointBody) });

export const SecretBody = Type.Object({
  secret: Type.String({ description: 'What events are signed with (`whsec_…`, Standard Webhooks).' }),
  former_secret: NullableString('What they are signed with, too, until it expires.'),
  former_secret_expires_at: NullableMoment('When that is.'),
});

export const EventSent = Type.Object({
  event_id: Type.String({ description: 'The event that is sent; the endpoint gets it as `webhook-id`.' }),
});

export const EventsSent = Type.Object({
  events: Type.Integer({ description: 'How many events are sent again.' }),
});

const delivery = {
  endpoint_id: Type.String({ description: 'To which endpoint.' }),
  event_id: Type.String({ description: 'Which event; the endpoint gets it as `webhook-id`.' }),
  event_type: Type.String({ description: 'What has happened, e.g. `refund.failed.v1`.' }),
  entity_id: Type.String({ description: 'To what: a refund, a payment, ….' }),
  status: Type.Enum([...DELIVERY_STATUSES], {
    description:
      '`pending`: to be sent, or sent again. `delivered`: the endpoint has taken it. `failed`: given up after three days. `canceled`: the endpoint was deleted.',
  }),
  attempts: Type.Integer({ description: 'How often it was tried.' }),
  next_attempt_at: NullableMoment('When it is tried next.'),
  last_attempt_at: NullableMoment('When it was tried last.'),
  last_status_code: Type.Unsafe<number | null>({
    type: ['integer', 'null'],
    description: 'What the endpoint answered last; null where it did not.',
  }),
  error: Type.Union([Type.Object({ code: Type.String(), message: Type.String() }), Type.Null()], {
    description: 'What the last attempt met with; null where it got through.',
  }),
  delivered_at: NullableMoment('When the endpoint took it.'),
  created_at: Type.String({ format: 'date-time', description: 'When it happened.' }),
};
export const DeliveryList = Type.Object({ deliveries: Type.Array(Type.Object(delivery)) });
export const DeliveryDetail = Type.Object({
  ...delivery,
  body: Type.String({ description: 'What is sent, to the byte.' }),
  attempt_log: Type.Array(
    Type.Object({
      attempt: Type.Integer({ description: 'Which, from 1.' }),
      attempted_at: Type.String({ format: 'date-time' }),
      duration_ms: Type.Integer({ description: 'How long the endpoint took.' }),
      status_code: Type.Unsafe<number | null>({
        type: ['integer', 'null'],
        description: 'What it answered.',
      }),
      error: Type.Union([Type.Object({ code: Type.String(), message: Type.String() }), Type.Null()], {
        description: 'What the attempt met with.',
      }),
    }),
    { description: 'The last 100 attempts, the latest first.' },
  ),
});

export const EventTypeList = Type.Object({
  event_types: Type.Array(
    Type.Object({
      event_type: Type.Enum([...EVENT_TYPES]),
      summary: Type.String({ description: 'What it means.' }),
      schema: Type.Unsafe<object>({
        type: 'object',
        additionalProperties: true,
        description: 'What its `data` is, a JSON Schema.',
      }),
      sample: Type.Unsafe<object>({
        type: 'object',
        additionalProperties: true,
        description: 'A `data` as it may be sent.',
      }),
    }),
  ),
});

export const endpointParams = Type.Object({ endpoint_id: Identifier('The endpoint.') });
export const deliveryParams = Type.Object({
  endpoint_id: Identifier('The endpoint.'),
  event_id: Identifier('The event.'),
});

export const endpointExample = {
  endpoint_id: 'endpoint_01kar2t1h6e4zr8m0v7y3q5kdn',
  url: 'https://shop.example/events',
  description: 'The shop',
  event_types: ['refund.*', 'dispute.opened.v1'],
  status: 'enabled',
  disabled_reason: null,
  failures: 0,
  failing_since: null,
  former_secret_expires_at: null,
  created_at: '2026-01-31T14:05:00.000Z',
  updated_at: '2026-01-31T14:05:00.000Z',
};

export const secretExample = {
  secret: 'whsec_bm90IGEgc2VjcmV0LCBhbiBleGFtcGxlIG9mIG9uZS4=',
  former_secret: null,
  former_secret_expires_at: null,
};

const deliveryExample = {
  endpoint_id: 'endpoint_01kar2t1h6e4zr8m0v7y3q5kdn',
  event_id: 'event_01kar2v3k8g6wt0q2x5b9n7fhd',
  event_type: 'refund.failed.v1',
  entity_id: 'refund_01kar2m0v5fhtb3mx9q2z8d4wn',
  status: 'pending',
  attempts: 2,
  next_attempt_at: '2026-01-31T14:10:11.402Z',
  last_attempt_at: '2026-01-31T14:05:08.120Z',
  last_status_code: 500,
  error: { code: 'http_error', message: 'The receiver did not answer with a 2xx.' },
  delivered_at: null,
  created_at: '2026-01-31T14:05:00.000Z',
};
export const deliveryListExample = { deliveries: [deliveryExample] };
export const deliveryDetailExample = {
  ...deliveryExample,
  body: '{"type":"refund.failed.v1","timestamp":"2026-01-31T14:05:00.000Z","event_id":"event_01kar2v3k8g6wt0q2x5b9n7fhd","brand_id":"default","data":{"refund_id":"refund_01kar2m0v5fhtb3mx9q2z8d4wn","payment_id":"payment_01kar2jz4eexs8wx0kgmh1xb5p","origin":"api","status":"failed","amount_cents":4990,"currency":"eur","stripe_refund_id":"re_3SvR2eLkdIwHu7ix0hJvX9Qa","failure_reason":"lost_or_stolen_card"}}',
  attempt_log: [
    {
      attempt: 2,
      attempted_at: '2026-01-31T14:05:08.120Z',
      duration_ms: 41,
      status_code: 500,
      error: { code: 'http_error', message: 'The receiver did not answer with a 2xx.' },
    },
    {
      attempt: 1,
      attempted_at: '2026-01-31T14:05:00.310Z',
      duration_ms: 38,
      status_code: 500,
      error: { code: 'http_error', message: 'The receiver did not answer with a 2xx.' },
    },
  ],
};

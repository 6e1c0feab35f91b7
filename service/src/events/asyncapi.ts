import { CATALOGUE, EVENT_TYPES, type EventType } from './catalogue.ts';

const DESCRIPTION = `What other services are told, and when. Each event is sent by HTTP POST to the endpoints that have asked for it
(\`POST /v1/admin/event-endpoints\`), signed as Standard Webhooks 1.0 has it, at least once; \`webhook-id\` is the same at every attempt. Those of one
refund come in the order in which they happened. Anything but a 2xx within 15 seconds is an attempt that has failed: the next ones are made after
5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h. Redirections are not followed; a 410 switches the endpoint off.

Fields are only ever added; what would mean something else is another version.`;

/** The catalogue as an AsyncAPI 3.0 document. */
export function asyncApiDocument() {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'payments: events',
      version: '1.0.0',
      description: DESCRIPTION,
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    channels: {
      events: {
        address: null,
        title: 'An endpoint for events',
        description: 'The address that an endpoint was created with.',
        messages: Object.fromEntries(EVENT_TYPES.map((type) => [type, ref('messages', type)])),
        bindings: { http: { bindingVersion: '0.3.0' } },
      },
    },
    operations: {
      sendEvent: {
        action: 'send',
        channel: { $ref: '#/channels/events' },
        title: 'Send an event',
        bindings: { http: { method: 'POST', bindingVersion: '0.3.0' } },
      },
    },
    components: {
      messages: Object.fromEntries(EVENT_TYPES.map((type) => [type, describeMessage(type)])),
      schemas: { Headers: HEADERS },
    },
  };
}

const ref = (kind: string, name: string) => ({ $ref: `#/components/${kind}/${name}` });

/** Standard Webhooks 1.0, "Webhook headers". */
const HEADERS = {
  type: 'object',
  required: ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
  properties: {
    'webhook-id': { type: 'string', description: 'The event’s id: the same at every attempt.' },
    'webhook-timestamp': { type: 'string', description: 'When this attempt was made: seconds since 1970.' },
    'webhook-signature': {
      type: 'string',
      description:
        'One or, while the secret is rotated, two signatures (`v1,…`), with a space between them: HMAC-SHA256 of `<webhook-id>.<webhook-timestamp>.<body>`.',
    },
  },
};

/** An event's body, and one of its kind. */
function describeBody(type: EventType) {
  const { data, sample } = CATALOGUE[type];
  return {
    schema: {
      type: 'object',
      required: ['type', 'timestamp', 'event_id', 'brand_id', 'data'],
      properties: {
        type: { const: type },
        timestamp: { type: 'string', format: 'date-time', description: 'When it happened.' },
        event_id: { type: 'string', description: 'The same as `webhook-id`.' },
        brand_id: { type: 'string', description: 'Of which brand.' },
        data,
      },
    },
    example: {
      type,
      timestamp: '2026-01-31T14:05:00.000Z',
      event_id: 'event_01kar2v3k8g6wt0q2x5b9n7fhd',
      brand_id: 'default',
      data: sample,
    },
  };
}

/** The catalogue as the `webhooks` of an OpenAPI 3.1 document. */
export const describeWebhooks = () =>
  Object.fromEntries(
    EVENT_TYPES.map((type) => [
      type,
      {
        post: {
          operationId: `receive_${type}`,
          summary: CATALOGUE[type].summary,
          tags: ['events'],
          parameters: Object.entries(HEADERS.properties).map(([name, { type, description }]) => ({
            name,
            in: 'header',
            required: true,
            description,
            schema: { type },
          })),
          requestBody: { required: true, content: { 'application/json': describeBody(type) } },
          responses: { '2XX': { description: 'It was taken.' } },
        },
      },
    ]),
  );

function describeMessage(type: EventType) {
  const { schema, example } = describeBody(type);
  return {
    name: type,
    title: type,
    summary: CATALOGUE[type].summary,
    headers: ref('schemas', 'Headers'),
    payload: schema,
    examples: [
      {
        headers: {
          'webhook-id': example.event_id,
          'webhook-timestamp': '1769868300',
          'webhook-signature': 'v1,bm90IGEgc2lnbmF0dXJlLCBhbiBleGFtcGxlIG9mIG9uZSE=',
        },
        payload: example,
      },
    ],
  };
}

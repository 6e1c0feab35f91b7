import { Type } from 'typebox';
import { anyScope, principalOf } from '../access/guard.ts';
import type { Pool } from '../database/pool.ts';
import type { Cursors } from '../http/cursor.ts';
import { toMoment } from '../http/moments.ts';
import { linkHeader, pagingParameters, servePage } from '../http/paging.ts';
import type { RoomRoutes } from '../http/room.ts';
import { guardedErrors, Identifier, json, Moment, NullableMoment, NullableString } from '../http/schemas.ts';
import { listEvents } from './event-list.ts';
import { EVENT_STATUSES } from './shelf.ts';
import type { ShownEvent } from './shelf-queries.ts';

const EventList = Type.Object({
  events: Type.Array(
    Type.Object({
      event_id: Type.String({ description: 'Our id of the event.' }),
      stripe_event_id: Type.String({ description: "Stripe's id of it (`evt_…`)." }),
      event_type: Type.String({ description: 'Stripe’s word, e.g. `refund.updated`.' }),
      object_type: NullableString('What it tells of, e.g. `refund`.'),
      object_id: NullableString('Which, by Stripe’s id.'),
      status: Type.Enum([...EVENT_STATUSES], {
        description:
          '`received`: to be worked on · `processed`: what Stripe said is in the books · `ignored`: nothing to say of it · `unmatched`: on the shelf, its object is not ours or no longer at Stripe · `failed`: given up.',
      }),
      attempts: Type.Integer({ description: 'How often it has been asked about.' }),
      error: Type.Union(
        [
          Type.Object({
            code: Type.String(),
            message: Type.String({ description: 'The same in a sentence.' }),
          }),
          Type.Null(),
        ],
        { description: 'Why it is on the shelf or has failed, or what the last attempt met with.' },
      ),
      note: NullableString('What an operator wrote who has put it on the shelf.'),
      stripe_created_at: Type.String({ format: 'date-time', description: 'When Stripe made it.' }),
      received_at: Type.String({ format: 'date-time', description: 'When it came here.' }),
      processed_at: NullableMoment('When it was done with; null while it is not.'),
    }),
  ),
});

const example = {
  events: [
    {
      event_id: 'event_01m831h89dfztrtq6mga01mbmf',
      stripe_event_id: 'evt_3PgafyB7WZ01zgkW0sjxsAJo',
      event_type: 'refund.updated',
      object_type: 'refund',
      object_id: 're_3PgafyB7WZ01zgkW0QiPSDCm',
      status: 'unmatched',
      attempts: 1,
      error: { code: 'gone_at_stripe', message: 'Stripe no longer knows the object.' },
      note: null,
      stripe_created_at: '2026-01-31T14:05:00.000Z',
      received_at: '2026-01-31T14:05:01.204Z',
      processed_at: '2026-01-31T14:05:01.610Z',
    },
  ],
};

/** `GET /v1/admin/webhook-events`: the inbox and the shelf, for operators. */
export function eventRoutes({ pool, cursors }: { pool: Pool; cursors: Cursors }): RoomRoutes {
  return async (app) => {
    app.get(
      '/v1/admin/webhook-events',
      {
        config: { audited: { event_type: 'stripe_event.listed', entity_type: 'stripe_event' } },
        schema: {
          operationId: 'listStripeEvents',
          summary: 'List events from Stripe',
          description:
            'What Stripe has told of and what has become of it: the inbox and the shelf, the latest received first. Events have no brand; whoever is bound to a brand, or names one, sees events of what is in that brand’s books only. `POST /v1/admin/webhooks/replay` has Stripe asked again.',
          tags: ['operations'],
          security: anyScope('admin:operations.read'),
          querystring: Type.Object(
            {
              status: Type.Optional(
                Type.Enum([...EVENT_STATUSES], { description: 'What has become of it.' }),
              ),
              event_type: Type.Optional(Identifier('Stripe’s word, e.g. `refund.updated`.')),
              object_id: Type.Optional(
                Identifier('Of which object, by Stripe’s id (`ch_…`, `re_…`, `pi_…`, `dp_…`).'),
              ),
              received_at_gte: Type.Optional(Moment('Received at this moment or later.')),
              received_at_lt: Type.Optional(Moment('Received before this moment.')),
              ...pagingParameters,
            },
            { additionalProperties: false },
          ),
          response: { 200: json('Events', EventList, example, linkHeader), ...guardedErrors },
        },
      },
      async (request, reply) => {
        const { limit, cursor, ...filters } = request.query;
        const { received_at_gte, received_at_lt, ...equal } = filters;
        const { brand_id, brand_is_default } = principalOf(request);
        const narrowed = {
          ...equal,
          ...(received_at_gte === undefined
            ? {}
            : { received_at_gte: toMoment('received_at_gte', received_at_gte) }),
          ...(received_at_lt === undefined
            ? {}
            : { received_at_lt: toMoment('received_at_lt', received_at_lt) }),
          ...(brand_is_default ? {} : { brand_id }),
        };
        const events = await servePage(
          { request, reply, cursors },
          {
            operation: 'listStripeEvents',
            brand_id,
            filters: { ...filters, of_all_brands: brand_is_default },
          },
          { limit, cursor },
          (at) => listEvents(pool, narrowed, at),
          ({ event_id }) => event_id,
        );
        return { events: events.map((event) => ({ ...event, error: inParts(event) })) };
      },
    );
  };
}

/** What is kept is a code and a sentence, as `code: Sentence.` (inbox.ts). */
function inParts({ error }: ShownEvent): { code: string; message: string } | null {
  if (error === null) return null;
  const [, code, message] = /^(\w+): (.*)$/s.exec(error) ?? [];
  return code === undefined || message === undefined
    ? { code: 'internal_error', message: error }
    : { code, message };
}

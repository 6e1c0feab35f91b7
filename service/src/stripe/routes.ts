import { Type } from 'typebox';
import { anyScope, principalOf } from '../access/guard.ts';
import { ServiceError } from '../errors.ts';
import { addressOf } from '../http/address.ts';
import type { RoomRoutes } from '../http/room.ts';
import {
  ErrorBody,
  errorResponses,
  guardedErrors,
  Identifier,
  idempotencyHeaders,
  json,
} from '../http/schemas.ts';
import { answerOnce, reply, writeAnswer } from '../idempotency/answer.ts';
import { readIdempotencyKey } from '../idempotency/key.ts';
import type { InboxDeps } from './inbox.ts';
import { type Replay, replayEvent } from './replay.ts';

const Replayed = Type.Object({
  event_id: Type.String({ description: 'Our id of the event.' }),
  stripe_event_id: Type.String({ description: "Stripe's id of it." }),
  event_type: Type.String(),
  status: Type.Enum(['processed', 'ignored', 'unmatched', 'failed', 'received'], {
    description:
      'What has become of it. `processed`: what Stripe says now is in the books. `ignored`: there is nothing to say of it. `unmatched`: on the shelf, its object is not ours or no longer at Stripe. `failed`: see `payments inbox`.',
  }),
  http_status: Type.Integer({ description: 'What the webhook answers to such an event.' }),
});

const example = {
  event_id: 'event_01m831h89dfztrtq6mga01mbmf',
  stripe_event_id: 'evt_3PgafyB7WZ01zgkW0sjxsAJo',
  event_type: 'refund.updated',
  status: 'processed',
  http_status: 200,
};

/** What operators may do with events that Stripe has told of. */
export function inboxRoutes(deps: InboxDeps): RoomRoutes {
  return async (app) => {
    app.post(
      '/v1/admin/webhooks/replay',
      {
        schema: {
          operationId: 'replayStripeEvent',
          summary: 'Replay an event from Stripe',
          description:
            'Asks Stripe about the object of a stored event once more, whatever has become of the event before, and brings what Stripe says now into the books. Safe at any time and as often as wanted: nothing is done twice. Whoever is bound to a brand, or names one, sees events of what is in that brand’s books only.',
          tags: ['webhooks'],
          security: anyScope('admin:webhooks', 'admin:operations'),
          headers: idempotencyHeaders,
          body: Type.Object(
            { event_id: Identifier("Stripe's id of the event (`evt_…`), or ours (`event_…`).") },
            { additionalProperties: false },
          ),
          response: {
            200: json('Asked about again', Replayed, example),
            ...guardedErrors,
            ...errorResponses(404, 409, 413, 415, 422),
            500: json(
              'It could not be processed: as at 200, with http_status 500',
              Type.Union([Replayed, ErrorBody]),
              {
                error: 'internal_error',
                message: 'Something went wrong here. The X-Request-Id header tells us which request it was.',
              },
            ),
          },
        },
      },
      async (request, response) => {
        const principal = principalOf(request);
        let failed: Replay | undefined;
        try {
          const answer = await answerOnce(deps.pool, readIdempotencyKey(request), async () => {
            const replay = await replayEvent(deps, request.body.event_id, {
              actor_type: principal.actor_type,
              actor_id: principal.actor_id,
              brand_id: principal.brand_id,
              bound: !principal.brand_is_default,
              origin: {
                request_id: request.id,
                client_id: principal.client_id,
                ip_address: addressOf(request),
              },
            });
            if (replay === undefined) {
              throw new ServiceError('not_found', { message: 'There is no such event in the inbox.' });
            }
            if (replay.http_status === 200) return { status: 200, body: writeAnswer(response, 200, replay) };
            failed = replay;
            // Not an answer to keep: asked again it may be better.
            throw new ServiceError('internal_error');
          });
          return reply(response, answer);
        } catch (error) {
          if (failed === undefined) throw error;
          request.log.error({ event_id: failed.event_id }, 'a replayed event could not be processed');
          return reply(response, { status: 500, body: JSON.stringify(failed) });
        }
      },
    );
  };
}

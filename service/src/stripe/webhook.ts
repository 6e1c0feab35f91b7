import type { FastifyInstance } from 'fastify';
import Stripe from 'stripe';
import { Type } from 'typebox';
import type { Pool } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';
import { errorResponses, json } from '../http/schemas.ts';
import { readEventHead, startReceiving } from './inbox.ts';

export interface WebhookDeps {
  pool: Pool;
  /** The endpoint's signing secrets (`whsec_…`); several while one replaces another. */
  secrets: readonly string[];
  /** Whether our key is of live mode; undefined where it does not say so. */
  live: boolean | undefined;
}

/** Stripe's own advice: older than five minutes may be a replay. https://docs.stripe.com/webhooks#replay-attacks */
const TOLERANCE_s = 300;
const BODY_LIMIT_bytes = 1024 * 1024;

const Received = Type.Object({
  event_id: Type.String({ description: 'Our id of the event.' }),
  stripe_event_id: Type.String({ description: "Stripe's id of it." }),
  event_type: Type.String(),
  status: Type.Enum(['received', 'duplicate', 'ignored', 'unmatched'], {
    description:
      '`received`: stored, to be worked on. `duplicate`: stored before. `ignored`: its type says nothing about payments. `unmatched`: of another account or mode.',
  }),
});

const example = {
  event_id: 'event_01m831h89dfztrtq6mga01mbmf',
  stripe_event_id: 'evt_3PgafyB7WZ01zgkW0sjxsAJo',
  event_type: 'refund.updated',
  status: 'received',
};

/**
 * `POST /v1/webhooks/stripe`. Open, since Stripe has no token: the signature over the raw body is what is believed. In a
 * context of its own, so that its way of reading bodies is no other route's. A duplicate is answered 200, as any other
 * status makes Stripe deliver again for three days and then switch the endpoint off.
 */
export function webhookRoutes(parent: FastifyInstance, { pool, secrets, live }: WebhookDeps): void {
  const receive = startReceiving(pool, { live });
  parent.register(async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    app.post(
      '/v1/webhooks/stripe',
      {
        bodyLimit: BODY_LIMIT_bytes,
        schema: {
          operationId: 'receiveStripeEvent',
          summary: 'Receive an event from Stripe',
          description:
            'Takes an event signed with `Stripe-Signature`, stores it once and answers; the object that it tells of is asked for at Stripe afterwards.',
          tags: ['webhooks'],
          security: [],
          response: {
            200: json('Stored, now or before', Received, example),
            ...errorResponses(400, 401, 413, 415, 500, 503),
          },
        },
      },
      async (request) => {
        const event = verify(request.body, request.headers['stripe-signature'], secrets);
        const head = event === null ? null : readEventHead(event);
        if (head === null) {
          throw new ServiceError('malformed', { message: 'The body is not an event of Stripe.' });
        }
        const receipt = await receive(head);
        return {
          event_id: receipt.event_id,
          stripe_event_id: head.stripe_event_id,
          event_type: head.event_type,
          status: receipt.status,
        };
      },
    );
  });
}

/** The event of a body that one of the secrets has signed; null where it is signed and not an event. */
function verify(
  body: unknown,
  header: string | string[] | undefined,
  secrets: readonly string[],
): Stripe.Event | null {
  const payload = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  for (const secret of secrets) {
    try {
      return Stripe.webhooks.constructEvent(payload, header ?? '', secret, TOLERANCE_s);
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeSignatureVerificationError)) return null;
    }
  }
  throw new ServiceError('invalid_signature');
}

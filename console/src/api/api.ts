import type { paths } from '@payments/client';
import createClient from 'openapi-fetch';
import { t } from '../texts/texts.ts';
import { failureOf, RequestFailed } from './error.ts';
import { traceparentOf } from './traceparent.ts';

/** How long an answer is waited for; issuing a refund waits for Stripe, which takes up to 20 s. */
const WITHIN_ms = 30_000;

/** The service, asked as whoever is signed in: the browser sends the session's cookie along. */
export const api = createClient<paths>({
  baseUrl: window.location.origin,
  fetch: async (request) => {
    try {
      return await fetch(request, {
        signal: AbortSignal.any([request.signal, AbortSignal.timeout(WITHIN_ms)]),
      });
    } catch (error) {
      if (request.signal.aborted) throw error;
      throw new RequestFailed(t.errors.unreachable, { status: 0, code: 'unreachable', cause: error });
    }
  },
});

api.use({
  async onRequest({ request }) {
    const key = request.headers.get('Idempotency-Key');
    if (key !== null) request.headers.set('traceparent', await traceparentOf(key));
  },
});

interface Outcome<Body> {
  data?: Body;
  error?: unknown;
  response: Response;
}

/** The body of an answer; throws `RequestFailed` where it is an error. */
export async function bodyOf<Body>(asking: Promise<Outcome<Body>>): Promise<Body> {
  return (await answerOf(asking)).body;
}

/** The body of an answer with its headers; throws `RequestFailed` where it is an error. */
export async function answerOf<Body>(
  asking: Promise<Outcome<Body>>,
): Promise<{ body: Body; status: number; headers: Headers }> {
  const { data, error, response } = await asking;
  if (!response.ok || data === undefined) throw failureOf(response, error);
  return { body: data, status: response.status, headers: response.headers };
}

import { AsyncLocalStorage } from 'node:async_hooks';
import http from 'node:http';
import https from 'node:https';
import { setTimeout as wait } from 'node:timers/promises';
import Stripe from 'stripe';
import { inSpan, isTracing, SpanKind } from '../tracing/spans.ts';
import { createPace, type Pace } from './pace.ts';

export interface StripeSettings {
  /** A secret or restricted key: `sk_…` or `rk_…`. */
  api_key: string;
  /** Where Stripe's API is; Stripe's own by default, anything that speaks like it otherwise. */
  api_base?: string;
  /** How long one request may take. The SDK's own default is 80 s, too long for a job that others wait behind. */
  timeout_ms?: number;
  /** Requests under way at once. */
  max_connections?: number;
  /** How often what Stripe answers with "too many requests" is sent again; fewer where a caller is waiting. */
  rate_limit_retries?: number;
  /** The most that is sent in a second; without it nothing waits. For what nobody waits for. */
  requests_per_second?: number;
}

const TIMEOUT_ms = 15_000;
const MAX_CONNECTIONS = 32;
const RATE_LIMIT_RETRIES = 6;
/** A longer wait than this is left to the caller's own retry, so that no worker is held by it. */
const RATE_LIMIT_LONGEST_WAIT_ms = 10_000;
const RATE_LIMIT_FIRST_WAIT_ms = 250;

/** The official SDK, with bounded time, no telemetry, and patience where Stripe says "too many requests". */
export function createStripe(settings: StripeSettings): Stripe {
  const base = new URL(settings.api_base ?? 'https://api.stripe.com');
  const secure = base.protocol === 'https:';
  const agentOptions = { keepAlive: true, maxSockets: settings.max_connections ?? MAX_CONNECTIONS };
  const agent = secure ? new https.Agent(agentOptions) : new http.Agent(agentOptions);
  return new Stripe(settings.api_key, {
    host: base.hostname,
    port: base.port === '' ? (secure ? 443 : 80) : Number(base.port),
    protocol: secure ? 'https' : 'http',
    timeout: settings.timeout_ms ?? TIMEOUT_ms,
    maxNetworkRetries: 2,
    telemetry: false,
    httpClient: patientWithRateLimits(
      Stripe.createNodeHttpClient(agent),
      settings.rate_limit_retries ?? RATE_LIMIT_RETRIES,
      settings.requests_per_second === undefined ? undefined : createPace(settings.requests_per_second),
    ),
  });
}

type HttpClient = NonNullable<NonNullable<ConstructorParameters<typeof Stripe>[1]>['httpClient']>;

const tooLateFrom_ms = new AsyncLocalStorage<number>();

/**
 * Nothing of what `work` sends leaves at or after a moment of this machine's clock (ms since 1970), not even what is repeated in
 * here or by the SDK, which does so after a connection that was closed: the process may have been asleep in between.
 */
export const sendOnlyBefore = <T>(moment_ms: number, work: () => Promise<T>): Promise<T> =>
  tooLateFrom_ms.run(moment_ms, work);

/**
 * Repeats what was answered 429, after `Retry-After` where it is given, else after 0.25, 0.5, 1, 2, 4, 8 s with jitter.
 * The SDK repeats connection errors, 409 and 5xx, but never a 429. Such a request was not carried out, and the
 * headers stay what they were, so a repeated POST keeps its idempotency key. Every attempt waits for its turn first.
 */
export function patientWithRateLimits(
  inner: HttpClient,
  retries = RATE_LIMIT_RETRIES,
  pace?: Pace,
): HttpClient {
  return {
    getClientName: () => inner.getClientName(),
    async makeRequest(...request) {
      for (let attempt = 0; ; attempt += 1) {
        await pace?.();
        if (Date.now() >= (tooLateFrom_ms.getStore() ?? Number.POSITIVE_INFINITY)) {
          throw new Error('It is too late to send this');
        }
        const answer = await makeTracedRequest(inner, request);
        if (answer.getStatusCode() !== 429 || attempt >= retries) return answer;
        const wait_ms = rateLimitWait(answer.getHeaders()['retry-after'], attempt);
        if (wait_ms > RATE_LIMIT_LONGEST_WAIT_ms) return answer;
        // Its body must be consumed, or the connection is not free for another request.
        await answer.toJSON().catch(() => undefined);
        await wait(wait_ms);
      }
    },
  };
}

/** A span for each request, with its path as Stripe's reference has it: ids say nothing there. */
async function makeTracedRequest(inner: HttpClient, request: Parameters<HttpClient['makeRequest']>) {
  if (!isTracing()) return await inner.makeRequest(...request);
  const [host, , path, method] = request;
  const route = path.split('?', 1)[0]?.replaceAll(/\/[a-z]{2,5}_\w+/g, '/{id}') ?? '';
  const attributes = { 'http.request.method': method, 'url.template': route, 'server.address': host };
  return await inSpan(`Stripe ${method} ${route}`, { kind: SpanKind.CLIENT, attributes }, async (span) => {
    const answer = await inner.makeRequest(...request);
    span.setAttribute('http.response.status_code', answer.getStatusCode());
    return answer;
  });
}

function rateLimitWait(retryAfter: string | string[] | number | undefined, attempt: number): number {
  const asked_s = Number(Array.isArray(retryAfter) ? retryAfter[0] : retryAfter);
  // Jitter on top, never below what was asked: many that were refused together must not come back together.
  if (Number.isFinite(asked_s) && asked_s >= 0)
    return asked_s * 1000 + Math.random() * RATE_LIMIT_FIRST_WAIT_ms;
  return RATE_LIMIT_FIRST_WAIT_ms * 2 ** attempt * (0.5 + Math.random() / 2);
}

/** Whether a key belongs to live mode; undefined where the key does not say so. */
export function isLiveKey(apiKey: string): boolean | undefined {
  const mode = /^[a-z]+_(live|test)_/.exec(apiKey)?.[1];
  return mode === undefined ? undefined : mode === 'live';
}

export type StripeFailure =
  /** Stripe does not know the object (any more). */
  | 'gone'
  /** Asking again the same way cannot help. */
  | 'refused'
  /** Anything that may be better next time: network, time-out, 5xx, 429, a key that is being replaced. */
  | 'transient';

/** What kind of failure an error of the SDK is; undefined for an error that is not Stripe's. */
export function stripeFailure(error: unknown): StripeFailure | undefined {
  if (!(error instanceof Stripe.errors.StripeError)) return undefined;
  // A 404 without this code says nothing of the object: it is not Stripe's API that answered, or not at that address.
  if (error.statusCode === 404 && error.code === 'resource_missing') return 'gone';
  // By status and not by class: a 409 reaches us as a StripeAPIError.
  return error.statusCode === 400 || error.statusCode === 402 ? 'refused' : 'transient';
}

/** What to tell an operator of an error of the SDK, in a sentence; undefined for an error that is not Stripe's. */
export function explainStripe(error: unknown): string | undefined {
  if (!(error instanceof Stripe.errors.StripeError)) return undefined;
  const request = error.requestId === undefined ? '' : ` (request ${error.requestId})`;
  switch (error.statusCode) {
    case undefined:
      return 'Stripe cannot be reached: look at STRIPE_API_BASE and the network.';
    case 401:
      return `Stripe does not take STRIPE_API_KEY${request}.`;
    case 403:
      return `STRIPE_API_KEY may not read what is needed: charges, payment intents, refunds, disputes, invoices${request}.`;
    case 429:
      return `Stripe says "too many requests"${request}.`;
    default:
      return `Stripe answered with ${error.statusCode}${request}.`;
  }
}

const KNOCK_TIMEOUT_ms = 3_000;

/**
 * Whether Stripe answers and takes the key, asked by the smallest request there is.
 *
 * @throws where it does not within 3 s. A restricted key that may not read the balance (403) is taken nonetheless.
 */
export async function knock(stripe: Stripe): Promise<void> {
  const answered = stripe.balance
    .retrieve({}, { timeout: KNOCK_TIMEOUT_ms, maxNetworkRetries: 0 })
    .catch((error: unknown) => {
      if (!(error instanceof Stripe.errors.StripePermissionError)) throw error;
    });
  // While Stripe says 429 the client waits and asks again; a knock does not wait for that.
  const late = wait(KNOCK_TIMEOUT_ms, undefined, { ref: false }).then(() => {
    throw new Error('Stripe does not answer in time');
  });
  await Promise.race([answered, late]);
}

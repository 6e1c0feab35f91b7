import { PaymentsConnectionError } from './errors.ts';

export interface SendOptions {
  /** An access token, or what gets one: it is asked before every attempt. */
  token: string | (() => string | Promise<string>) | undefined;
  /** How often something is tried again that did not get through. */
  retries: number;
  /** How long one attempt may take, in milliseconds. */
  timeout_ms: number;
  fetch: (request: Request) => Promise<Response>;
}

const KEY = 'idempotency-key';
/** Nothing was done, or what was done is known by its key: asking again is safe and may help. */
const WORTH_ASKING_AGAIN = new Set([408, 425, 429, 500, 502, 503, 504]);
const BACK_OFF_ms = 500;
const BACK_OFF_MAX_ms = 8_000;
/** Whoever is told to wait longer than that is told so. */
const RETRY_AFTER_MAX_ms = 60_000;

/**
 * Sends requests with a token, in bounded time, and again where they do not get through: with exponential back-off and full jitter (Brooker,
 * "Exponential Backoff and Jitter"), or as long as `Retry-After` says. Whatever changes something carries an idempotency key, made here
 * where the caller has given none and the same at every attempt, so that nothing is done twice.
 */
export function sender({ token, retries, timeout_ms, fetch }: SendOptions) {
  return async (request: Request): Promise<Response> => {
    const changes = request.method !== 'GET';
    if (changes && !request.headers.has(KEY)) request.headers.set(KEY, crypto.randomUUID());
    for (let attempt = 0; ; attempt += 1) {
      const last = attempt >= retries;
      try {
        if (token !== undefined && !request.headers.has('authorization')) {
          const value = typeof token === 'string' ? token : await token();
          request.headers.set('authorization', `Bearer ${value}`);
        }
        const response = await fetch(
          new Request(request.clone(), {
            signal: AbortSignal.any([request.signal, AbortSignal.timeout(timeout_ms)]),
          }),
        );
        const wait_ms = last ? undefined : await waitBefore(response, attempt);
        if (wait_ms === undefined) return response;
        await response.body?.cancel();
        // It may have expired meanwhile.
        if (typeof token === 'function') request.headers.delete('authorization');
        await pause(wait_ms, request.signal);
      } catch (error) {
        request.signal.throwIfAborted();
        if (last) {
          const late = error instanceof DOMException && error.name === 'TimeoutError';
          throw new PaymentsConnectionError(
            late
              ? `The service did not answer within ${timeout_ms / 1_000} s.`
              : 'The service cannot be reached.',
            { cause: error, idempotency_key: request.headers.get(KEY) ?? undefined },
          );
        }
        await pause(backOff(attempt), request.signal);
      }
    }
  };
}

/** How long to wait before asking again; undefined: this is the answer. */
async function waitBefore(response: Response, attempt: number): Promise<number | undefined> {
  const retryAfter_ms = readRetryAfter(response.headers.get('retry-after'));
  // A key whose first request is still under way is a conflict that says when to ask again.
  const busy = response.status === 409 && retryAfter_ms !== undefined;
  if (!busy && !WORTH_ASKING_AGAIN.has(response.status)) return undefined;
  // Stripe's own refusal is the answer, and stays so.
  if (response.status === 502 && (await isOurs(response))) return undefined;
  if (retryAfter_ms === undefined) return backOff(attempt);
  return retryAfter_ms > RETRY_AFTER_MAX_ms ? undefined : retryAfter_ms;
}

const isOurs = async (response: Response): Promise<boolean> =>
  response
    .clone()
    .json()
    .then(
      (body: unknown) => (body as { error?: unknown } | null)?.error === 'upstream_failed',
      () => false,
    );

const backOff = (attempt: number) => Math.random() * Math.min(BACK_OFF_ms * 2 ** attempt, BACK_OFF_MAX_ms);

/** RFC 9110, 10.2.3: seconds, or a date. */
function readRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal.addEventListener('abort', abort, { once: true });
  });
}

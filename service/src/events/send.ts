import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { RequestFilteringHttpAgent, RequestFilteringHttpsAgent } from 'request-filtering-agent';
import { Webhook } from 'standardwebhooks';

/** What goes out. */
export interface Message {
  url: string;
  event_id: string;
  body: string;
  /** Each signs; `whsec_…`. */
  secrets: readonly string[];
}

/** What became of an attempt. */
export interface Outcome {
  /** Null where there was no answer. */
  status_code: number | null;
  /** Null where it was taken (2xx); else a code. */
  error: SendError | null;
  /** What the receiver asked for (`Retry-After`), in seconds. */
  retry_after_s: number | undefined;
  duration_ms: number;
}

/** Why an attempt has failed, and the sentence for it. */
export const SEND_ERRORS = {
  http_error: 'The receiver did not answer with a 2xx.',
  redirected: 'The receiver answered with a redirection, which is not followed: change the address here.',
  timeout: 'The receiver did not answer in time.',
  connection_refused: 'Nobody listens at the address.',
  connection_lost: 'The connection broke off before there was an answer.',
  unknown_host: 'The name of the host is not known.',
  tls_failed: 'The certificate is not valid for the host, or no encrypted connection came about.',
  address_refused: 'The host has an address that is private or reserved, to which nothing is sent.',
  no_secret: 'The secret of the endpoint cannot be opened with EVENT_SECRET: make a new one.',
} as const;
export type SendError = keyof typeof SEND_ERRORS;

export interface Sender {
  send(message: Message): Promise<Outcome>;
  close(): void;
}

export interface SenderOptions {
  /** Whether hosts of private, loopback and other special addresses may be told. */
  allow_private: boolean;
  timeout_ms?: number;
  /** Instead of the system's resolver. */
  lookup?: LookupFunction;
}

const TIMEOUT_ms = 15_000;
/** Of an answer so much is read and thrown away, so that the connection can be kept; beyond it the connection is cut. */
const ANSWER_MAX_bytes = 64 * 1_024;
const CONNECTIONS_PER_HOST = 16;

/**
 * Sends events by HTTP POST, signed as Standard Webhooks 1.0 has it. Redirections are not followed. What a name resolves to is
 * checked where it is connected to, so that a name cannot be resolved to one address for the check and to another for the connection.
 */
export function createSender({ allow_private, timeout_ms = TIMEOUT_ms, lookup }: SenderOptions): Sender {
  const options = {
    keepAlive: true,
    maxSockets: CONNECTIONS_PER_HOST,
    allowPrivateIPAddress: allow_private,
    allowMetaIPAddress: false,
  };
  const agents = {
    http: new RequestFilteringHttpAgent(options),
    https: new RequestFilteringHttpsAgent(options),
  };
  return {
    async send({ url, event_id, body, secrets }) {
      const started = performance.now();
      const outcome = (
        status_code: number | null,
        error: SendError | null,
        retry_after_s?: number,
      ): Outcome => ({
        status_code,
        error,
        retry_after_s,
        duration_ms: Math.round(performance.now() - started),
      });
      const sent_at = new Date();
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'user-agent': 'payments-events/1',
        'webhook-id': event_id,
        'webhook-timestamp': String(Math.floor(sent_at.getTime() / 1_000)),
        'webhook-signature': secrets
          .map((secret) => new Webhook(secret).sign(event_id, sent_at, body))
          .join(' '),
      };
      const isHttps = url.startsWith('https:');
      const { promise, resolve } = Promise.withResolvers<Outcome>();
      const request = (isHttps ? requestHttps : requestHttp)(url, {
        method: 'POST',
        headers,
        agent: isHttps ? agents.https : agents.http,
        signal: AbortSignal.timeout(timeout_ms),
        ...(lookup === undefined ? {} : { lookup }),
      });
      request.on('response', (response) => {
        const status = response.statusCode ?? 0;
        const failure = status >= 300 && status < 400 ? 'redirected' : 'http_error';
        const taken = status >= 200 && status < 300;
        resolve(outcome(status, taken ? null : failure, readRetryAfter(response.headers['retry-after'])));
        let read_bytes = 0;
        response.on('data', (chunk: Buffer) => {
          read_bytes += chunk.length;
          if (read_bytes > ANSWER_MAX_bytes) request.destroy();
        });
      });
      // What breaks off after the answer changes nothing.
      request.on('error', (error) => resolve(outcome(null, nameOf(error))));
      request.end(body);
      return await promise;
    },
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

const NAMES: Record<string, SendError> = {
  ECONNREFUSED: 'connection_refused',
  ENOTFOUND: 'unknown_host',
  EAI_AGAIN: 'unknown_host',
  ECONNRESET: 'connection_lost',
  EPIPE: 'connection_lost',
  ETIMEDOUT: 'timeout',
  ABORT_ERR: 'timeout',
  EHOSTUNREACH: 'connection_refused',
  ENETUNREACH: 'connection_refused',
};

function nameOf(error: Error & { code?: unknown }): SendError {
  const code = typeof error.code === 'string' ? error.code : '';
  // The agent's refusal has no code of its own.
  if (code === '' && /is not allowed\. Because/.test(error.message)) return 'address_refused';
  if (/^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|EPROTO)/.test(code))
    return 'tls_failed';
  return NAMES[code] ?? 'connection_lost';
}

/** RFC 9110, 10.2.3: seconds, or a date. */
function readRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1_000;
  return Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { ServiceError } from '../errors.ts';

/** What one process bears of its connections. Whoever is slower is cut off, so that nobody can keep what others need. */
export interface ConnectionLimits {
  /** Open at once; one more is closed as soon as it is there. */
  most: number;
  /** From the connection, or the request before, until the headers are there. */
  headers_within_ms: number;
  /** Until the whole request is there. */
  request_within_ms: number;
  /** Between two requests. Load balancers keep theirs for 60 s: it has to be they who close, or a request may meet a closing connection. */
  idle_ms: number;
  /** Without a byte in either direction: a caller who does not read its answer. Longer than any answer takes. */
  silent_ms: number;
  /** How often it is looked who is late. */
  check_every_ms: number;
}

export const CONNECTION_LIMITS: Omit<ConnectionLimits, 'most'> = {
  headers_within_ms: 15_000,
  request_within_ms: 30_000,
  idle_ms: 72_000,
  silent_ms: 120_000,
  check_every_ms: 5_000,
};

export const HEADERS_MAX_BYTES = 16 * 1024;
/** Whoever floods us with connections must not fill the log as well. */
const TELL_EVERY_ms = 60_000;
const ADDRESS_MAX_BYTES = 8 * 1024;

/** As options of Fastify. */
export function connectionOptions(limits: ConnectionLimits) {
  return {
    connectionTimeout: limits.silent_ms,
    requestTimeout: limits.request_within_ms,
    keepAliveTimeout: limits.idle_ms,
    http: {
      maxHeaderSize: HEADERS_MAX_BYTES,
      requireHostHeader: false,
      headersTimeout: limits.headers_within_ms,
      connectionsCheckingInterval: limits.check_every_ms,
    },
  };
}

/** Refuses what the parser lets through although two readers of the same bytes may understand it differently. */
export function guardConnections(app: FastifyInstance, { most }: ConnectionLimits): void {
  app.server.maxConnections = most;
  let told_ms = Number.NEGATIVE_INFINITY;
  app.server.on('drop', () => {
    if (performance.now() - told_ms < TELL_EVERY_ms) return;
    told_ms = performance.now();
    app.log.warn({ most }, 'as many connections are open as may be: further ones are closed');
  });
  const doubts = new WeakMap<IncomingMessage, Doubt>();
  const doubted = new WeakMap<Socket, Doubt>();
  // Before any hook: of requests that came together, those behind a doubtful one may be its body.
  app.server.prependListener('request', (request, response) => {
    rememberLatest(request, response);
    const doubt = doubted.get(request.socket) ?? findDoubt(request);
    if (doubt === undefined) return;
    doubted.set(request.socket, doubt);
    doubts.set(request, doubt);
  });
  app.addHook('onRequest', async (request) => {
    const doubt = doubts.get(request.raw);
    if (doubt !== undefined) {
      throw new ServiceError('malformed', { ...doubt, headers: { connection: 'close' } });
    }
    if (Buffer.byteLength(request.raw.url ?? '') > ADDRESS_MAX_BYTES) throw new ServiceError('uri_too_long');
  });
}

interface Doubt {
  field?: string;
  message: string;
}

function findDoubt(raw: IncomingMessage): Doubt | undefined {
  if (raw.httpVersion !== '1.1' && raw.httpVersion !== '1.0') {
    return { message: 'HTTP/1.1 and HTTP/1.0 are spoken here.' };
  }
  const hosts = raw.rawHeaders.filter((name, at) => at % 2 === 0 && /^host$/i.test(name)).length;
  // Node would answer this by itself, without a body; its own look at Host is off (RFC 9112, 3.2).
  if (hosts === 0 && raw.httpVersion === '1.1')
    return { field: 'Host', message: 'The Host header is missing.' };
  if (hosts > 1) return { field: 'Host', message: 'Host is given more than once.' };
  const encoding = raw.headers['transfer-encoding'];
  // RFC 9112, 6.1: other codings below the chunks would be read by whoever stands in front and not here; HTTP/1.0 knows none.
  if (encoding !== undefined && (encoding.toLowerCase() !== 'chunked' || raw.httpVersion === '1.0')) {
    return { field: 'Transfer-Encoding', message: 'Transfer-Encoding may be chunked only, in HTTP/1.1.' };
  }
  return undefined;
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** What was asked on the same connection before it, and is not answered yet. */
  before: Exchange | undefined;
}

/** The last request on each connection, of those whose headers came whole. */
const latest = new WeakMap<Socket, Exchange>();

const unlessAnswered = (exchange: Exchange | undefined) =>
  exchange === undefined || exchange.response.closed || exchange.response.writableFinished
    ? undefined
    : exchange;

function rememberLatest(request: IncomingMessage, response: ServerResponse): void {
  const before = unlessAnswered(latest.get(request.socket));
  // Answers go out in order, so what is kept is no more than what is under way.
  if (before !== undefined) before.before = unlessAnswered(before.before);
  latest.set(request.socket, { request, response, before });
}

/**
 * Calls back once everything on this connection is answered that came whole. What comes after it is answered after it, or its caller
 * would take an answer for that of another request.
 */
export function afterAnswers(socket: Socket, then: () => void): void {
  let last = unlessAnswered(latest.get(socket));
  if (last?.request.complete === false) last = unlessAnswered(last.before);
  if (last === undefined) then();
  else last.response.once('close', then);
}

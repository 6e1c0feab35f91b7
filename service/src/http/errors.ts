import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { challenge } from '../access/bearer.ts';
import { isDatabaseUnavailable } from '../database/unavailable.ts';
import { type ErrorName, errorBody, ServiceError } from '../errors.ts';
import { afterAnswers, HEADERS_MAX_BYTES } from './connections.ts';
import { SECURITY_HEADERS } from './security-headers.ts';
import { explainValidation } from './validation.ts';

const RETRY_AFTER_S = '5';

/** Fastify's own errors, by their code: what a caller did wrong before any route ran. */
const FRAMEWORK: Record<string, { name: ErrorName; message?: string }> = {
  FST_ERR_BAD_URL: { name: 'malformed', message: 'The address is not validly encoded.' },
  FST_ERR_MAX_PARAM_LENGTH: { name: 'uri_too_long' },
  FST_ERR_CTP_BODY_TOO_LARGE: { name: 'payload_too_large' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { name: 'unsupported_media_type' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    name: 'malformed',
    message: 'The body is not as long as Content-Length says.',
  },
  FST_ERR_CTP_EMPTY_JSON_BODY: { name: 'malformed', message: 'The body is empty; it has to be JSON.' },
  FST_ERR_CTP_INVALID_JSON_BODY: { name: 'malformed', message: 'The body is not valid JSON.' },
  FST_ERR_CTP_INVALID_JSON: { name: 'malformed', message: 'The body is not valid JSON.' },
};

/** Every way to fail, as `{error, message}`. */
export function answerErrors(app: FastifyInstance): void {
  app.setErrorHandler(answer);
  app.setNotFoundHandler((request, reply) => {
    const name = app.supportedMethods.includes(request.method) ? 'not_found' : 'not_implemented';
    return answer(new ServiceError(name), request, reply);
  });
  // Node would answer this by itself, without a body.
  app.server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const { status, headers, body } = writeByHand('expectation_failed');
    response.writeHead(status, headers).end(body);
  });
}

/** An answer that no hook sees. */
function writeByHand(name: ErrorName) {
  const error = new ServiceError(name);
  const body = JSON.stringify(errorBody(error));
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'X-Request-Id': randomUUID(),
    ...SECURITY_HEADERS,
    Connection: 'close',
  };
  return { status: error.status, headers, body };
}

/** Turns whatever was thrown into the answer; what nobody expected is logged and answered without details. */
export function answer(error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const known = toServiceError(error, request);
  if (known.status >= 500) request.log.error({ err: known.cause ?? error }, known.message);
  reply.error_code = known.code;
  // Also where a request failed before any hook could set it.
  reply.headers({
    'x-request-id': request.id,
    ...SECURITY_HEADERS,
    // RFC 9110 (15.5.2) and RFC 6750 (3); whoever knows more says more.
    ...(known.status === 401 || known.status === 403 ? challenge() : {}),
    ...known.headers,
  });
  return reply.code(known.status).type('application/json').send(errorBody(known));
}

function toServiceError(error: unknown, request: FastifyRequest): ServiceError {
  if (error instanceof ServiceError) return error;
  const { code, validation, validationContext } = error as Partial<FastifyError>;
  if (validation !== undefined) return explainValidation(validation, validationContext, request);
  const framework = code === undefined ? undefined : FRAMEWORK[code];
  if (framework !== undefined) {
    return new ServiceError(
      framework.name,
      framework.message === undefined ? {} : { message: framework.message },
    );
  }
  // Looks like a database that has gone, and is a caller who has.
  if (code === 'ECONNRESET' && request.raw.destroyed && !request.raw.complete) {
    return new ServiceError('malformed', { message: 'The request was cut off.' });
  }
  if (isDatabaseUnavailable(error)) {
    return new ServiceError('service_unavailable', {
      message: 'The database is not available at the moment: try again in a few seconds.',
      headers: { 'retry-after': RETRY_AFTER_S },
      cause: error,
    });
  }
  return new ServiceError('internal_error', { cause: error });
}

const UNREADABLE: Record<string, ErrorName> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** An error of the parser; `rawPacket` is what it was reading. */
type Unreadable = NodeJS.ErrnoException & { rawPacket?: unknown };

/** What is not even HTTP gets the same body, written by hand, since there is no request to answer. */
export function answerUnreadable(error: Unreadable, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  afterAnswers(socket, () => {
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    const { status, headers, body } = writeByHand(nameUnreadable(error));
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head.join('')}\r\n${body}`);
    // Not end(): a caller who never closes would keep the connection for as long as it likes.
    socket.destroySoon();
  });
}

/** The parser counts the address as one of the headers; where it is all there is, it is the address that is too long. */
function nameUnreadable({ code = '', rawPacket }: Unreadable): ErrorName {
  const begin = Buffer.isBuffer(rawPacket) ? rawPacket.subarray(0, HEADERS_MAX_BYTES) : undefined;
  if (code === 'HPE_HEADER_OVERFLOW' && begin?.length === HEADERS_MAX_BYTES && !begin.includes('\n')) {
    return 'uri_too_long';
  }
  return UNREADABLE[code] ?? 'malformed';
}

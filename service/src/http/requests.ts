import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyReply {
    /** The code of the error that it tells. */
    error_code: string | undefined;
  }
}

/** Who was not let in, may not do that, or came too often: what somebody who looks for an attack looks for. */
const KEPT_OUT = new Set([401, 403, 429]);

/** The caller's `X-Request-Id` where it is a sane one, else a new one. */
export function requestIdOf(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,128}$/.test(given) ? given : randomUUID();
}

/** What is logged of a request: never its query, body or headers, which may hold tokens and customers. */
export function describeRequest(request: FastifyRequest) {
  return { method: request.method, route: request.routeOptions?.url ?? 'unknown' };
}

/** The request id on every answer; one line a request when it is over, which says from where it came if it was kept out. */
export function traceRequests(app: FastifyInstance): void {
  app.decorateReply('error_code', undefined);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  app.addHook('onResponse', async (request, reply) => {
    const keptOut = KEPT_OUT.has(reply.statusCode);
    request.log[keptOut ? 'warn' : 'info'](
      {
        ...describeRequest(request),
        status: reply.statusCode,
        error: reply.error_code,
        address: keptOut ? request.ip : undefined,
        duration_ms: Math.round(reply.elapsedTime * 100) / 100,
        client_id: request.principal?.client_id,
      },
      'request',
    );
  });
}

import type { Context, Span } from '@opentelemetry/api';
import type { FastifyInstance } from 'fastify';
import { context, isTracing, readContext, SpanKind, startSpan, trace } from './spans.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What is traced of it; undefined where nothing is. */
    traced: { span: Span; within: Context } | undefined;
  }
}

/** A span for each request, named by its route as it is declared; it goes on with the trace that the caller names. */
export function traceRequestsOf(app: FastifyInstance): void {
  app.decorateRequest('traced', undefined);
  app.addHook('onRequest', (request, _reply, done) => {
    if (!isTracing()) return done();
    const route = request.routeOptions.url ?? 'unknown';
    const parent = readContext(request.headers);
    const attributes = { 'http.request.method': request.method, 'http.route': route };
    const span = startSpan(`${request.method} ${route}`, {
      kind: SpanKind.SERVER,
      attributes,
      within: parent,
    });
    const within = trace.setSpan(parent, span);
    request.traced = { span, within };
    context.with(within, done);
  });
  // A body that had to be waited for came from the connection, which knows of no request.
  app.addHook('preValidation', (request, _reply, done) => {
    if (request.traced === undefined) done();
    else context.with(request.traced.within, done);
  });
  app.addHook('onResponse', (request, reply, done) => {
    request.traced?.span.setAttribute('http.response.status_code', reply.statusCode).end();
    done();
  });
}

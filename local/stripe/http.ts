import { setTimeout as pause } from 'node:timers/promises';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { authenticate } from './authentication.ts';
import { errorBody, notImplemented, rateLimited, StripeFailure, serverError } from './errors.ts';
import { expandAnswer } from './expand.ts';
import { type FaultRule, type Faults, faultOfHeader } from './faults.ts';
import { type Form, type Params, parseForm, readParams } from './forms.ts';
import {
  checkKey,
  findAnswer,
  fingerprint,
  keyInUse,
  type StoredAnswer,
  storeAnswer,
} from './idempotency.ts';
import { requestId } from './ids.ts';
import { createLimiter, type Limiter } from './limiter.ts';
import { API_VERSION, transact, type World } from './world.ts';

/** What a route's function is given. */
type Call = { world: World; params: Params; id: string };
/** What it answers: an object for 200, or a status of its own. */
export type Answer = object | { status: number; failure: StripeFailure };
type Handler = (call: Call) => Answer;

/** A failure whose effects are kept: Stripe answers 402 to a declined card and keeps the failed charge. */
export const keepEffects = (failure: StripeFailure): Answer => ({ status: failure.status, failure });
const isKept = (answer: Answer): answer is { status: number; failure: StripeFailure } =>
  'failure' in answer && answer.failure instanceof StripeFailure;

export type HttpDeps = {
  world: World;
  faults: Faults;
  apiKeys: ReadonlySet<string>;
  /** Requests per second, real time, above which the answer is 429; undefined: no limit. */
  rate_limit_per_s: number | undefined;
  /** Called after each request that may have made events or due actions. */
  afterEffect: () => void;
};

/** Adds a route with everything that all routes share. */
export type Route = (method: 'GET' | 'POST' | 'DELETE', path: string, handler: Handler) => void;

export type Http = {
  app: FastifyInstance;
  route: Route;
  /** Requests per route since the start, e.g. `{'POST /v1/refunds': 12}`. */
  calls: Map<string, number>;
  /** How many requests are under way that may still change something. */
  underWay: () => number;
  limiter: Limiter;
};

/** Under this name `calls` counts what the rate limit refused. */
const RATE_LIMITED = 'rate limited';

/** The Fastify app with everything that all routes share: ids, the API key, forms, idempotency, faults, errors. */
export function createHttp(deps: HttpDeps): Http {
  const { world, faults } = deps;
  const app = fastify({
    forceCloseConnections: true,
    bodyLimit: 1_048_576,
    routerOptions: {
      querystringParser: (text) => parseForm(text) as Record<string, unknown>,
      ignoreTrailingSlash: true,
    },
    genReqId: requestId,
  });
  const calls = new Map<string, number>();
  const limiter = createLimiter(deps.rate_limit_per_s);
  /** Idempotency keys of requests under way. */
  const inUse = new Set<string>();

  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => {
      done(null, parseForm(String(body)));
    },
  );
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (request.url.startsWith('/_control/')) {
      try {
        done(null, body === '' ? {} : JSON.parse(String(body)));
      } catch {
        done(new StripeFailure(400, { type: 'invalid_request_error', message: 'Invalid JSON.' }));
      }
      return;
    }
    done(
      new StripeFailure(
        400,
        {
          type: 'invalid_request_error',
          message:
            'Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have any questions, we can help at https://support.stripe.com/.',
        },
        false,
      ),
    );
  });

  app.addHook('onRequest', async (request, reply) => {
    reply.header('request-id', request.id);
    const version = request.headers['stripe-version'];
    reply.header('stripe-version', typeof version === 'string' ? version : API_VERSION);
    const failure = authenticate(deps.apiKeys, request.headers.authorization);
    if (failure !== undefined) throw failure;
    if (request.url.startsWith('/_control/')) return;
    const path = request.url.split('?')[0] ?? request.url;
    if (request.headers['stripe-account'] !== undefined)
      throw notImplemented(request.method, path, 'connected accounts (Stripe-Account)');
    if (typeof version === 'string' && version !== API_VERSION)
      throw notImplemented(request.method, path, `API version ${version} (only ${API_VERSION})`);
    if (!limiter.take()) {
      count(RATE_LIMITED);
      throw rateLimited();
    }
  });

  app.setErrorHandler((error, request, reply) => {
    const failure =
      error instanceof StripeFailure
        ? error
        : hasStatus(error) && error.statusCode < 500
          ? new StripeFailure(error.statusCode, { type: 'invalid_request_error', message: error.message })
          : serverError(false);
    // Only what nobody intended: an injected 500 is a StripeFailure.
    if (!(error instanceof StripeFailure) && failure.status === 500) console.error(error);
    sendFailure(request, reply, failure);
  });

  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? request.url;
    count(`${request.method} ${path}`);
    sendFailure(request, reply, notImplemented(request.method, path));
  });

  function count(name: string): void {
    calls.set(name, (calls.get(name) ?? 0) + 1);
  }

  function sendFailure(request: FastifyRequest, reply: FastifyReply, failure: StripeFailure): void {
    reply
      .code(failure.status)
      .headers(failure.headers)
      .send(errorBody(failure.detail, request.id, Math.floor(Date.now() / 1000)));
  }

  function serve(
    method: string,
    handler: Handler,
    request: FastifyRequest,
    form: Form,
    after: FaultRule | undefined,
  ): StoredAnswer & { headers: Record<string, string>; stored: boolean } {
    const key = method === 'POST' ? keyHeader(request) : undefined;
    const concretePath = request.url.split('?')[0] ?? request.url;
    const print = key === undefined ? '' : fingerprint(form);
    const id = (request.params as { id?: string }).id ?? '';
    // A GET changes nothing, and needs no transaction.
    const together =
      method === 'GET' ? <T>(work: () => T): T => work() : <T>(work: () => T) => transact(world, work);
    return together(() => {
      world.request = { id: request.id, idempotency_key: key ?? null };
      let failure: StripeFailure | undefined;
      let body = '';
      try {
        body = JSON.stringify(
          together(() => {
            const params = readParams(form, { method, path: concretePath });
            const expand = params.list('expand');
            const answer = handler({ world, params, id });
            if (isKept(answer)) {
              failure = answer.failure;
              return {};
            }
            return expandAnswer(world, answer, expand);
          }),
        );
      } catch (error) {
        if (!(error instanceof StripeFailure)) throw error;
        failure = error;
      } finally {
        world.request = null;
      }
      if (failure === undefined && after?.kind === 'error_500_after') failure = serverError(true);
      const status = failure?.status ?? 200;
      if (failure !== undefined)
        body = JSON.stringify(errorBody(failure.detail, request.id, Math.floor(Date.now() / 1000)));
      const stored = key !== undefined && (failure?.executed ?? true);
      if (key !== undefined && stored)
        storeAnswer(world, key, concretePath, print, { status, body, request_id: request.id });
      return { status, body, request_id: request.id, headers: failure?.headers ?? {}, stored };
    });
  }

  const keyHeader = (request: FastifyRequest): string | undefined => {
    const header = request.headers['idempotency-key'];
    return typeof header === 'string' && header !== '' ? header : undefined;
  };

  /** Leaves the request without an answer until the caller gives up or the server closes. */
  const neverAnswer = (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    reply.hijack();
    return new Promise((resolve) => request.raw.socket.once('close', () => resolve()));
  };

  const reset = (request: FastifyRequest, reply: FastifyReply): void => {
    reply.hijack();
    request.raw.socket.resetAndDestroy();
  };

  return {
    app,
    calls,
    underWay: () => inUse.size,
    limiter,
    route(method, path, handler) {
      app.route({
        method,
        url: path,
        handler: async (request, reply) => {
          const concretePath = request.url.split('?')[0] ?? request.url;
          count(`${method} ${path}`);
          const form = { ...(request.query as Form), ...(request.body as Form | undefined) };
          const header = request.headers['stripe-standin-fault'];
          const fault =
            typeof header === 'string' ? headerFault(header) : faults.forRequest(method, path, concretePath);
          if (fault?.kind === 'timeout_before') return await neverAnswer(request, reply);
          if (fault?.kind === 'reset_before') return reset(request, reply);
          if (fault?.kind === 'error_500_before') throw serverError(false);
          if (fault?.kind === 'rate_limit_429') throw rateLimited();

          const key = method === 'POST' ? keyHeader(request) : undefined;
          if (key !== undefined) {
            checkKey(key);
            reply.header('idempotency-key', key);
            if (inUse.has(key)) throw keyInUse(key);
            inUse.add(key);
          }
          try {
            const replayed =
              key === undefined ? undefined : findAnswer(world, key, concretePath, fingerprint(form));
            if (fault?.kind === 'slow') await pause(fault.ms ?? 1000);
            const served = replayed === undefined ? serve(method, handler, request, form, fault) : undefined;
            if (served !== undefined && method !== 'GET') deps.afterEffect();
            if (fault?.kind === 'slow_after') await pause(fault.ms ?? 1000);
            if (fault?.kind === 'timeout_after') {
              if (key !== undefined) inUse.delete(key);
              return await neverAnswer(request, reply);
            }
            if (fault?.kind === 'reset_after') return reset(request, reply);
            if (served !== undefined)
              return reply
                .code(served.status)
                .headers(served.headers)
                .type('application/json')
                .send(served.body);
            if (replayed !== undefined)
              return reply
                .code(replayed.status)
                .header('idempotent-replayed', 'true')
                .header('original-request', replayed.request_id)
                .type('application/json')
                .send(replayed.body);
            return undefined;
          } finally {
            if (key !== undefined) inUse.delete(key);
          }
        },
      });
    },
  };
}

function headerFault(header: string): FaultRule {
  const fault = faultOfHeader(header);
  if (fault === undefined)
    throw new StripeFailure(
      400,
      {
        type: 'invalid_request_error',
        message: `Unknown fault in the Stripe-Standin-Fault header: ${header}`,
      },
      false,
    );
  return fault;
}

const hasStatus = (error: unknown): error is Error & { statusCode: number } =>
  error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number';

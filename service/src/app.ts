import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Registry } from 'prom-client';
import type Stripe from 'stripe';
import { limitFailures } from './access/failures.ts';
import { guardOperations } from './access/guard.ts';
import type { Issuer } from './access/issuer.ts';
import type { Roles } from './access/roles.ts';
import { readCookies, type SignInDeps, signInRoutes } from './access/sessions/routes.ts';
import { createTokens } from './access/tokens.ts';
import { collectReads, type ReadLogLimits } from './audit/read-log.ts';
import { auditReads } from './audit/reads.ts';
import { auditRoutes } from './audit/routes.ts';
import { batchRoutes } from './batches/routes.ts';
import { customerName } from './customers/customers.ts';
import { customerRoutes } from './customers/routes.ts';
import type { Connections } from './database/pool.ts';
import { disputeRoutes } from './disputes/routes.ts';
import { describeWebhooks } from './events/asyncapi.ts';
import type { EndpointDeps } from './events/endpoints.ts';
import { eventEndpointRoutes } from './events/routes.ts';
import { serveMetrics } from './health/metrics.ts';
import type { Probe } from './health/probes.ts';
import { serveHealth } from './health/routes.ts';
import { endConnectionsOnClose } from './http/closing.ts';
import { type ConnectionLimits, connectionOptions, guardConnections } from './http/connections.ts';
import { serveConsole } from './http/console.ts';
import { createCursors } from './http/cursor.ts';
import { serveDocs } from './http/docs.ts';
import { answer, answerErrors, answerUnreadable } from './http/errors.ts';
import { type Limits, limitRates } from './http/limits.ts';
import { describeOperations } from './http/openapi.ts';
import { collectMethods, refuseOtherMethods } from './http/operations.ts';
import { readQueryStrictly } from './http/query.ts';
import { serveReference } from './http/reference.ts';
import { requestIdOf, traceRequests } from './http/requests.ts';
import { type BrowserOptions, instructBrowsers } from './http/security-headers.ts';
import { streamAnswers } from './http/streaming.ts';
import { paymentRoutes } from './payments/routes.ts';
import { countRates, type SharedCounts } from './rates/rates.ts';
import { writeCall } from './reference/calls.ts';
import { refundCommands } from './refunds/commands.ts';
import type { ApprovalLimits } from './refunds/limits.ts';
import type { RefundProvider } from './refunds/provider.ts';
import { refundableRoutes } from './refunds/refundable-routes.ts';
import { refundRoutes } from './refunds/routes.ts';
import type { Turns } from './refunds/turns.ts';
import { reportRoutes } from './reports/routes.ts';
import { searchRoutes } from './search/routes.ts';
import { eventRoutes } from './stripe/event-routes.ts';
import { operationsRoutes } from './stripe/operations-routes.ts';
import { reconcileRoutes } from './stripe/reconcile/routes.ts';
import { inboxRoutes } from './stripe/routes.ts';
import { webhookRoutes } from './stripe/webhook.ts';
import { traceRequestsOf } from './tracing/requests.ts';

export interface AppDeps extends BrowserOptions {
  pool: Connections;
  issuer: Issuer;
  log: FastifyBaseLogger;
  metrics: Registry;
  /** What is outside and looked at for readiness, by name. */
  probes: Record<string, Probe>;
  webhook: { secrets: readonly string[]; live: boolean | undefined };
  cursorSecrets: readonly string[];
  defaultBrand: string;
  /** What people may do, by what the issuer says that they are. */
  roles: Roles;
  /** For what an operator wants to be asked again. */
  stripe: Stripe;
  provider: RefundProvider;
  turns: Turns;
  /** Above how much somebody else has to approve a refund, where the database says nothing. */
  approvalLimits: ApprovalLimits;
  recentSignIn_s: number;
  /** Where events may go, and what keeps the secrets that they are signed with. */
  events: EndpointDeps;
  /** For people who sign in with a browser, where they can. */
  signIn?: SignInDeps | undefined;
  /** How many reads may wait to be recorded, and for how long. */
  readLog?: ReadLogLimits;
  limits: Limits;
  connections: ConnectionLimits;
  /** Where instances count together; undefined: this one counts by itself. */
  sharedCounts: SharedCounts | undefined;
  /** Where proxies stand that are believed when they say where a request comes from. */
  trustProxy: string[] | undefined;
  /** Whether the operations of the API are served, or only those for operators. */
  api: boolean;
}

const BODY_MAX_BYTES = 1024 * 1024;

/** Puts the rooms together into one app, not listening yet. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: deps.log,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    genReqId: requestIdOf,
    bodyLimit: BODY_MAX_BYTES,
    ...connectionOptions(deps.connections),
    routerOptions: { maxParamLength: 1_024 },
    // What was sent is judged as it is: nothing is turned into another type, nothing unknown is dropped silently.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: true } },
    trustProxy: deps.trustProxy ?? false,
    clientErrorHandler: answerUnreadable,
    frameworkErrors: answer,
  });
  const methods = collectMethods(app);
  traceRequests(app);
  traceRequestsOf(app);
  await instructBrowsers(app, deps);
  answerErrors(app);
  guardConnections(app, deps.connections);
  endConnectionsOnClose(app);
  const rates = countRates({ shared: deps.sharedCounts, log: deps.log });
  app.addHook('onClose', () => rates.stop());
  const failures = limitFailures(rates, deps.limits.failures_per_minute);
  await readCookies(app);
  const { signIn } = deps;
  const browsers = signIn && {
    sessions: signIn.sessions,
    cookie: signIn.cookies.session,
    origin: new URL(signIn.public_url).origin,
  };
  guardOperations(app, {
    ...deps,
    failures,
    browsers,
    tokens: createTokens(deps.issuer),
    nameCustomer: (brandId, customerId) => customerName(deps.pool, brandId, customerId),
  });
  auditReads(app, collectReads({ pool: deps.pool, log: deps.log, registry: deps.metrics }, deps.readLog));
  await describeOperations(app, { webhooks: describeWebhooks(), writeCall });

  serveMetrics(app, deps.metrics);
  serveHealth(app, deps);
  if (deps.api) {
    await serveReference(app);
    await serveConsole(app);
    await serveDocs(app);
    webhookRoutes(app, { pool: deps.pool, ...deps.webhook });
    if (signIn !== undefined) await app.register(signInRoutes({ ...signIn, failures }));
    const room = { pool: deps.pool, cursors: createCursors(deps.cursorSecrets) };
    await app.register(async (rooms) => {
      limitRates(rooms, rates, deps.limits);
      rooms.addHook('preValidation', readQueryStrictly);
      const streams = streamAnswers(rooms);
      await rooms.register(refundRoutes(room));
      await rooms.register(refundCommands(deps));
      await rooms.register(refundableRoutes(deps));
      await rooms.register(batchRoutes({ ...deps, ...room }));
      await rooms.register(paymentRoutes(room));
      await rooms.register(disputeRoutes(room));
      await rooms.register(searchRoutes(room));
      await rooms.register(customerRoutes(room));
      await rooms.register(reportRoutes({ ...room, streams }));
      await rooms.register(auditRoutes({ ...room, streams }));
      await rooms.register(
        inboxRoutes({
          pool: deps.pool,
          stripe: deps.stripe,
          default_brand: deps.defaultBrand,
          live: deps.webhook.live,
        }),
      );
      await rooms.register(eventRoutes(room));
      await rooms.register(reconcileRoutes(room));
      await rooms.register(operationsRoutes(deps));
      await rooms.register(eventEndpointRoutes({ ...room, ...deps.events }));
    });
  }
  refuseOtherMethods(app, methods);
  return app;
}

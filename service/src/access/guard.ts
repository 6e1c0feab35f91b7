import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ServiceError } from '../errors.ts';
import { bearerToken, challenge } from './bearer.ts';
import { brandOf } from './brand.ts';
import type { Failures } from './failures.ts';
import { IssuerUnavailable } from './issuer.ts';
import type { Principal } from './principal.ts';
import { type Roles, scopesOf } from './roles.ts';
import { grants, type Scope } from './scopes.ts';
import type { LiveSession, Sessions } from './sessions/sessions.ts';
import type { TokenFacts } from './token-facts.ts';
import type { Tokens } from './tokens.ts';

/** The name of the security scheme in the OpenAPI document. */
export const SCHEME = 'accessToken';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is calling; null where the operation is open to all. */
    principal: Principal | null;
  }
  interface FastifySchema {
    /** Which scopes it takes: any one of the entries, all scopes of that entry (OpenAPI, Security Requirement). */
    security?: readonly Record<string, readonly string[]>[];
  }
}

export interface GuardDeps {
  tokens: Tokens;
  failures: Failures;
  /** What people may do, by what the issuer says that they are. */
  roles: Roles;
  defaultBrand: string;
  /** What a customer who acts for themselves is recorded as. */
  nameCustomer: (brandId: string, customerId: string) => Promise<string>;
  /** People who are signed in with a browser, where they can be. */
  browsers?: BrowserAccess | undefined;
}

export interface BrowserAccess {
  sessions: Sessions;
  /** The name of the cookie that holds a session's name. */
  cookie: string;
  /** From which pages requests may come that change something. */
  origin: string;
}

/** Scopes for `schema.security`: any one of these opens the operation. */
export const anyScope = (...scopes: Scope[]) => scopes.map((scope) => ({ [SCHEME]: [scope] }));

/** Scopes for `schema.security`: only all of these together open the operation. */
export const allScopes = (...scopes: Scope[]) => [{ [SCHEME]: scopes }];

/**
 * Lets a request through to an operation only with a token that has the scopes which the operation's own OpenAPI `security`
 * declares. An operation that declares none does not start; `security: []` is declared open.
 */
export function guardOperations(
  app: FastifyInstance,
  { tokens, failures, roles, defaultBrand, nameCustomer, browsers }: GuardDeps,
): void {
  app.decorateRequest('principal', null);
  app.addHook('onRoute', ({ schema, method, url }) => {
    // The pages of the reference are no operations; nothing of the API may hide like them.
    if (schema?.hide === true && !url.startsWith('/v1/')) return;
    if (schema?.security === undefined)
      throw new Error(`${[method].flat().join(', ')} ${url} declares no security`);
  });
  app.addHook('onRequest', async (request) => {
    const security = request.routeOptions.schema?.security;
    // A request that matched no operation goes on to its 404.
    if (security === undefined || security.length === 0) return;
    const { facts, session } = await authenticate(request, tokens, failures, browsers);
    const isPerson = facts.sub !== undefined && facts.sub !== facts.client_id;
    const scopes = scopesOf(facts, isPerson, roles);
    const alternatives = security.map((entry) => entry[SCHEME] ?? []);
    if (!alternatives.some((needed) => needed.every((scope) => grants(scopes, scope)))) {
      const needed = alternatives.map((words) => words.join(' ')).join(' or ');
      throw new ServiceError('insufficient_scope', {
        message: `The access token lacks the scope for this: ${needed}.`,
        headers: challenge('insufficient_scope', alternatives[0]?.join(' ')),
      });
    }
    const brand = brandOf(request.raw, facts.brand, defaultBrand);
    // Only staff and services choose: the same customer's name in another brand is another customer.
    const isCustomer = isPerson && !isStaff(scopes);
    if (isCustomer && brand.brand_id !== (facts.brand ?? defaultBrand)) {
      throw new ServiceError('forbidden');
    }
    const name = facts.sub ?? facts.client_id;
    request.principal = {
      actor_type: isPerson ? 'user' : 'service',
      actor_id: isCustomer ? await nameCustomer(brand.brand_id, name) : name,
      person_id: isPerson ? name : undefined,
      client_id: facts.client_id,
      scopes,
      signed_in_at_ms: session?.signed_in_at.getTime() ?? facts.signed_in_at_ms,
      session,
      ...brand,
    };
  });
}

/** Admin scopes are for staff and services only, never for a user's app. */
const isStaff = (scopes: ReadonlySet<string>) => [...scopes].some((scope) => scope.startsWith('admin:'));

interface Authenticated {
  facts: TokenFacts;
  session?: LiveSession | undefined;
}

/**
 * By the token that was sent; else by the session whose cookie the browser sent. An address from which too many were refused gets
 * no further with a token that is not known to be good: whether it is good is not found out.
 */
async function authenticate(
  request: FastifyRequest,
  tokens: Tokens,
  failures: Failures,
  browsers: BrowserAccess | undefined,
): Promise<Authenticated> {
  try {
    const name = browsers === undefined ? undefined : request.cookies[browsers.cookie];
    if (browsers !== undefined && name !== undefined && request.headers.authorization === undefined) {
      return await authenticateSession(request, name, tokens, failures, browsers);
    }
    const facts = await tokens.lookUp(bearerToken(request.raw), () => failures.refuseBeyond(request.ip));
    if (facts === undefined) {
      failures.add(request.ip);
      throw new ServiceError('invalid_token', { headers: challenge('invalid_token') });
    }
    return { facts };
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'validation_error') {
      failures.refuseBeyond(request.ip);
      failures.add(request.ip);
    }
    throw error instanceof IssuerUnavailable ? issuerUnavailable(error) : error;
  }
}

const CHANGES_NOTHING = ['GET', 'HEAD'];

async function authenticateSession(
  request: FastifyRequest,
  name: string,
  tokens: Tokens,
  failures: Failures,
  { sessions, origin }: BrowserAccess,
): Promise<Authenticated> {
  if (!CHANGES_NOTHING.includes(request.method)) refuseOtherSites(request, origin);
  const session = await sessions.find(name, () => failures.refuseBeyond(request.ip));
  const facts = session === undefined ? undefined : await tokens.lookUp(session.access_token);
  if (facts === undefined) {
    failures.refuseBeyond(request.ip);
    failures.add(request.ip);
    throw new ServiceError('unauthenticated', {
      message: 'Your session is over: sign in again.',
      headers: challenge(),
    });
  }
  return { facts, session };
}

/** The browser sends the cookie along whoever asks it to, and says who asked (OWASP, Cross-Site Request Forgery Prevention). */
export function refuseOtherSites({ headers }: FastifyRequest, origin: string): void {
  if (headers.origin === origin) return;
  throw new ServiceError('forbidden', { message: 'This was sent from a page of another site.' });
}

/** Nobody can say who is calling: never a reason to let anybody in. */
export const issuerUnavailable = (cause: IssuerUnavailable) =>
  new ServiceError('service_unavailable', {
    message: 'Access tokens cannot be checked at the moment: try again in a few seconds.',
    headers: { 'retry-after': '5' },
    cause,
  });

/** Who is calling an operation that is not open to all. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === null) throw new Error('An open operation asked who is calling');
  return request.principal;
}

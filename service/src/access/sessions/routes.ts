import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { ServiceError } from '../../errors.ts';
import { readQueryStrictly } from '../../http/query.ts';
import type { RoomRoutes } from '../../http/room.ts';
import type { Seal } from '../../seal.ts';
import type { Failures } from '../failures.ts';
import { issuerUnavailable, principalOf, refuseOtherSites } from '../guard.ts';
import { IssuerUnavailable } from '../issuer.ts';
import type { Cookies } from './cookies.ts';
import { type Attempt, type RelyingParty, SignInRefused } from './relying-party.ts';
import type { Sessions } from './sessions.ts';

export interface SignInDeps {
  sessions: Sessions;
  party: RelyingParty;
  /** Seals what the browser brings back from the issuer. */
  seal: Seal;
  cookies: Cookies;
  /** The service's address as browsers know it. */
  public_url: string;
}

/** How long somebody may take to sign in. */
const SIGN_IN_WITHIN_s = 600;
const HOME = '/console';

/** For browsers: signing in and out, and who one is. */
export function signInRoutes({
  sessions,
  party,
  seal,
  cookies,
  public_url,
  failures,
}: SignInDeps & { failures: Failures }): RoomRoutes {
  const hidden = { hide: true, security: [] };
  const { origin } = new URL(public_url);
  /** A session has ended here, whether or not the issuer hears of it. False: there was none. */
  const end = (request: FastifyRequest, name: string): Promise<boolean> =>
    sessions
      .end(name, () => failures.refuseBeyond(request.ip))
      .catch((error: unknown) => {
        if (error instanceof ServiceError) throw error;
        request.log.warn('a token could not be revoked');
        return true;
      });
  return async (app) => {
    app.get(
      '/auth/sign-in',
      {
        preValidation: readQueryStrictly,
        schema: {
          ...hidden,
          querystring: Type.Object(
            {
              return_to: Type.Optional(Type.String({ maxLength: 2_048 })),
              again: Type.Optional(Type.Boolean()),
            },
            { additionalProperties: false },
          ),
        },
      },
      async (request, reply) => {
        const { return_to = HOME, again = false } = request.query;
        // A page of another site starts no session for somebody who has not asked for one: they are shown where to begin.
        if (request.headers['sec-fetch-site'] === 'cross-site') return reply.redirect(HOME, 303);
        const { address, attempt } = await unlessUnavailable(() => party.begin(again ? 0 : undefined));
        const remembered = await seal.seal(
          { ...attempt, return_to: ownPath(return_to, public_url) },
          SIGN_IN_WITHIN_s,
        );
        return reply
          .setCookie(cookies.sign_in, remembered, { ...cookies.options, maxAge: SIGN_IN_WITHIN_s })
          .redirect(address, 303);
      },
    );

    // A sign-in that comes to nothing counts as a guess.
    const onError = async (request: FastifyRequest, _reply: unknown, error: Error) => {
      if (!(error instanceof ServiceError) || error.status >= 500 || error.status === 429) return;
      failures.add(request.ip);
      request.log.warn({ error: error.code, address: request.ip }, 'a sign-in came to nothing');
    };
    app.get('/auth/callback', { schema: hidden, onError }, async (request, reply) => {
      failures.refuseBeyond(request.ip);
      const remembered = await seal.open(request.cookies[cookies.sign_in] ?? '');
      reply.clearCookie(cookies.sign_in, cookies.options);
      if (remembered === undefined) {
        throw new ServiceError('malformed', {
          message: 'This sign-in was not begun in this browser, or too long ago: begin it again.',
        });
      }
      const { return_to, ...attempt } = remembered as unknown as Attempt & { return_to: string };
      const signedIn = await unlessUnavailable(() => party.finish(new URL(request.url, public_url), attempt));
      const before = request.cookies[cookies.session];
      // A session is never carried over: whoever knew its name would be signed in as well.
      if (before !== undefined) await sessions.end(before).catch(() => {});
      const name = await sessions.begin(signedIn);
      request.log.info({ actor_id: signedIn.sub, address: request.ip }, 'signed in');
      return reply.setCookie(cookies.session, name, cookies.options).redirect(return_to, 303);
    });

    app.get('/auth/session', { schema: { hide: true, security: [{ accessToken: [] }] } }, async (request) => {
      const { actor_id, brand_id, scopes, session } = principalOf(request);
      if (session === undefined) {
        throw new ServiceError('not_found', { message: 'This is a token’s call: there is no session.' });
      }
      return {
        actor_id,
        name: session.name,
        brand_id,
        scopes: [...scopes].sort(),
        signed_in_at: session.signed_in_at,
        expires_at: session.expires_at,
      };
    });

    app.post('/auth/sign-out', { schema: hidden }, async (request, reply) => {
      refuseOtherSites(request, origin);
      const name = request.cookies[cookies.session];
      reply.clearCookie(cookies.session, cookies.options);
      if (name !== undefined) {
        if (await end(request, name)) request.log.info({ address: request.ip }, 'signed out');
        else failures.add(request.ip);
      }
      const location = await party.endSessionAddress(`${public_url}/`).catch(() => undefined);
      return { location: location ?? '/' };
    });
  };
}

/** A path of this service; an address of anybody else's is no place to send a browser to. */
function ownPath(path: string, publicUrl: string): string {
  const target = URL.canParse(path, publicUrl) ? new URL(path, publicUrl) : undefined;
  // `/.//host` is a path here, and what is left of it once its dots are gone is another's address.
  const isOurs = target?.origin === new URL(publicUrl).origin && !target.pathname.startsWith('//');
  if (!path.startsWith('/') || !isOurs) {
    throw new ServiceError('malformed', {
      field: 'return_to',
      message: 'return_to has to be a path of this service.',
    });
  }
  return `${target.pathname}${target.search}${target.hash}`;
}

async function unlessUnavailable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof IssuerUnavailable) throw issuerUnavailable(error);
    if (!(error instanceof SignInRefused)) throw error;
    throw new ServiceError('unauthenticated', {
      message: 'You have not been signed in: begin again.',
      cause: error,
    });
  }
}

/** Lets the cookies be read and set. */
export async function readCookies(app: FastifyInstance): Promise<void> {
  const { default: cookie } = await import('@fastify/cookie');
  await app.register(cookie);
}

import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { Pool } from '../../database/pool.ts';
import type { Seal } from '../../seal.ts';
import { IssuerUnavailable } from '../issuer.ts';
import * as queries from './queries.ts';
import { type Grant, type RelyingParty, type SignedIn, SignInRefused } from './relying-party.ts';

export interface SessionsDeps {
  pool: Pool;
  party: Pick<RelyingParty, 'refresh' | 'revoke'>;
  seal: Seal;
  /** After which it is over, whatever happens. */
  lifetime_s: number;
  /** After which it is over where nothing happens. */
  idle_s: number;
}

/** A session that goes on. */
export interface LiveSession {
  access_token: string;
  actor_id: string;
  name: string | null;
  signed_in_at: Date;
  /** When it is over, whatever happens. */
  expires_at: Date;
}

/** People who are signed in. What the browser holds is a name of 256 random bits, and nothing else; every instance knows it. */
export interface Sessions {
  /** Returns the session's name, for the browser's cookie. */
  begin(signedIn: SignedIn): Promise<string>;
  /**
   * The session of that name; undefined where there is none or it is over.
   *
   * @param ifUnknown called before anything else where there was none when it was last looked for; may throw
   * @throws IssuerUnavailable where its token cannot be renewed
   */
  find(name: string, ifUnknown?: () => void): Promise<LiveSession | undefined>;
  /** Ends it here, and makes its tokens useless at the issuer. False: there was none. */
  end(name: string, ifUnknown?: () => void): Promise<boolean>;
}

/** That somebody is there is written down once in so long. */
const TOUCH_EVERY_ms = 30_000;
/** Before it expires a token is renewed, so that those who do not renew it can go on with the old one. */
const RENEW_BEFORE_ms = 60_000;
const REFRESH_HOLD_s = 10;
const POLL_ms = 50;
/** What `begin` makes: nothing else is looked for. */
const NAME = /^[\w-]{43}$/;
const KNOWN_MAX = 10_000;

export function createSessions({ pool, party, seal, lifetime_s, idle_s }: SessionsDeps): Sessions {
  const sealTokens = async ({ access_token, refresh_token, access_expires_at }: Grant) => ({
    access_token: await seal.seal({ token: access_token }, lifetime_s),
    refresh_token: refresh_token === undefined ? null : await seal.seal({ token: refresh_token }, lifetime_s),
    access_expires_at: access_expires_at ?? null,
  });
  const open = async (sealed: string | null): Promise<string | undefined> => {
    const token = sealed === null ? undefined : (await seal.open(sealed))?.token;
    return typeof token === 'string' ? token : undefined;
  };
  const lastsFor_ms = ({ access_expires_at }: queries.Session) =>
    access_expires_at === null ? Number.POSITIVE_INFINITY : access_expires_at.getTime() - Date.now();

  /** Asks for all of them, also where it fails for one. */
  const revoke = async (tokens: readonly (string | undefined)[]): Promise<void> => {
    const asked = await Promise.allSettled(
      tokens.map((token) => (token === undefined ? undefined : party.revoke(token))),
    );
    for (const one of asked) if (one.status === 'rejected') throw one.reason;
  };

  /** Renews the tokens once for all who ask at the same time, in whichever process. Undefined: the issuer ended the session. */
  const renew = async (session: queries.Session): Promise<queries.Session | undefined> => {
    const { session_hash } = session;
    const refresh_token = await open(session.refresh_token);
    if (refresh_token === undefined) return session;
    if (!(await queries.takeRefresh(pool, session, REFRESH_HOLD_s))) {
      return lastsFor_ms(session) > 0 ? session : await waitForAnother(session);
    }
    try {
      const grant = await party.refresh(refresh_token);
      const tokens = await sealTokens({ ...grant, refresh_token: grant.refresh_token ?? refresh_token });
      if (await queries.renew(pool, { session_hash, ...tokens })) return { ...session, ...tokens };
      // Whoever has signed out in the meantime could only have the old tokens made useless.
      await revoke([grant.refresh_token, grant.access_token]).catch(() => {});
      return undefined;
    } catch (error) {
      if (error instanceof SignInRefused) {
        await queries.remove(pool, session_hash);
        return undefined;
      }
      await queries.releaseRefresh(pool, session_hash);
      if (error instanceof IssuerUnavailable && lastsFor_ms(session) > 0) return session;
      throw error;
    }
  };

  const waitForAnother = async ({ session_hash }: queries.Session): Promise<queries.Session | undefined> => {
    const deadline = Date.now() + REFRESH_HOLD_s * 1_000;
    for (;;) {
      await wait(POLL_ms);
      const session = await queries.find(pool, session_hash, idle_s);
      if (session === undefined || lastsFor_ms(session) > 0) return session;
      if (Date.now() > deadline) throw new IssuerUnavailable('The session’s token could not be renewed');
    }
  };

  // Those that were there when last looked for, so that guesses can be refused before the database is asked about them.
  const known = new LRUCache<string, true>({ max: KNOWN_MAX, ttl: lifetime_s * 1_000 });
  /** The hash of a name that may be one. */
  const look = (name: string, ifUnknown?: () => void): Buffer | undefined => {
    const hash = hashOf(name);
    if (!known.has(hash.toString('base64url'))) ifUnknown?.();
    return NAME.test(name) ? hash : undefined;
  };

  return {
    async begin(signedIn) {
      const name = randomBytes(32).toString('base64url');
      const session = {
        session_hash: hashOf(name),
        actor_id: signedIn.sub,
        name: signedIn.name ?? null,
        signed_in_at: signedIn.signed_in_at,
        ...(await sealTokens(signedIn)),
      };
      await queries.insert(pool, session, lifetime_s);
      known.set(session.session_hash.toString('base64url'), true);
      return name;
    },
    async find(name, ifUnknown) {
      const hash = look(name, ifUnknown);
      if (hash === undefined) return undefined;
      let session = await queries.find(pool, hash, idle_s);
      if (session === undefined) {
        known.delete(hash.toString('base64url'));
        return undefined;
      }
      known.set(hash.toString('base64url'), true);
      if (Date.now() - session.last_seen_at.getTime() > TOUCH_EVERY_ms) await queries.touch(pool, hash);
      if (lastsFor_ms(session) < RENEW_BEFORE_ms) session = await renew(session);
      if (session === undefined) return undefined;
      const access_token = await open(session.access_token);
      // Sealed with a secret that is gone by now.
      if (access_token === undefined) return undefined;
      const { actor_id, name: called, signed_in_at, expires_at } = session;
      return { access_token, actor_id, name: called, signed_in_at, expires_at };
    },
    async end(name, ifUnknown) {
      const hash = look(name, ifUnknown);
      if (hash === undefined) return false;
      known.delete(hash.toString('base64url'));
      const session = await queries.remove(pool, hash);
      if (session === undefined) return false;
      await revoke([await open(session.refresh_token), await open(session.access_token)]);
      return true;
    },
  };
}

const hashOf = (name: string): Buffer => createHash('sha256').update(name).digest();

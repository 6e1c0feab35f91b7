import type { Queryable } from '../../database/pool.ts';

export interface Session {
  session_hash: Buffer;
  actor_id: string;
  name: string | null;
  /** When the person proved who they are; an earlier moment than the session's own where the issuer knew them already. */
  signed_in_at: Date;
  created_at: Date;
  last_seen_at: Date;
  expires_at: Date;
  /** Sealed, as the refresh token is. */
  access_token: string;
  refresh_token: string | null;
  access_expires_at: Date | null;
}

const SESSION =
  'session_hash, actor_id, name, signed_in_at, created_at, last_seen_at, expires_at, access_token, refresh_token, access_expires_at';

export type NewSession = Omit<Session, 'created_at' | 'last_seen_at' | 'expires_at'>;

/** Begins a session, and forgets those that are over (sessions_by_expiry). */
export async function insert(db: Queryable, session: NewSession, lifetime_s: number): Promise<void> {
  await db.query({
    name: 'sessions.insert',
    text: `WITH over AS (DELETE FROM sessions WHERE expires_at < clock_timestamp())
           INSERT INTO sessions (${SESSION})
           SELECT $1, $2, $3, $4, now, now, now + make_interval(secs => $5), $6, $7, $8 FROM clock_timestamp() AS now`,
    values: [
      session.session_hash,
      session.actor_id,
      session.name,
      session.signed_in_at,
      lifetime_s,
      session.access_token,
      session.refresh_token,
      session.access_expires_at,
    ],
  });
}

/** A session that is neither too old nor was left alone for too long (primary key). */
export async function find(db: Queryable, hash: Buffer, idle_s: number): Promise<Session | undefined> {
  const { rows } = await db.query<Session>({
    name: 'sessions.find',
    text: `SELECT ${SESSION} FROM sessions
           WHERE session_hash = $1 AND expires_at > clock_timestamp()
             AND last_seen_at > clock_timestamp() - make_interval(secs => $2)`,
    values: [hash, idle_s],
  });
  return rows[0];
}

/** Remembers that somebody is there (primary key). */
export async function touch(db: Queryable, hash: Buffer): Promise<void> {
  await db.query({
    name: 'sessions.touch',
    text: 'UPDATE sessions SET last_seen_at = clock_timestamp() WHERE session_hash = $1',
    values: [hash],
  });
}

/** Takes it on oneself to renew the tokens as they were read. False: somebody else is at it, or was by now (primary key). */
export async function takeRefresh(
  db: Queryable,
  { session_hash, refresh_token }: Session,
  hold_s: number,
): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'sessions.take_refresh',
    text: `UPDATE sessions SET refreshing_until = clock_timestamp() + make_interval(secs => $2)
           WHERE session_hash = $1 AND refresh_token = $3
             AND (refreshing_until IS NULL OR refreshing_until < clock_timestamp())`,
    values: [session_hash, hold_s, refresh_token],
  });
  return rowCount === 1;
}

/** Lets somebody else try, where nothing has come of it (primary key). */
export async function releaseRefresh(db: Queryable, hash: Buffer): Promise<void> {
  await db.query({
    name: 'sessions.release_refresh',
    text: 'UPDATE sessions SET refreshing_until = NULL WHERE session_hash = $1',
    values: [hash],
  });
}

/** Puts new tokens in the place of the old ones (primary key). False: the session has ended. */
export async function renew(
  db: Queryable,
  { session_hash, access_token, refresh_token, access_expires_at }: NewTokens,
): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'sessions.renew',
    text: `UPDATE sessions SET access_token = $2, refresh_token = $3, access_expires_at = $4, refreshing_until = NULL
           WHERE session_hash = $1`,
    values: [session_hash, access_token, refresh_token, access_expires_at],
  });
  return rowCount === 1;
}
type NewTokens = Pick<Session, 'session_hash' | 'access_token' | 'refresh_token' | 'access_expires_at'>;

/** Ends a session, and returns what it was (primary key). */
export async function remove(db: Queryable, hash: Buffer): Promise<Session | undefined> {
  const { rows } = await db.query<Session>({
    name: 'sessions.remove',
    text: `DELETE FROM sessions WHERE session_hash = $1 RETURNING ${SESSION}`,
    values: [hash],
  });
  return rows[0];
}

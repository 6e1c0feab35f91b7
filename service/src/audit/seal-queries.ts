import type { Queryable } from '../database/pool.ts';
import { CANONICAL_COLUMNS, type CanonicalRow, type SealContent } from './canonical.ts';

/** A seal as it is kept. */
export interface Seal extends SealContent {
  hash: Buffer;
}

const UNTIL = '(SELECT until_id FROM audit_seals ORDER BY seal_id DESC LIMIT 1)';

/** The newest row, where it is not sealed; else null (primary keys). */
export async function findUnsealed(db: Queryable): Promise<number | null> {
  const { rows } = await db.query<{ newest: number | null }>({
    name: 'audit_seals.unsealed',
    text: `SELECT max(audit_id) AS newest FROM audit_log WHERE audit_id > coalesce(${UNTIL}, 0)`,
  });
  return rows[0]?.newest ?? null;
}

/**
 * The transactions that have inserted, or are about to insert, into the audit log: by the lock that every INSERT takes before it does
 * anything else, and that no other INSERT waits for. Also those that are prepared.
 *
 * @param among only which of these are still there; a transaction's name is not used again while the server runs
 */
export async function findWriters(db: Queryable, among?: readonly string[]): Promise<string[]> {
  const { rows } = await db.query<{ virtualtransaction: string }>({
    name: 'audit_seals.writers',
    text: `SELECT DISTINCT virtualtransaction FROM pg_locks
           WHERE locktype = 'relation' AND relation = 'audit_log'::regclass
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
             AND mode = 'RowExclusiveLock' AND granted
             AND ($1::text[] IS NULL OR virtualtransaction = ANY ($1))`,
    values: [among ?? null],
  });
  return rows.map(({ virtualtransaction }) => virtualtransaction);
}

/** The newest seal (primary key). */
export async function findLastSeal(
  db: Queryable,
): Promise<Pick<Seal, 'seal_id' | 'until_id' | 'hash'> | undefined> {
  const { rows } = await db.query<Pick<Seal, 'seal_id' | 'until_id' | 'hash'>>({
    name: 'audit_seals.last',
    text: 'SELECT seal_id, until_id, hash FROM audit_seals ORDER BY seal_id DESC LIMIT 1',
  });
  return rows[0];
}

/** Rows as they are hashed, by id (primary key). */
export async function readRows(
  db: Queryable,
  afterId: number,
  untilId: number,
  limit: number,
): Promise<CanonicalRow[]> {
  const { rows } = await db.query<CanonicalRow>({
    name: 'audit_seals.rows',
    text: `SELECT ${CANONICAL_COLUMNS} FROM audit_log WHERE audit_id > $1 AND audit_id <= $2 ORDER BY audit_id LIMIT $3`,
    values: [afterId, untilId, limit],
  });
  return rows;
}

/** The database's time, to the millisecond, as a seal keeps it. */
export async function readClock(db: Queryable): Promise<Date> {
  const { rows } = await db.query<{ now: Date }>({
    name: 'audit_seals.clock',
    text: `SELECT date_trunc('milliseconds', clock_timestamp()) AS now`,
  });
  if (rows[0] === undefined) throw new Error('The database has no time');
  return rows[0].now;
}

/** Adds a seal. Its number and what it follows are unique, so that the chain cannot fork whoever seals beside. */
export async function insertSeal(db: Queryable, seal: SealContent, hash: Buffer): Promise<void> {
  await db.query({
    name: 'audit_seals.insert',
    text: `INSERT INTO audit_seals (seal_id, after_id, until_id, leaves, previous_hash, hash, sealed_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    values: [
      seal.seal_id,
      seal.after_id,
      seal.until_id,
      seal.leaves,
      seal.previous_hash,
      hash,
      seal.sealed_at,
    ],
  });
}

/** A time that somebody has put beyond what a Date holds becomes one that no seal has. */
const SEALED_AT = `CASE WHEN sealed_at BETWEEN '2000-01-01' AND '9999-01-01' THEN sealed_at ELSE 'epoch' END AS sealed_at`;

/** Seals by number (primary key). */
export async function readSeals(db: Queryable, afterSealId: number, limit: number): Promise<Seal[]> {
  const { rows } = await db.query<Seal>({
    name: 'audit_seals.read',
    text: `SELECT seal_id, after_id, until_id, leaves, previous_hash, hash, ${SEALED_AT}
           FROM audit_seals
           WHERE seal_id > $1 ORDER BY seal_id LIMIT $2`,
    values: [afterSealId, limit],
  });
  return rows;
}

/** How many seals there are. */
export async function countSeals(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ n: number }>('SELECT count(*) AS n FROM audit_seals');
  return rows[0]?.n ?? 0;
}

/** What is behind an id, and so not sealed yet (primary key). */
export async function countRowsAfter(
  db: Queryable,
  afterId: number,
): Promise<{ rows: number; oldest_at: Date | null }> {
  const { rows } = await db.query<{ rows: number; oldest_at: Date | null }>(
    `SELECT count(*) AS rows, min(occurred_at) FILTER (WHERE isfinite(occurred_at)) AS oldest_at
     FROM audit_log WHERE audit_id > $1`,
    [afterId],
  );
  return rows[0] ?? { rows: 0, oldest_at: null };
}

/** For how long the oldest row has not been sealed, in seconds; 0 where all are (primary keys). */
export async function readUnsealedFor_s(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ oldest_s: number }>({
    name: 'audit_seals.unsealed_for',
    text: `SELECT extract(epoch FROM clock_timestamp() - occurred_at)::float8 AS oldest_s FROM audit_log
           WHERE audit_id > coalesce(${UNTIL}, 0) ORDER BY audit_id LIMIT 1`,
  });
  return Math.max(0, rows[0]?.oldest_s ?? 0);
}

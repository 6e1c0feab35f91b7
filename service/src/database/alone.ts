import type pg from 'pg';
import { seen } from './brand.ts';
import type { Pool, Queryable } from './pool.ts';

/** What only one process at a time does. The numbers are arbitrary, and this project's only ones beside the migrations'. */
const LOCKS = {
  backfill: 7_243_392_746,
  reconcile: 7_243_392_747,
  seal: 7_243_392_749,
  erase: 7_243_392_750,
} as const;

/** Whether somebody is doing it at this moment. */
export async function isUnderWay(db: Queryable, what: keyof typeof LOCKS): Promise<boolean> {
  const { rows } = await db.query({
    name: 'alone.is_under_way',
    // A lock by one number is shown as its two halves (PostgreSQL, "pg_locks").
    text: `SELECT 1 FROM pg_locks
           WHERE locktype = 'advisory' AND granted AND objsubid = 1
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
             AND (classid::bigint << 32) | objid::bigint = $1`,
    values: [LOCKS[what]],
  });
  return rows.length > 0;
}

/**
 * Does what nobody else may be doing on this database, and answers `taken` if somebody is. The lock lives and dies with
 * the connection that `work` is handed: a process that is killed holds nothing back.
 */
export async function alone<T>(
  pool: Pool,
  what: keyof typeof LOCKS,
  work: (guard: pg.PoolClient) => Promise<T>,
): Promise<T | 'taken'> {
  const guard = await pool.connect();
  let broken: Error | undefined;
  const lose = (error: Error) => {
    broken = error;
  };
  guard.on('error', lose);
  try {
    await seen(guard);
    const { rows } = await guard.query<{ locked: boolean }>({
      name: 'alone.try_lock',
      text: 'SELECT pg_try_advisory_lock($1) AS locked',
      values: [LOCKS[what]],
    });
    if (rows[0]?.locked !== true) return 'taken';
    try {
      return await work(guard);
    } finally {
      const unlock = { name: 'alone.unlock', text: 'SELECT pg_advisory_unlock($1)', values: [LOCKS[what]] };
      await guard.query(unlock).catch(lose);
    }
  } finally {
    guard.off('error', lose);
    guard.release(broken);
  }
}

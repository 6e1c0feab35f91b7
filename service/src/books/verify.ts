import { cancelOn } from '../database/cancel.ts';
import { type Pool, withTransaction } from '../database/pool.ts';
import { RULES } from './rules.ts';

/** A rule that the books break. */
export interface Contradiction {
  rule: string;
  /** How many rows break it. */
  rows: number;
  /** The first few of them: ids, amounts and codes. */
  examples: Record<string, unknown>[];
}

const EXAMPLES = 5;

export interface VerifyOptions {
  /** Called before each rule, and at the end: how many of all have been looked at. */
  onProgress?: (done: number, all: number, rule: string | undefined) => void;
  /** Stops it, also in the middle of a rule; takes one more connection of the pool for a moment. */
  signal?: AbortSignal;
}

/**
 * Holds the books to all their rules, on a live database, and returns those that are broken. Only reads, from one snapshot
 * (REPEATABLE READ, READ ONLY), so that what others write meanwhile neither waits nor looks like a contradiction.
 *
 * @throws what the database says, e.g. where it is not of this version; the signal's reason where that stopped it
 */
export async function verifyBooks(
  pool: Pool,
  { onProgress, signal }: VerifyOptions = {},
): Promise<Contradiction[]> {
  return await withTransaction(pool, async (tx) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    await using _ = await cancelOn(signal, pool, tx);
    // Large books take longer than anything a request may ask for.
    await tx.query('SET LOCAL statement_timeout = 0');
    const broken: Contradiction[] = [];
    for (const [index, { rule, sql }] of RULES.entries()) {
      signal?.throwIfAborted();
      onProgress?.(index, RULES.length, rule);
      const { rows } = await tx
        .query<{ n: number; examples: Record<string, unknown>[] | null }>(
          `WITH broken AS MATERIALIZED (${sql})
           SELECT (SELECT count(*) FROM broken) AS n,
                  (SELECT json_agg(example) FROM (SELECT * FROM broken LIMIT ${EXAMPLES}) example) AS examples`,
        )
        .catch((error: unknown) => {
          signal?.throwIfAborted();
          throw error;
        });
      const [found] = rows;
      if (found !== undefined && found.n > 0) {
        broken.push({ rule, rows: found.n, examples: found.examples ?? [] });
      }
    }
    onProgress?.(RULES.length, RULES.length, undefined);
    return broken;
  });
}

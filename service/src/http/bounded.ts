import { type Pool, type Transaction, withTransaction } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';

/** PostgreSQL, Appendix A: query_canceled, which is what a statement's time-out says. */
const CANCELED = '57014';

/**
 * Reads all that `work` asks for from one snapshot, and gives up on any statement that takes longer.
 *
 * @throws ServiceError 422 where one does: to ask for less is what helps
 */
export async function readWithin<T>(
  pool: Pool,
  within_ms: number,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  try {
    return await withTransaction(pool, async (tx) => {
      // It leaves together with what is asked for next. Compiling what runs for so short a time costs more than it saves.
      const ready = tx.query(
        `SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement_timeout = ${within_ms}; SET LOCAL jit = off`,
      );
      return (await Promise.all([ready, work(tx)]))[1];
    });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === CANCELED)) throw error;
    throw new ServiceError('unprocessable', {
      message: `That is more than can be added up within ${within_ms / 1_000} seconds: narrow it, e.g. to a shorter time.`,
      cause: error,
    });
  }
}

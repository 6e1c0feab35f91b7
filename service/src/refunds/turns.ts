import pLimit, { type LimitFunction } from 'p-limit';

/** Runs work about one payment, a few at a time. */
export type Turns = <T>(payment: string, work: () => Promise<T>) => Promise<T>;

/** More than this on one payment only wait for its lock in the database, each with a connection that others need. */
const AT_ONCE = 2;

/**
 * Lets those who want the same payment queue in memory rather than on connections, so that one that everybody wants does not
 * hold up the others. Only for speed: what makes them right is the payment's lock.
 */
export function takeTurns(): Turns {
  const limits = new Map<string, LimitFunction>();
  return async (payment, work) => {
    const limit = limits.get(payment) ?? pLimit(AT_ONCE);
    limits.set(payment, limit);
    try {
      return await limit(work);
    } finally {
      if (limit.activeCount + limit.pendingCount === 0) limits.delete(payment);
    }
  };
}

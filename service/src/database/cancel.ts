import type { Pool, Queryable } from './pool.ts';

/** From now on a signal ends the statement of the transaction that is under way, instead of leaving it to the server; takes one more connection of the pool for a moment. */
export async function cancelOn(
  signal: AbortSignal | undefined,
  pool: Pool,
  tx: Queryable,
): Promise<AsyncDisposable> {
  if (signal === undefined) return { [Symbol.asyncDispose]: async () => {} };
  const { rows } = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  let canceling: Promise<unknown> | undefined;
  const cancel = () => {
    canceling = pool.query('SELECT pg_cancel_backend($1)', [rows[0]?.pid]).catch(() => undefined);
  };
  signal.addEventListener('abort', cancel, { once: true });
  return {
    // It must not meet what this connection does next.
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', cancel);
      await canceling;
    },
  };
}

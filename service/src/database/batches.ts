import { seen } from './brand.ts';
import type { Pool } from './pool.ts';

/**
 * The rows of a query, batch by batch, all from one snapshot (REPEATABLE READ, READ ONLY): whatever is written meanwhile neither
 * waits nor shows, and no more than a batch is in memory. Holds one connection until it has been read to its end, or is returned
 * from; the server takes it back from a reader who lets it wait for longer than idle_in_transaction_session_timeout.
 *
 * @throws what the database says
 */
export async function* readInBatches<Row extends object>(
  pool: Pool,
  { text, values }: { text: string; values: unknown[] },
  size: number,
): AsyncGenerator<Row[], void, void> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const lose = (error: Error) => {
    broken = error;
  };
  client.on('error', lose);
  try {
    await seen(client);
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    await client.query(`DECLARE batches NO SCROLL CURSOR FOR ${text}`, values);
    for (;;) {
      const { rows } = await client.query<Row>(`FETCH ${size} FROM batches`);
      if (rows.length > 0) yield rows;
      if (rows.length < size) return;
    }
  } finally {
    await client.query('ROLLBACK').catch(lose);
    client.off('error', lose);
    client.release(broken);
  }
}

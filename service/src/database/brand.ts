import type pg from 'pg';
import type { Pool } from './pool.ts';

/** On a connection that could not be told, nobody knows what is seen. */
const NOBODY_KNOWS = Symbol('unknown');
/** What is seen on a connection: one brand's rows, or everything. */
interface Sight {
  brand_id: string | undefined | typeof NOBODY_KNOWS;
  /** Settles once the database shows it. */
  ready: Promise<void>;
}
const sights = new WeakMap<pg.ClientBase, Sight>();

/**
 * The second lock between brands. What is asked for through this is asked as `payments_api`, to whom the database itself shows one
 * brand's rows (row-level security, 0011_brands.sql), whatever a query forgets to say. Without a brand: as whoever has signed in, who
 * works for all of them. Which it is a connection remembers, so it is said only where it changes, and then leaves in one write
 * with what is asked.
 */
export function seeing(pool: pg.Pool, brandId: string | undefined): Pool {
  const connect = async () => {
    const client = await pool.connect();
    show(client, brandId);
    return client;
  };
  const query = async (...args: unknown[]) => {
    const client = await connect();
    let failure: Error | undefined;
    try {
      const [, answer] = await Promise.all([seen(client), Reflect.apply(client.query, client, args)]);
      return answer;
    } catch (error) {
      failure = error as Error;
      throw error;
    } finally {
      client.release(failure);
    }
  };
  return { connect, query: query as Pool['query'] };
}

function show(client: pg.ClientBase, brandId: string | undefined): void {
  const sight = sights.get(client);
  // A connection that is new shows everything.
  if (sight?.brand_id === brandId) return;
  const ready = client
    .query({
      name: 'brand.show',
      text: `SELECT set_config('role', $1, false), set_config('payments.brand_id', $2, false)`,
      values: brandId === undefined ? ['none', ''] : ['payments_api', brandId],
    })
    .then(() => {});
  sights.set(client, { brand_id: brandId, ready });
  ready.catch(() => sights.set(client, { brand_id: NOBODY_KNOWS, ready }));
}

/** Rejects where a connection does not show what it is meant to: then nothing that it answers counts. */
export const seen = (client: pg.ClientBase): Promise<void> => sights.get(client)?.ready ?? Promise.resolve();

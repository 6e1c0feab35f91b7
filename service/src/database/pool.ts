import pg from 'pg';
import { seeing, seen } from './brand.ts';
import { sendTogether } from './flights.ts';

/** Connections of which any may be had: on all of them the same of the books is seen. */
export interface Pool extends Queryable {
  /** A connection to oneself, to be released. What it answers counts once `seen` has resolved (brand.ts). */
  connect(): Promise<pg.PoolClient>;
}
/** The service's connections. On them all of the books is seen; through `ofBrand` one brand's rows, and no others. */
export interface Connections extends Pool {
  ofBrand(brandId: string): Pool;
  /** How many connections are at work and idle, and how many requests wait for one. */
  usage(): { busy: number; idle: number; waiting: number };
  end(): Promise<void>;
}
/** Anything that answers a query: the pool, or a transaction. */
export type Queryable = Pick<pg.ClientBase, 'query'>;
/** A transaction that is open: what a room's logic is handed to read and write within it. */
export type Transaction = Queryable & {
  /**
   * Ends it together with what was asked for just before: one journey to the database fewer. Nothing may be asked for after that. If
   * any of it has failed nothing of it is written, and this rejects.
   */
  commit(): Promise<void>;
};

const INT8 = 20;

/** Amounts and sequences are bigint in SQL and must not come out as strings; beyond 2^53 they would not be exact. */
function parseInt8(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError('A bigint of the database is beyond 2^53');
  return number;
}

const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === INT8
      ? parseInt8
      : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
};

export interface PoolOptions {
  connectionString: string;
  /** The most connections held at a time. */
  max: number;
  applicationName?: string;
  /** Whether queries are sent without waiting for the answers before them; those of one turn of the event loop together. */
  pipeline?: boolean;
  /** How long a statement may take; 0 for as long as it likes, which is for commands that somebody watches. */
  statement_timeout_ms?: number;
  /** Called when an idle connection is lost; the pool replaces it. */
  onError?: (error: Error) => void;
}

/** The service's connections to its books. */
export const createPool = (options: PoolOptions): Connections => seeBooks(openPool(options));

/** The books as they are seen on a driver's connections. */
export const seeBooks = (pool: pg.Pool): Connections => ({
  ...seeing(pool, undefined),
  ofBrand: (brandId) => seeing(pool, brandId),
  usage: () => ({ busy: pool.totalCount - pool.idleCount, idle: pool.idleCount, waiting: pool.waitingCount }),
  end: () => pool.end(),
});

/**
 * Connections, as the driver has them. Waiting for one, and any single statement, is bounded: a database that does not
 * answer becomes an error that a caller is told, not a request that hangs.
 */
export function openPool({
  connectionString,
  max,
  applicationName = 'payments',
  pipeline = true,
  statement_timeout_ms = 15_000,
  onError,
}: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    max,
    types,
    application_name: applicationName,
    pipeline,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: statement_timeout_ms,
    // The server's own limit comes first, where the server still speaks.
    ...(statement_timeout_ms === 0 ? {} : { query_timeout: statement_timeout_ms + 5_000 }),
    idle_in_transaction_session_timeout: 30_000,
    options: '-c TimeZone=UTC',
  });
  pool.on('error', (error) => onError?.(error));
  // The pool listens to idle ones only: one that is lost while it is lent, and nothing is asked of it, would end the process.
  pool.on('connect', (client) => client.on('error', () => {}));
  if (pipeline) pool.on('connect', sendTogether);
  return pool;
}

/** Runs `work` in one transaction: all of it or, if it throws, none. The connection of a broken one is dropped. */
export async function withTransaction<T>(pool: Pool, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const lose = (error: Error) => {
    broken = error;
  };
  client.on('error', lose);
  try {
    const tx = begin(client, seen(client));
    const result = await work(tx);
    await tx.commit();
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((rollbackError: Error) => {
      broken = rollbackError;
    });
    throw error;
  } finally {
    client.off('error', lose);
    client.release(broken);
  }
}

/**
 * Begins a transaction. BEGIN leaves together with the first queries; none of them answers before it has, so that nothing is
 * written on the strength of a transaction that was not begun.
 */
function begin(client: pg.ClientBase, ready: Promise<void>): Transaction {
  const query = client.query.bind(client) as (...args: unknown[]) => Promise<{ command: string }>;
  const begun = Promise.all([query('BEGIN'), ready]);
  begun.catch(() => {});
  let committed: Promise<void> | undefined;
  let failure: unknown;
  const afterBegin = async (...args: unknown[]) => {
    if (committed !== undefined) throw new Error('A transaction that has ended was asked for more');
    const answer = query(...args);
    answer.catch((error: unknown) => {
      failure ??= error;
    });
    return (await Promise.all([begun, answer]))[1];
  };
  const commit = async () => {
    const [, { command }] = await Promise.all([begun, query('COMMIT')]);
    // PostgreSQL answers a COMMIT of what has failed with a ROLLBACK, and calls that a success. This may be heard of before the
    // failure itself, which is what says whether it is anybody's fault.
    if (command !== 'COMMIT') {
      throw failure ?? new Error('A transaction in which something had failed was to be committed');
    }
  };
  return {
    query: afterBegin as Transaction['query'],
    commit() {
      committed ??= commit();
      return committed;
    },
  };
}

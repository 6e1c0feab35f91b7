import type { Config } from '../../../service/src/config.ts';
import { pendingMigrations } from '../../../service/src/database/migrate.ts';
import { createPool } from '../../../service/src/database/pool.ts';
import { compareClocks, type Finding } from './finding.ts';

const VERSION_MIN = 150_000;
const MISSING_TABLE = '42P01';

export async function* checkDatabase(
  config: Pick<Config, 'database_url' | 'database_pool_size'>,
): AsyncGenerator<Finding> {
  const what = 'database';
  const pool = createPool({
    connectionString: config.database_url,
    max: 1,
    applicationName: 'payments doctor',
  });
  try {
    const { rows } = await pool.query<{
      version: number;
      shown: string;
      now: Date;
      durable: boolean;
      connections: number;
    }>(
      `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS shown,
              clock_timestamp() AS now, current_setting('synchronous_commit') <> 'off' AND current_setting('fsync') = 'on' AS durable,
              current_setting('max_connections')::int AS connections`,
    );
    const [found] = rows;
    if (found === undefined) throw new Error('The database does not answer');
    yield found.version >= VERSION_MIN
      ? { what, state: 'ok', sentence: `PostgreSQL ${found.shown} answers` }
      : {
          what,
          state: 'wrong',
          sentence: `PostgreSQL ${found.shown} is too old`,
          mend: 'Update it to version 15 or later.',
        };
    yield compareClocks(what, found.now);
    if (!found.durable) {
      yield {
        what,
        state: 'wrong',
        sentence: 'what is committed may be lost when it crashes (fsync or synchronous_commit is off)',
        mend: 'Switch both on: a refund that was acknowledged must not be forgotten.',
      };
    }
    if (config.database_pool_size * 2 > found.connections) {
      yield {
        what,
        state: 'warning',
        sentence: `DATABASE_POOL_SIZE is ${config.database_pool_size}, of ${found.connections} connections that it takes in all`,
        mend: 'Each process holds so many, and ten for jobs: lower it, or raise max_connections.',
      };
    }
    const pending = await pendingMigrations(pool).catch((error: { code?: unknown }) => {
      if (error.code === MISSING_TABLE) return ['all'];
      throw error;
    });
    yield pending.length === 0
      ? { what, state: 'ok', sentence: 'its tables are those of this version' }
      : {
          what,
          state: 'warning',
          sentence: 'its tables are not those of this version yet',
          mend: 'Start the service once, which brings them there.',
        };
  } catch (error) {
    yield {
      what,
      state: 'wrong',
      sentence: `it cannot be used (${(error as { code?: string }).code ?? 'no answer'})`,
      mend: 'Look at DATABASE_URL: host, port, user, password and name.',
    };
  } finally {
    await pool.end();
  }
}

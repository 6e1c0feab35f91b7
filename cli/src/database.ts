import { missingMigrations } from '../../service/src/database/migrate.ts';
import { createPool, type Pool, type PoolOptions } from '../../service/src/database/pool.ts';

/**
 * Lets a command work on the books as they are: it brings no database to another version, and says so where it is not at
 * this one.
 */
export async function withBooks<T>(options: PoolOptions, command: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = createPool(options);
  try {
    if ((await missingMigrations(pool)).length > 0)
      throw new Error('The database is not at this version: payments migrate brings it there.');
    return await command(pool);
  } finally {
    await pool.end();
  }
}

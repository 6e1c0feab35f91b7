import { fileURLToPath } from 'node:url';
import { runMigrations as migrateJobs } from 'graphile-worker';
import { runner } from 'node-pg-migrate';
import pg from 'pg';

const directory = fileURLToPath(new URL('./migrations', import.meta.url));

/**
 * Brings the database to this version: the numbered files of `migrations/`, each in a transaction, under an
 * advisory lock, so that several instances may start at once; then the job queue's own schema. Forward only.
 */
export async function migrate(connectionString: string): Promise<void> {
  const client = new pg.Client({ connectionString, application_name: 'payments migrate' });
  await client.connect();
  try {
    await runner({
      dbClient: client,
      dir: directory,
      direction: 'up',
      migrationsTable: 'schema_migrations',
      advisoryLockMode: 'wait',
      checkOrder: true,
      singleTransaction: true,
      verbose: false,
      log: () => {},
    });
  } finally {
    await client.end();
  }
  await migrateJobs({ connectionString });
}

import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runMigrations as migrateJobs } from 'graphile-worker';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import type { Queryable } from './pool.ts';

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

const files = readdirSync(directory)
  .map((file) => basename(file, '.sql'))
  .sort();

/** The migrations of this version that the database has not seen. A database that has seen more is a newer version's, and fine. */
export async function pendingMigrations(db: Queryable): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>('SELECT name FROM schema_migrations');
  const done = new Set(rows.map((row) => row.name));
  return files.filter((file) => !done.has(file));
}

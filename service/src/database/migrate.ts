import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runMigrations as migrateJobs } from 'graphile-worker';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import type { Queryable } from './pool.ts';
import { grantJobs, letServe, mayServe } from './roles.ts';

const directory = fileURLToPath(new URL('./migrations', import.meta.url));

/**
 * Brings the database to this version: the numbered files of `migrations/`, each in a transaction, under an
 * advisory lock, so that several instances may start at once; then the job queue's own schema. Forward only.
 *
 * @param servingUrl where another role serves than the one that migrates: it is let do that, and no more
 */
export async function migrate(connectionString: string, servingUrl = connectionString): Promise<void> {
  // Only connecting is bounded: a migration, or waiting for another instance's, may take longer than any query.
  const pool = new pg.Pool({
    connectionString,
    max: 1,
    application_name: 'payments migrate',
    connectionTimeoutMillis: 5_000,
  });
  // A connection that is lost makes its query fail; unheard, it would end the process as well.
  pool.on('error', () => {});
  pool.on('connect', (client) => {
    client.on('error', () => {});
  });
  try {
    const client = await pool.connect();
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
      // Closed, and with it the lock that a migration which failed may still hold.
      client.release(true);
    }
    await migrateJobs({ pgPool: pool });
    await grantJobs(pool);
    if (servingUrl !== connectionString)
      await letServe(pool, decodeURIComponent(new URL(servingUrl).username));
  } finally {
    await pool.end();
  }
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

/** Nothing of ours is there, or not yet for this role to see. */
const NOT_THERE = ['42P01', '42501'];

/** The same of a database that may never have been migrated. */
export async function missingMigrations(db: Queryable): Promise<string[]> {
  try {
    return await pendingMigrations(db);
  } catch (error) {
    if (error instanceof pg.DatabaseError && NOT_THERE.includes(error.code ?? '')) return files;
    throw error;
  }
}

/** Whether somebody has brought the database to this version, and lets this role serve. */
export async function isMigrated(servingUrl: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: servingUrl, connectionTimeoutMillis: 5_000 });
  // A connection that is lost makes its query fail; unheard, it would end the process as well.
  client.on('error', () => {});
  try {
    await client.connect();
    return (await missingMigrations(client)).length === 0 && (await mayServe(client));
  } finally {
    await client.end();
  }
}

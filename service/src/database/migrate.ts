import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runMigrations as migrateJobs } from 'graphile-worker';
import { PG_MIGRATE_LOCK_ID, runner } from 'node-pg-migrate';
import pg from 'pg';
import type { Queryable } from './pool.ts';
import { grantJobs, letServe, mayServe } from './roles.ts';

const directory = fileURLToPath(new URL('./migrations', import.meta.url));

/**
 * Brings the database to this version: the numbered files of `migrations/`, each in a transaction, under an
 * advisory lock, so that several instances may start at once, and beside the version before, which goes on serving; then the job queue's own schema. Forward only.
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
      // Before the limit below: another instance's migration is waited for as long as it takes.
      await client.query(`SELECT pg_advisory_lock(${PG_MIGRATE_LOCK_ID})`);
      await runBetweenRequests(client);
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

/**
 * While a migration waits for a table, whoever wants that table next waits behind it, so it waits for a moment only and then tries
 * again from the start. A moment shorter than `deadlock_timeout` (1 s): where it and a request wait for each other, it is the migration
 * that gives in.
 */
const LOCK_WAIT_ms = 500;
const ATTEMPTS = 200;
/** lock_not_available, deadlock_detected. */
const HELD_UP = ['55P03', '40P01'];

/** A migration did not get at a table, however often it tried. */
export class MigrationHeldUp extends Error {}

async function runBetweenRequests(client: pg.PoolClient): Promise<void> {
  await client.query(`SET lock_timeout = ${LOCK_WAIT_ms}`);
  for (let attempt = 1; ; attempt += 1) {
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
      return;
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || !HELD_UP.includes(error.code ?? '')) throw error;
      if (attempt === ATTEMPTS) {
        throw new MigrationHeldUp(
          'The migration does not get at a table: something holds it for long (pg_stat_activity, pg_locks). Nothing of it was done.',
          { cause: error },
        );
      }
      await pause(LOCK_WAIT_ms * Math.random());
    }
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

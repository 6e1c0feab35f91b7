import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import pino from 'pino';
import { createTestDatabase, execute } from '../../../test/support/database.ts';
import { startJobQueue } from './job-queue.ts';
import { until } from './test-world.ts';

test('a queue that is told to stop while it starts itself again stops all the same', async () => {
  await using database = await createTestDatabase();
  const blocker = new pg.Client({ connectionString: database.url });
  blocker.on('error', () => {});
  await blocker.connect();
  const queue = await startJobQueue({
    connectionString: database.url,
    concurrency: 1,
    log: pino({ level: 'silent' }),
    // Its end cannot be told to the database, and what would start the queue again has to wait.
    tasks: {
      break: async () => {
        await blocker.query('ALTER TABLE graphile_worker._private_jobs RENAME TO away');
        await blocker.query('BEGIN');
        await blocker.query('LOCK TABLE graphile_worker.migrations');
      },
    },
  });
  await execute(database.url, "SELECT graphile_worker.add_job('break')");
  await until(async () => {
    const { rows } = await blocker.query(
      `SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
       WHERE datname = current_database() AND NOT granted`,
    );
    return rows.length > 0;
  });
  const stopped = queue.stop().then(() => 'stopped');
  await blocker.query('ALTER TABLE graphile_worker.away RENAME TO _private_jobs');
  await blocker.query('COMMIT');
  assert.equal(await Promise.race([stopped, wait(20_000, 'not stopped', { ref: false })]), 'stopped');
  await blocker.end();
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import pg from 'pg';
import { createTestDatabase, execute } from '../../../test/support/database.ts';
import { releaseNext } from '../../../test/support/next.ts';
import { migrate } from './migrate.ts';
import { isDatabaseUnavailable } from './unavailable.ts';

test('several instances that start at once on an empty database all find it migrated', async () => {
  await using database = await createTestDatabase();
  await execute(
    database.url,
    'DROP SCHEMA graphile_worker CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public',
  );
  await Promise.all(Array.from({ length: 8 }, () => migrate(database.url)));
});

test('a database that takes the connection and says nothing is unavailable, not waited for without end', async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  try {
    const { port } = silent.address() as AddressInfo;
    const migrated = migrate(`postgres://payments:secret@127.0.0.1:${port}/payments`);
    const late = AbortSignal.timeout(20_000);
    const outcome = await Promise.race([
      migrated.catch((error: unknown) => error),
      once(late, 'abort').then(() => 'still waiting after 20 s'),
    ]);
    assert.ok(isDatabaseUnavailable(outcome), String(outcome));
  } finally {
    for (const socket of sockets) socket.destroy();
    silent.close();
  }
});

test('a migration that cannot get at a table holds up nobody who wants it too, and runs once it can', async () => {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createTestDatabase());
  const next = (await import(join(releaseNext(stack), 'service/src/database/migrate.ts'))) as {
    migrate: typeof migrate;
  };
  const holder = new pg.Client({ connectionString: database.url });
  await holder.connect();
  stack.defer(() => holder.end());
  await holder.query('BEGIN; SELECT FROM payments');
  const migrated = next.migrate(database.url);
  const waits = `SELECT FROM pg_stat_activity WHERE application_name = 'payments migrate' AND wait_event_type = 'Lock'
                 AND datname = current_database()`;
  for (let seen = 0; seen < 3; ) {
    const { rowCount } = await execute(database.url, waits);
    if (rowCount === 0) continue;
    seen += 1;
    const begun = performance.now();
    await execute(database.url, 'SELECT FROM payments');
    assert.ok(performance.now() - begun < 1_000, 'whoever reads waits for a moment at the most');
  }
  await holder.query('COMMIT');
  await migrated;
  const { rows } = await execute(database.url, 'SELECT of_the_next_version FROM payments');
  assert.deepEqual(rows, []);
});

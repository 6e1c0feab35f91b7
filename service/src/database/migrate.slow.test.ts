import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { createTestDatabase, execute } from '../../../test/support/database.ts';
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

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { type Connections, createPool } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';
import { readWithin } from './bounded.ts';

let database: TestDatabase;
let pool: Connections;
before(async () => {
  database = await createTestDatabase();
  pool = createPool({ connectionString: database.url, max: 2 });
});
after(async () => {
  await pool.end();
  await database.drop();
});

test('what takes longer than it may is given up with a 422 that says to narrow it, and leaves the connection as it was', async () => {
  const slow = readWithin(pool, 100, (tx) => tx.query('SELECT pg_sleep(10)'));
  await assert.rejects(slow, (error) => {
    assert.ok(error instanceof ServiceError);
    assert.deepEqual([error.status, error.code], [422, 'validation_error']);
    assert.match(error.message, /within 0\.1 seconds: narrow it/);
    return true;
  });
  const { rows } = await pool.query('SHOW statement_timeout');
  assert.deepEqual(rows, [{ statement_timeout: '15s' }]);
});

test('what is read together is of one moment, and writes nothing', async () => {
  await pool.query('CREATE TABLE counted (n int)');
  const count = 'SELECT count(*) AS n FROM counted';
  const [before, after] = await readWithin(pool, 5_000, async (tx) => {
    const first = await tx.query<{ n: number }>(count);
    await pool.query('INSERT INTO counted VALUES (1)');
    return [first.rows[0]?.n, (await tx.query<{ n: number }>(count)).rows[0]?.n];
  });
  assert.deepEqual([before, after], [0, 0]);
  await assert.rejects(
    readWithin(pool, 5_000, (tx) => tx.query('INSERT INTO counted VALUES (2)')),
    /read-only transaction/,
  );
});

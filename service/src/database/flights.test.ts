import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { type Connections, createPool, withTransaction } from './pool.ts';

let database: TestDatabase;
let pool: Connections;

before(async () => {
  database = await createTestDatabase();
  pool = createPool({ connectionString: database.url, max: 2 });
  await pool.query('CREATE TABLE notes (note text PRIMARY KEY)');
});
after(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});

const notes = async () => (await pool.query<{ note: string }>('SELECT note FROM notes ORDER BY note')).rows;
const write = (note: string) => ({ text: 'INSERT INTO notes VALUES ($1)', values: [note] });

test('what is asked for in one turn of the event loop leaves in one write', async (context) => {
  const client = await pool.connect();
  try {
    const { stream } = (client as unknown as { connection: { stream: NodeJS.WritableStream } }).connection;
    const socket = stream as NodeJS.WritableStream & {
      _writev?: unknown;
      _write: (...args: never[]) => void;
    };
    let writes = 0;
    for (const name of ['_write', '_writev'] as const) {
      const original = socket[name] as (...args: unknown[]) => unknown;
      context.mock.method(
        socket as never,
        name as never,
        ((...args: unknown[]) => {
          writes += 1;
          return Reflect.apply(original, socket, args);
        }) as never,
      );
    }
    const answers = await Promise.all([1, 2, 3].map((n) => client.query('SELECT $1::int AS n', [n])));
    assert.deepEqual(
      answers.map(({ rows }) => rows[0].n),
      [1, 2, 3],
    );
    assert.equal(writes, 1);
  } finally {
    client.release();
  }
});

test('a failure in the middle of what was sent together leaves nothing of it, also where the end was sent along', async () => {
  await assert.rejects(
    withTransaction(pool, async (tx) => {
      await Promise.all([tx.query(write('a')), tx.query(write('a')), tx.query(write('b')), tx.commit()]);
    }),
    { code: '23505' },
  );
  assert.deepEqual(await notes(), []);
});

test('what is told is what had failed, also where the end that was sent along is heard of first', async () => {
  const toldLater = async <T>(answer: Promise<T>, turns: number): Promise<T> =>
    turns === 0 ? await answer : await toldLater(answer, turns - 1);
  await assert.rejects(
    withTransaction(pool, async (tx) => {
      await Promise.all([tx.query(write('a')), toldLater(tx.query(write('a')), 8), tx.commit()]);
    }),
    { code: '23505' },
  );
  assert.deepEqual(await notes(), []);
});

test('a failure that the work has swallowed is not committed silently', async () => {
  await assert.rejects(
    withTransaction(pool, async (tx) => {
      await tx.query(write('a'));
      await tx.query('SELECT 1 / 0').catch(() => {});
    }),
    { code: '22012' },
  );
  assert.deepEqual(await notes(), []);
});

test('a transaction that has ended takes no more', async () => {
  await assert.rejects(
    withTransaction(pool, async (tx) => {
      await tx.commit();
      await tx.query(write('too late'));
    }),
    /has ended/,
  );
  assert.deepEqual(await notes(), []);
});

test('where BEGIN fails nothing is written on the strength of it', async (context) => {
  const client = await pool.connect();
  const proto = Object.getPrototypeOf(client) as { query: (...args: unknown[]) => Promise<unknown> };
  client.release();
  const original = proto.query;
  context.mock.method(proto, 'query', function (this: unknown, ...args: unknown[]) {
    return Reflect.apply(original, this, args[0] === 'BEGIN' ? ['SELECT 1 / 0'] : args);
  });
  await assert.rejects(
    withTransaction(pool, async (tx) => {
      await tx.query('SELECT 1');
      await tx.query(write('without a transaction'));
    }),
    { code: '22012' },
  );
  context.mock.restoreAll();
  assert.deepEqual(await notes(), []);
});

test('a connection that is cut in the middle of what was sent together fails all of it, and the next one works', async () => {
  await assert.rejects(
    withTransaction(pool, async (tx) => {
      await Promise.all([
        tx.query(write('a')),
        tx.query('SELECT pg_terminate_backend(pg_backend_pid())'),
        tx.query(write('b')),
      ]);
    }),
  );
  assert.deepEqual(await notes(), []);
  await withTransaction(pool, async (tx) => {
    await tx.query(write('c'));
  });
  assert.deepEqual(await notes(), [{ note: 'c' }]);
});

test('a connection that is cut while somebody holds it and asks nothing ends their work, not the process', async () => {
  const lost = withTransaction(pool, async (tx) => {
    const { rows } = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
    // Until its end has been heard of, while nobody waits for an answer of it.
    for (;;) {
      const { rows: left } = await pool.query('SELECT FROM pg_stat_activity WHERE pid = $1', [rows[0]?.pid]);
      if (left.length === 0) break;
    }
    await tx.query(write('lost'));
  });
  await assert.rejects(lost);
  assert.deepEqual(await notes(), [{ note: 'c' }]);
});

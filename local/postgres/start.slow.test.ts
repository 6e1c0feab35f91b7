import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import getPort from 'get-port';
import pg from 'pg';
import { type Postgres, type PostgresOptions, startPostgres } from './start.ts';

const isRoot = process.getuid?.() === 0;

function makeDirectory(mode: number): string {
  const directory = mkdtempSync(join(tmpdir(), 'payments-postgres-test-'));
  chmodSync(directory, mode);
  return directory;
}

function temporaryDirectory(t: TestContext, mode = 0o755): string {
  const directory = makeDirectory(mode);
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Stopped after the test, whatever becomes of it; before its folder is removed, because what came later ends first. */
async function start(t: TestContext, options: PostgresOptions): Promise<Postgres> {
  const postgres = await startPostgres({ durable: false, ...options });
  t.after(() => postgres.stop());
  return postgres;
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** One for those tests that only look. */
let plain: Postgres;

before(async () => {
  plain = await startPostgres({ dataDirectory: makeDirectory(0o755) });
});
after(async () => {
  await plain.stop();
  rmSync(plain.directory, { recursive: true, force: true });
});

test('a second start finds the data of the first, at the same address', async (t) => {
  const dataDirectory = temporaryDirectory(t);
  const first = await start(t, { dataDirectory });
  await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  await first.stop();

  const second = await start(t, { dataDirectory });
  assert.deepEqual(await query(second.url, 'SELECT answer FROM kept'), [{ answer: 42 }]);
  assert.equal(second.url, first.url);
});

test('every machine gets the same database: UTF8, UTC, the locale that comes with PostgreSQL, checksums', async () => {
  const [row] = await query(
    plain.url,
    `SELECT current_setting('server_encoding') AS encoding, current_setting('TimeZone') AS zone,
       datlocprovider AS provider, datlocale AS locale, current_setting('data_checksums') AS checksums
     FROM pg_database WHERE datname = current_database()`,
  );
  assert.deepEqual(row, {
    encoding: 'UTF8',
    zone: 'UTC',
    provider: 'b',
    locale: 'C.UTF-8',
    checksums: 'on',
  });
});

test('only who knows the password gets in, and only our own account can read it', async () => {
  const wrong = new URL(plain.url);
  wrong.password = 'wrong';
  await assert.rejects(query(wrong.href, 'SELECT 1'), { code: '28P01' });
  wrong.password = '';
  await assert.rejects(query(wrong.href, 'SELECT 1'));
  assert.equal(statSync(join(plain.directory, 'password')).mode & 0o777, 0o600);
});

test('it is durable unless told otherwise', async () => {
  assert.deepEqual(await query(plain.url, 'SHOW fsync'), [{ fsync: 'on' }]);
  assert.deepEqual(await query(plain.url, 'SHOW synchronous_commit'), [{ synchronous_commit: 'on' }]);
});

test('two servers run side by side, each with its own data', async (t) => {
  const other = await start(t, { dataDirectory: temporaryDirectory(t) });
  await query(other.url, 'CREATE TABLE mine ()');
  assert.notEqual(other.port, plain.port);
  await assert.rejects(query(plain.url, 'SELECT FROM mine'), { code: '42P01' });
});

test('a server in use is not taken away: the second start says who has it', async () => {
  await assert.rejects(startPostgres({ dataDirectory: plain.directory }), {
    message: `The PostgreSQL in ${plain.directory} is in use by process ${process.pid}. Stop that one first, or use another LOCAL_DIR.`,
  });
  assert.equal((await query(plain.url, 'SELECT 1')).length, 1);
});

test('a fresh start throws the data away and leaves nothing behind', async (t) => {
  const dataDirectory = temporaryDirectory(t);
  const first = await start(t, { dataDirectory });
  await query(first.url, 'CREATE TABLE gone ()');
  await first.stop();
  const second = await start(t, { dataDirectory, fresh: true });
  await assert.rejects(query(second.url, 'SELECT FROM gone'), { code: '42P01' });
  await second.stop();
  assert.deepEqual((await readdir(dataDirectory)).sort(), ['cluster', 'password', 'port', 'postgres.log']);
});

test('a port that is asked for is used, and one that is taken is an error', async (t) => {
  const options = { dataDirectory: temporaryDirectory(t), durable: false };
  await assert.rejects(
    startPostgres({ ...options, port: plain.port }),
    /PostgreSQL did not start: .*could not bind.*Address already in use/s,
  );
  const port = await getPort({ host: '127.0.0.1' });
  assert.equal((await start(t, { ...options, port })).port, port);
});

/** The folder of a data folder that some other start made; as root, like root's start makes it. */
function foreignCluster(t: TestContext, version: string): string {
  const dataDirectory = temporaryDirectory(t);
  mkdirSync(join(dataDirectory, 'cluster'));
  writeFileSync(join(dataDirectory, 'cluster', 'PG_VERSION'), `${version}\n`);
  if (isRoot) {
    const { uid, gid } = statSync(join(plain.directory, 'cluster'));
    chownSync(join(dataDirectory, 'cluster'), uid, gid);
  }
  return dataDirectory;
}

test('data of another version of PostgreSQL is left alone, with a sentence', async (t) => {
  const dataDirectory = foreignCluster(t, '14');
  await assert.rejects(startPostgres({ dataDirectory }), /was written by PostgreSQL 14, and this is .* 18/);
});

test('data whose password is lost is left alone, with a sentence', async (t) => {
  const dataDirectory = foreignCluster(t, '18');
  await assert.rejects(startPostgres({ dataDirectory }), /password of the PostgreSQL in .* cannot be read/);
});

test('where the account that runs PostgreSQL cannot enter the folder, the data lies in the temporary folder, always the same one', {
  skip: !isRoot && 'only root runs it as another account',
}, async (t) => {
  const dataDirectory = temporaryDirectory(t, 0o700);
  const said: string[] = [];
  const options = { dataDirectory, onProgress: (sentence: string) => said.push(sentence) };
  const first = await start(t, options);
  t.after(() => rmSync(first.directory, { recursive: true, force: true }));
  await query(first.url, 'CREATE TABLE kept ()');
  await first.stop();
  assert.match(
    said[0] ?? '',
    /^PostgreSQL's data is kept in .*, because nobody, who runs it, cannot enter .*\.$/,
  );

  const second = await start(t, options);
  assert.equal(second.directory, first.directory);
  assert.equal((await query(second.url, 'SELECT FROM kept')).length, 0);
});

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import { readPidFile } from './orphan.ts';
import { identify, isRunning, type ProcessIdentity } from './processes.ts';
import { startPostgres } from './start.ts';

/** Another process that starts a server, says what it has to say line by line, and never stops it. */
const PROGRAM = `
  import { startPostgres } from ${JSON.stringify(new URL('./start.ts', import.meta.url).href)};
  process.on('SIGINT', () => console.log('interrupted'));
  process.on('SIGTERM', () => process.exit(0));
  const { url } = await startPostgres({
    dataDirectory: process.argv[1],
    onProgress: (sentence) => console.log(sentence),
  });
  console.log(url);
  setInterval(() => {}, 60_000);
`;

interface Starter {
  child: ChildProcess;
  /** Waits for a line like that. */
  line(pattern: RegExp): Promise<string>;
}

function startElsewhere(t: TestContext, dataDirectory: string): Starter {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', PROGRAM, dataDirectory], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    async line(pattern) {
      for (let next = await lines.next(); !next.done; next = await lines.next()) {
        if (pattern.test(next.value)) return next.value;
      }
      throw new Error(`It ended without saying ${pattern}`);
    },
  };
}

function directoryFor(t: TestContext): { dataDirectory: string; cluster: string } {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'payments-crash-test-'));
  chmodSync(dataDirectory, 0o755);
  const cluster = join(dataDirectory, 'cluster');
  t.after(() => {
    const server = serverOf(cluster);
    if (server !== undefined) process.kill(server.pid, 'SIGKILL');
    rmSync(dataDirectory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  });
  return { dataDirectory, cluster };
}

function serverOf(cluster: string): ProcessIdentity | undefined {
  const file = readPidFile(cluster);
  return file === undefined ? undefined : identify(file.pid);
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

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function startAgain(t: TestContext, dataDirectory: string) {
  const said: string[] = [];
  const postgres = await startPostgres({ dataDirectory, onProgress: (sentence) => said.push(sentence) });
  t.after(() => postgres.stop());
  return { postgres, said };
}

test('a server that outlived the kill -9 of whoever started it is stopped cleanly, and its data is there', async (t) => {
  const { dataDirectory, cluster } = directoryFor(t);
  const starter = startElsewhere(t, dataDirectory);
  await query(await starter.line(/^postgres:/), 'CREATE TABLE kept AS SELECT 42 AS answer');
  await kill(starter.child, 'SIGKILL');
  const orphan = serverOf(cluster);
  assert.ok(orphan !== undefined && isRunning(orphan));

  const { postgres, said } = await startAgain(t, dataDirectory);
  assert.equal(isRunning(orphan), false);
  assert.match(said.join('\n'), new RegExp(`left running \\(process ${orphan.pid}\\) is being stopped\\.`));
  assert.deepEqual(await query(postgres.url, 'SELECT answer FROM kept'), [{ answer: 42 }]);
  const log = await readFile(join(dataDirectory, 'postgres.log'), 'utf8');
  assert.doesNotMatch(log, /was not properly shut down/);
});

test('after a kill -9 of everything the next start recovers what was committed', async (t) => {
  const { dataDirectory, cluster } = directoryFor(t);
  const starter = startElsewhere(t, dataDirectory);
  await query(await starter.line(/^postgres:/), 'CREATE TABLE kept AS SELECT 42 AS answer');
  const server = serverOf(cluster);
  assert.ok(server !== undefined);
  await kill(starter.child, 'SIGKILL');
  process.kill(server.pid, 'SIGKILL');
  await until(() => !isRunning(server));
  assert.ok(readPidFile(cluster), 'the file of the dead server is still there');

  const { postgres } = await startAgain(t, dataDirectory);
  assert.deepEqual(await query(postgres.url, 'SELECT answer FROM kept'), [{ answer: 42 }]);
});

test('a stale file whose number now belongs to another process neither stops the start nor that process', async (t) => {
  const { dataDirectory, cluster } = directoryFor(t);
  const first = await startPostgres({ dataDirectory });
  await first.stop();
  // Of the account that PostgreSQL runs as: only for such a one does PostgreSQL itself take it for a server.
  const { uid, gid } = statSync(cluster);
  const innocent = spawn('sleep', ['600'], { uid, gid, stdio: 'ignore' });
  t.after(() => innocent.kill());
  await once(innocent, 'spawn');
  writeFileSync(join(cluster, 'postmaster.pid'), `${innocent.pid}\n${cluster}\n1\n1\n\n127.0.0.1\n\nready\n`);

  const { postgres } = await startAgain(t, dataDirectory);
  assert.equal((await query(postgres.url, 'SELECT 1')).length, 1);
  assert.equal(innocent.exitCode ?? innocent.signalCode, null);
});

test('a first start that was killed half-way leaves nothing that the next one takes for data', async (t) => {
  const { dataDirectory } = directoryFor(t);
  const starter = startElsewhere(t, dataDirectory);
  await starter.line(/is making its data folder/);
  await kill(starter.child, 'SIGKILL');

  const { postgres } = await startAgain(t, dataDirectory);
  assert.equal((await query(postgres.url, 'SELECT 1')).length, 1);
});

test('a Ctrl-C in the terminal does not reach the server, so that the service can finish first', async (t) => {
  const { dataDirectory } = directoryFor(t);
  const starter = startElsewhere(t, dataDirectory);
  const url = await starter.line(/^postgres:/);
  assert.ok(starter.child.pid !== undefined);
  // What the terminal does: the signal goes to every process of the foreground group.
  process.kill(-starter.child.pid, 'SIGINT');
  await starter.line(/^interrupted$/);
  assert.equal((await query(url, 'SELECT 1')).length, 1);
});

test('a process that ends without stopping its server takes it along', async (t) => {
  const { dataDirectory, cluster } = directoryFor(t);
  const starter = startElsewhere(t, dataDirectory);
  await starter.line(/^postgres:/);
  const server = serverOf(cluster);
  assert.ok(server !== undefined);
  await kill(starter.child, 'SIGTERM');
  await until(() => !isRunning(server));
  assert.equal(readPidFile(cluster), undefined, 'it ended cleanly and removed its file');
});

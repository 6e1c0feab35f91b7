import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import getPort from 'get-port';
import pg from 'pg';
import { type Account, chooseAccount } from './account.ts';
import { type Binaries, locateBinaries } from './binaries.ts';
import { settleDirectory } from './folders.ts';
import { clearOrphan, readPidFile, stopServer } from './orphan.ts';
import { claim } from './owner.ts';
import { identify } from './processes.ts';

const HOST = '127.0.0.1';
const NAME = 'payments';
const SERVING = 'payments_serving';
const START_TIMEOUT_ms = 60_000;
const POLL_ms = 10;
const ATTEMPTS = 5;

export interface PostgresOptions {
  /** Where the data, the password and the log are kept; made if missing. */
  dataDirectory: string;
  /** The port on 127.0.0.1. Default: the one of the last start if it is free, else any free one. */
  port?: number;
  /** False gives up crash safety for speed (tests only). Default: true. */
  durable?: boolean;
  /** Throws away what is there and begins anew. Default: false. */
  fresh?: boolean;
  /** Settings as in postgresql.conf, on top of ours. */
  settings?: Record<string, string>;
  /** Told in one sentence each what takes its time or is not as one would expect. */
  onProgress?: (sentence: string) => void;
}

export interface Postgres {
  /** Of the database `payments`, whose owner is a superuser of this server; holds the password. */
  url: string;
  /** The same database, as a role that owns nothing: as whom the service serves. */
  serving_url: string;
  port: number;
  /** Where its files really are: `dataDirectory`, or a temporary folder where that cannot be entered by its account. */
  directory: string;
  /** Stops it cleanly; may be called more than once. */
  stop(): Promise<void>;
}

/** Without PG* of the caller's shell, which would point the programs elsewhere. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name));
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}

function identityOf(account: Account | undefined): { uid?: number; gid?: number } {
  return account === undefined ? {} : { uid: account.uid, gid: account.gid };
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, 'close')) as [number | null];
  return code;
}

async function readPassword(directory: string): Promise<string> {
  try {
    return await readFile(join(directory, 'password'), 'utf8');
  } catch (cause) {
    throw new Error(
      `The password of the PostgreSQL in ${directory} cannot be read. Put the file back, or begin anew with --fresh.`,
      { cause },
    );
  }
}

/** The password of the one user; readable to us alone. */
async function makePassword(directory: string): Promise<string> {
  const password = randomBytes(24).toString('base64url');
  await writeFile(join(directory, 'password'), password, { mode: 0o600 });
  return password;
}

/** Makes the cluster beside its place and moves it there whole, so that one half made is never taken for one. */
async function createCluster(
  binaries: Binaries,
  directory: string,
  cluster: string,
  account: Account | undefined,
  durable: boolean,
): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith('making-')) continue;
    // Whoever was making it may have been killed without it, and still be writing.
    await rm(join(directory, name), { recursive: true, force: true, maxRetries: 10 });
  }
  const password = await makePassword(directory);
  const making = join(directory, `making-${randomUUID()}`);
  await mkdir(making, { mode: 0o700 });
  const passwordFile = join(making, 'password');
  const target = join(making, 'cluster');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (account !== undefined) {
    await chown(making, account.uid, account.gid);
    await chown(passwordFile, account.uid, account.gid);
  }
  const child = spawn(
    binaries.initdb,
    [
      `--pgdata=${target}`,
      `--username=${NAME}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // The only locale that is the same on every machine: it comes with PostgreSQL, not with the system.
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--locale=C',
      '--no-instructions',
      ...(durable ? [] : ['--no-sync']),
    ],
    {
      ...identityOf(account),
      cwd: '/',
      env: environment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const code = await exitOf(child);
  if (code !== 0) {
    await rm(making, { recursive: true, force: true });
    throw new Error(`PostgreSQL's data folder could not be made in ${directory}: ${said.trim()}`);
  }
  await rename(target, cluster);
  await rm(making, { recursive: true, force: true });
}

async function checkVersion(
  binaries: Binaries,
  cluster: string,
  account: Account | undefined,
): Promise<void> {
  const child = spawn(binaries.postgres, ['--version'], {
    ...identityOf(account),
    cwd: '/',
    env: environment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await exitOf(child);
  const ours = /\d+/.exec(said)?.[0];
  const theirs = (await readFile(join(cluster, 'PG_VERSION'), 'utf8')).trim();
  if (ours !== theirs) {
    throw new Error(
      `The data in ${cluster} was written by PostgreSQL ${theirs}, and this is ${said.trim()}. Begin anew with --fresh.`,
    );
  }
}

interface Server {
  child: ChildProcess;
  port: number;
}

/** What went wrong, as PostgreSQL put it into its log. */
class StartError extends Error {
  readonly log: string;
  constructor(message: string, log: string) {
    super(message);
    this.log = log;
  }
}

async function launch(
  binaries: Binaries,
  directory: string,
  cluster: string,
  account: Account | undefined,
  port: number,
  settings: Record<string, string>,
): Promise<Server> {
  const logFile = join(directory, 'postgres.log');
  const log = openSync(logFile, 'w', 0o600);
  const child = spawn(
    binaries.postgres,
    ['-D', cluster, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    {
      ...identityOf(account),
      cwd: '/',
      env: environment(),
      // A file, not a pipe: the server may outlive us.
      stdio: ['ignore', log, log],
      // A session of its own: Ctrl-C goes to the whole group of the terminal, and the service still has to finish its work.
      detached: true,
    },
  );
  closeSync(log);
  const ended = exitOf(child).catch((error: Error) => error);
  let over = false;
  ended.then(() => {
    over = true;
  });
  const deadline = Date.now() + START_TIMEOUT_ms;
  for (;;) {
    const file = readPidFile(cluster);
    if (file?.ready === true && file.pid === child.pid) return { child, port };
    if (over) {
      const outcome = await ended;
      const said =
        outcome instanceof Error ? outcome.message : (await readFile(logFile, 'utf8').catch(() => '')).trim();
      throw new StartError(`PostgreSQL did not start: ${said}`, said);
    }
    if (Date.now() > deadline) {
      child.kill('SIGQUIT');
      throw new Error(`PostgreSQL did not start within ${START_TIMEOUT_ms / 1000} s; see ${logFile}.`);
    }
    await delay(POLL_ms);
  }
}

async function createDatabaseOnce(url: string, servingPassword: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [NAME]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${NAME}`);
    const roles = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [SERVING]);
    if (roles.rowCount === 0) {
      await client.query(`CREATE ROLE ${SERVING} LOGIN PASSWORD ${pg.escapeLiteral(servingPassword)}`);
    }
  } finally {
    await client.end();
  }
}

/**
 * Runs the PostgreSQL that comes through npm, on 127.0.0.1 only, its data kept in `dataDirectory`.
 *
 * Works as root and as an ordinary user, beside other servers, and after everything was killed: a server that an
 * earlier start left behind is stopped first. It outlives a Ctrl-C in the terminal until `stop` is called, and is
 * told to stop when this process exits without having called it.
 *
 * @throws one sentence: in use by a process that runs, another version's data, nobody to run it as, or what PostgreSQL said
 */
export async function startPostgres({
  dataDirectory,
  port: wantedPort,
  durable = true,
  fresh = false,
  settings = {},
  onProgress = () => {},
}: PostgresOptions): Promise<Postgres> {
  const account = chooseAccount(join(dataDirectory, 'cluster'));
  const directory = await settleDirectory(account, dataDirectory, onProgress);
  const cluster = join(directory, 'cluster');
  const release = claim(directory);
  try {
    const binaries = await locateBinaries(account, onProgress);
    await clearOrphan(cluster, onProgress);
    if (fresh) await rm(cluster, { recursive: true, force: true });
    if (existsSync(cluster)) {
      await checkVersion(binaries, cluster, account);
    } else {
      onProgress('PostgreSQL is making its data folder.');
      await createCluster(binaries, directory, cluster, account, durable);
    }

    const portFile = join(directory, 'port');
    const password = await readPassword(directory);
    const lastPort = Number(await readFile(portFile, 'utf8').catch(() => '')) || undefined;
    let server: Server | undefined;
    for (let attempt = 1; server === undefined; attempt += 1) {
      const port = wantedPort ?? (attempt === 1 ? lastPort : undefined) ?? (await getPort({ host: HOST }));
      try {
        server = await launch(binaries, directory, cluster, account, port, {
          listen_addresses: HOST,
          port: String(port),
          unix_socket_directories: '',
          timezone: 'UTC',
          log_timezone: 'UTC',
          ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
          ...settings,
        });
      } catch (error) {
        const log = error instanceof StartError ? error.log : '';
        // The last start's port may be somebody else's by now, and a free one may be taken before it is used.
        const taken = wantedPort === undefined && log.includes('could not bind');
        // Children of a server that was killed need a moment to notice.
        const shared = log.includes('is still in use') || log.includes('shared memory block');
        if (attempt >= ATTEMPTS || !(taken || shared)) throw error;
        await delay(shared ? 500 : 0);
      }
    }

    const { child, port } = server;
    const stopAtExit = () => child.kill('SIGINT');
    process.once('exit', stopAtExit);
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    let stopping: Promise<void> | undefined;
    const stop = () => {
      stopping ??= (async () => {
        if (identity !== undefined) await stopServer(identity);
        process.off('exit', stopAtExit);
        release();
      })();
      return stopping;
    };

    try {
      await writeFile(portFile, String(port));
      await chmod(portFile, 0o644);
      const base = `postgres://${NAME}:${password}@${HOST}:${port}`;
      const servingPassword = createHmac('sha256', password).update(SERVING).digest('base64url');
      await createDatabaseOnce(`${base}/postgres`, servingPassword);
      const serving_url = `postgres://${SERVING}:${servingPassword}@${HOST}:${port}/${NAME}`;
      return { url: `${base}/${NAME}`, serving_url, port, directory, stop };
    } catch (error) {
      await stop();
      throw error;
    }
  } catch (error) {
    release();
    throw error;
  }
}

import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../../local/postgres/start.ts';
import { migrate } from '../../service/src/database/migrate.ts';
import { execute, type TestServer, withDatabase } from './database.ts';

/** The oldest PostgreSQL that the service promises to work with. */
const OLDEST_MAJOR = 15;

export interface RunningTestServer extends TestServer {
  /** What it is, for the reader of the report. */
  description: string;
  /** Removes every database made for this run, and the server if it was started for it. */
  stop(): Promise<void>;
}

async function startEmbedded(): Promise<{ url: string; stop(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'payments-test-'));
  // Run by root, the server is another account's process, which must be able to enter; the password stays private.
  await chmod(directory, 0o755);
  try {
    const postgres = await startPostgres({
      dataDirectory: directory,
      durable: false,
      settings: { max_connections: '200', max_prepared_transactions: '4' },
    });
    return {
      url: withDatabase(postgres.url, 'postgres'),
      async stop() {
        await postgres.stop();
        await rm(postgres.directory, { recursive: true, force: true });
        await rm(directory, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Prepares a server for the tests: the one that `databaseUrl` names, else one of our own in a temporary folder;
 * on it one migrated template.
 *
 * @param databaseUrl of any database on a server, of a user who may create databases
 * @throws when that server is older than the service supports, or a migration fails
 */
export async function startTestServer(databaseUrl: string | undefined): Promise<RunningTestServer> {
  const server =
    databaseUrl === undefined ? await startEmbedded() : { url: databaseUrl, stop: async () => {} };
  const template = `payments_test_${randomBytes(4).toString('hex')}`;
  const stop = async () => {
    const { rows } = await execute(
      server.url,
      `SELECT datname FROM pg_database WHERE datname LIKE '${template.replaceAll('_', '\\_')}%'`,
    );
    for (const { datname } of rows as { datname: string }[]) {
      await execute(server.url, `DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`);
    }
    await server.stop();
  };
  try {
    const { rows } = await execute(server.url, 'SHOW server_version');
    const version = String((rows[0] as { server_version: string } | undefined)?.server_version);
    if (Number.parseInt(version, 10) < OLDEST_MAJOR) {
      throw new Error(`The tests need PostgreSQL ${OLDEST_MAJOR} or newer; this one is ${version}.`);
    }
    await execute(server.url, `CREATE DATABASE ${template}`);
    await migrate(withDatabase(server.url, template));
    // A template somebody is connected to cannot be copied.
    await execute(server.url, `ALTER DATABASE ${template} ALLOW_CONNECTIONS false`);
    const origin = databaseUrl === undefined ? 'from npm' : 'of TEST_DATABASE_URL';
    return { url: server.url, template, description: `PostgreSQL ${version} (${origin})`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

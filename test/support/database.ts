import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** A database of a test's own: empty, with every migration applied. */
export interface TestDatabase {
  /** A connection string; its user may do everything in it. */
  url: string;
  /** Closes whatever is still connected and removes it. */
  drop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What `test/run.ts` tells the processes of the test files. */
export interface TestServer {
  /** A connection string to the server's maintenance database, of a user who may create databases. */
  url: string;
  /** The migrated database that others are copied from; its name begins every test database's name. */
  template: string;
}

const SERVER_VARIABLE = 'PAYMENTS_TEST_SERVER';

/** Hands the server to the processes that are started from here on. */
export function announceServer(server: TestServer): void {
  process.env[SERVER_VARIABLE] = JSON.stringify(server);
}

function findServer(): TestServer {
  const announced = process.env[SERVER_VARIABLE];
  if (announced === undefined) {
    throw new Error(
      'This test needs a database. Run it by: node test/run.ts <file> (or npm test for all of them).',
    );
  }
  return JSON.parse(announced) as TestServer;
}

/** Runs one statement on a connection of its own. */
export async function execute(url: string, statement: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(statement);
  } finally {
    await client.end();
  }
}

/** The same server and user, another database. */
export function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

/** Makes a database from the migrated template; takes about 30 ms. Test files may do so side by side. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = findServer();
  const name = `${server.template}_${randomBytes(6).toString('hex')}`;
  await execute(server.url, `CREATE DATABASE ${name} TEMPLATE ${server.template}`);
  const drop = async () => {
    await execute(server.url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  };
  return { url: withDatabase(server.url, name), drop, [Symbol.asyncDispose]: drop };
}

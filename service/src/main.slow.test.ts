import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { after, test } from 'node:test';
import pg from 'pg';
import { startIssuer } from '../../local/issuer/start.ts';
import { startStripe } from '../../local/stripe/server.ts';
import { createTestDatabase, execute } from '../../test/support/database.ts';
import { runProgram } from '../../test/support/program.ts';
import { Service } from '../../test/support/service.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
const issuer = await startIssuer();
stack.defer(() => issuer.close());
const stripe = await startStripe({ databaseFile: ':memory:', apiKey: 'sk_test_main' });
stack.defer(() => stripe.close());
const database = stack.use(await createTestDatabase());

const SETTINGS = {
  PORT: '0',
  HOST: '127.0.0.1',
  DATABASE_URL: database.url,
  STRIPE_API_KEY: 'sk_test_main',
  STRIPE_API_BASE: stripe.url,
  STRIPE_WEBHOOK_SECRET: 'whsec_main',
  OAUTH_ISSUER: issuer.url,
  OAUTH_CLIENT_ID: 'payments-service',
  OAUTH_CLIENT_SECRET: issuer.clients['payments-service'],
};

test('without settings it does not start, and says which are missing, each in a sentence', async () => {
  await using service = new Service({ PORT: 'http' });
  assert.equal(await service.ended, 1);
  for (const name of [
    'DATABASE_URL',
    'STRIPE_API_KEY',
    'STRIPE_WEBHOOK_SECRET',
    'OAUTH_ISSUER',
    'OAUTH_CLIENT_ID',
    'OAUTH_CLIENT_SECRET',
  ]) {
    assert.match(service.output, new RegExp(`^- ${name} is missing`, 'm'));
  }
  assert.match(service.output, /^- PORT has to be a whole number from 0 to 65535[.]$/m);
  assert.doesNotMatch(service.output, /\bat .*\.ts/, 'a sentence, not a stack');
});

test('that tokens for other services are taken is said at the start, unless it is said for whom they have to be', async () => {
  for (const [audience, warned] of [
    ['', true],
    ['urn:payments:api', false],
  ] as const) {
    await using service = new Service({ ...SETTINGS, OAUTH_AUDIENCE: audience });
    await service.ready();
    assert.equal(service.output.includes('OAUTH_AUDIENCE is not set'), warned);
    await service.stop();
  }
});

test('a port that is taken stops the start with a sentence', async () => {
  await using service = new Service({ ...SETTINGS, PORT: String(stripe.port) });
  assert.equal(await service.ended, 1);
  assert.match(service.output, /^PORT is taken by another program/m);
});

for (const [what, change, sentence] of [
  [
    'a wrong password',
    (url: URL) => Object.assign(url, { password: 'hunter2' }),
    /refuses the user or password/,
  ],
  [
    'a database that does not exist',
    (url: URL) => Object.assign(url, { pathname: '/nowhere' }),
    /does not exist/,
  ],
] as const) {
  test(`${what} stops the start at once, with a sentence and without the address`, {
    skip: what === 'a wrong password' && process.env.TEST_DATABASE_URL !== undefined,
  }, async () => {
    await using service = new Service({ ...SETTINGS, DATABASE_URL: change(new URL(database.url)).href });
    assert.equal(await service.ended, 1);
    assert.match(service.output, sentence);
    assert.doesNotMatch(service.output, /hunter2|postgres:\/\//);
  });
}

/** Stands before the database, on a port where nobody listens until it is opened. */
async function createDoor() {
  const { hostname, port: databasePort } = new URL(database.url);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const upstream = connect(Number(databasePort || 5432), hostname);
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => sockets.delete(one));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return {
    url: Object.assign(new URL(database.url), { host: `127.0.0.1:${port}` }).href,
    async open() {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}

test('a database that comes up later than the service is waited for', async () => {
  await using door = await createDoor();
  await using service = new Service({ ...SETTINGS, DATABASE_URL: door.url });
  await service.says(/the database is not there yet/);
  await door.open();
  await service.ready();
});

test('it can be stopped while it waits for the database', async () => {
  await using door = await createDoor();
  await using service = new Service({ ...SETTINGS, DATABASE_URL: door.url });
  await service.says(/the database is not there yet/);
  assert.equal(await service.stop(), 0);
});

test('two that start at once on an empty database both become ready', async () => {
  await using empty = await createTestDatabase();
  await execute(
    empty.url,
    'DROP SCHEMA public CASCADE; DROP SCHEMA graphile_worker CASCADE; CREATE SCHEMA public',
  );
  await using one = new Service({ ...SETTINGS, DATABASE_URL: empty.url });
  await using other = new Service({ ...SETTINGS, DATABASE_URL: empty.url });
  await Promise.all([one.ready(), other.ready()]);
  assert.deepEqual(await Promise.all([one.stop(), other.stop('SIGINT')]), [0, 0]);
});

test('told to stop, it takes no new requests, answers those under way, and ends with 0', async () => {
  await using service = new Service(SETTINGS);
  const url = await service.ready();
  const { access_token } = await issuer.mintToken({ scope: 'admin:refunds.read' });
  const client = new pg.Client(database.url);
  await client.connect();
  try {
    await client.query('BEGIN; LOCK TABLE refunds IN ACCESS EXCLUSIVE MODE');
    const answer = fetch(`${url}/v1/admin/refunds`, { headers: { authorization: `Bearer ${access_token}` } });
    for (;;) {
      const { rows } = await execute(
        database.url,
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FROM refunds%'`,
      );
      if (rows.length > 0) break;
    }
    service.child.kill('SIGTERM');
    await service.says(/"msg":"stopping"/);
    for (;;) {
      const refused = await fetch(`${url}/healthz`).then(
        () => false,
        () => true,
      );
      if (refused) break;
    }
    await client.query('COMMIT');
    assert.equal((await answer).status, 200);
    assert.equal(await service.ended, 0);
  } finally {
    await client.end();
  }
});

test('an idle connection that the database cuts off is a short line in the log, and nothing else happens', async () => {
  await using service = new Service(SETTINGS);
  await service.ready();
  // One that is at work when it is cut off is a failed query, not an idle connection: so until an idle one is met.
  while (!service.output.includes('lost an idle connection')) {
    await execute(
      database.url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'payments' AND datname = current_database() AND state = 'idle'`,
    );
    await service.ready();
  }
  const line = service.output.split('\n').find((text) => text.includes('lost an idle connection')) ?? '';
  assert.ok(line.length < 2_000, line);
  assert.equal(await service.stop(), 0);
});

test('as a worker it answers operators only, and as an API it has all operations', async () => {
  await using worker = new Service({ ...SETTINGS, ROLE: 'worker' });
  await using api = new Service({ ...SETTINGS, ROLE: 'api' });
  const [workerUrl, apiUrl] = await Promise.all([worker.ready(), api.ready()]);
  for (const [path, ofWorker, ofApi] of [
    ['/healthz', 200, 200],
    ['/metrics', 200, 200],
    ['/v1/admin/refunds', 404, 401],
    ['/openapi.json', 404, 200],
  ] as const) {
    assert.equal((await fetch(`${workerUrl}${path}`)).status, ofWorker, path);
    assert.equal((await fetch(`${apiUrl}${path}`)).status, ofApi, path);
  }
  assert.deepEqual(await Promise.all([worker.stop(), api.stop()]), [0, 0]);
});

test('an issuer that is down at the start does not stop it: alive, not ready, ready as soon as the issuer is up', async () => {
  await issuer.outage('refuse');
  await using service = new Service(SETTINGS);
  const url = await service.url();
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  const response = await fetch(`${url}/readyz`);
  assert.equal(response.status, 503);
  const { checks } = (await response.json()) as { checks: Record<string, { status: string }> };
  assert.equal(checks.issuer?.status, 'fail');
  assert.equal(checks.database?.status, 'pass');
  await issuer.restore();
  await service.ready();
});

test('what was read just before a stop is recorded, and the worker seals the audit log', async () => {
  await using service = new Service({ ...SETTINGS, ROLE: 'api' });
  const url = await service.ready();
  const { access_token } = await issuer.mintToken({ scope: 'admin:refunds.read' });
  const answer = await fetch(`${url}/v1/admin/refunds?customer_id=last`, {
    headers: { authorization: `Bearer ${access_token}` },
  });
  assert.equal(answer.status, 200);
  assert.equal(await service.stop(), 0, service.output);
  const { rows } = await execute(
    database.url,
    `SELECT event_type FROM audit_log
     WHERE entity_type = 'customer' AND entity_id = customer_name('default', 'last')`,
  );
  assert.deepEqual(rows, [{ event_type: 'refund.listed' }]);
  await using worker = new Service({ ...SETTINGS, ROLE: 'worker' });
  await worker.says(/"seal_id":\d+,"hash":"[0-9a-f]{64}".*"msg":"sealed the audit log"/);
  assert.equal(await worker.stop(), 0, worker.output);
});

test('one that is told to wait for the migrations starts once payments migrate has run, as a role that may not migrate', async () => {
  await using empty = await createTestDatabase();
  await execute(
    empty.url,
    'DROP SCHEMA public CASCADE; DROP SCHEMA graphile_worker CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC',
  );
  const serving = `serving_${randomBytes(4).toString('hex')}`;
  await execute(empty.url, `CREATE ROLE ${serving} LOGIN PASSWORD 'of_a_test'`);
  try {
    const DATABASE_URL = Object.assign(new URL(empty.url), { username: serving, password: 'of_a_test' }).href;
    await using waiting = new Service({ ...SETTINGS, DATABASE_URL, MIGRATIONS: 'wait' });
    await waiting.says(/the database is not at this version yet: payments migrate brings it there/);
    const migrate = (...words: string[]) =>
      runProgram(process.execPath, ['cli/src/main.ts', 'migrate', ...words], {
        DATABASE_URL,
        DATABASE_MIGRATION_URL: empty.url,
      });

    const before = await migrate('--check');
    assert.deepEqual([before.code, before.stderr], [1, '']);
    assert.match(before.stdout, /^Not yet run:\n {2}0001_books\n/);
    const run = await migrate();
    assert.deepEqual([run.code, run.stderr], [0, '']);
    assert.match(run.stdout, /^Run:\n {2}0001_books\n[\s\S]*The database is at this version[.]\n$/);

    await waiting.ready();
    assert.equal(await waiting.stop(), 0);
    const again = await migrate('--json');
    assert.deepEqual([again.code, again.stdout], [0, '{"run":[]}\n']);
  } finally {
    await empty.drop();
    await execute(database.url, `DROP ROLE ${serving}`);
  }
});

test('one that waits for the migrations can be stopped', async () => {
  await using empty = await createTestDatabase();
  await execute(empty.url, 'DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  await using service = new Service({ ...SETTINGS, DATABASE_URL: empty.url, MIGRATIONS: 'wait' });
  await service.says(/not at this version yet/);
  assert.equal(await service.stop(), 0);
});

test('one that is told to stop says first that it is not ready, and meanwhile goes on answering', async () => {
  await using service = new Service({ ...SETTINGS, DRAIN_SECONDS: '2' });
  const url = await service.ready();
  service.child.kill('SIGTERM');
  await service.says(/"stopping"/);
  const readiness = await fetch(`${url}/readyz`);
  assert.equal(readiness.status, 503);
  assert.match(await readiness.text(), /It is being stopped[.]/);
  assert.equal((await fetch(`${url}/v1/admin/refunds`)).status, 401, 'an answer like any other');
  assert.equal((await fetch(`${url}/healthz`)).status, 200, 'nobody has to restart it');
  assert.equal(await service.ended, 0);
});

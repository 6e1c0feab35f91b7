import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startIssuer } from '../../../local/issuer/start.ts';
import { startPostgres } from '../../../local/postgres/start.ts';
import { startTestApp } from '../../../test/support/app.ts';
import { createTestDatabase } from '../../../test/support/database.ts';
import { readDeclared } from '../../../test/support/declared.ts';
import { addRefunds } from '../../../test/support/rows.ts';
import { connectIssuer } from '../access/issuer.ts';
import { migrate } from '../database/migrate.ts';
import { createPool } from '../database/pool.ts';
import { startProbe } from './probes.ts';

interface Readiness {
  status: string;
  checks: Record<string, { status: string; output?: string }>;
}

async function readiness(url: string): Promise<Readiness & { code: number }> {
  const response = await fetch(`${url}/readyz`);
  return { code: response.status, ...(await readDeclared<Readiness>('/readyz', response)) };
}

/** Asks until the answer is as wished for; the test's own time is the limit. */
async function until<T>(ask: () => Promise<T>, wished: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (wished(answer)) return answer;
    await new Promise(setImmediate);
  }
}

test('a database that stops makes not ready and 503, never a crash or a 500; when it is back so is everything, by itself', async () => {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'payments-outage-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  // The server may be another account's process, which must be able to enter; the password stays private.
  await chmod(directory, 0o755);
  const begin = () => startPostgres({ dataDirectory: directory, durable: false });
  let postgres = await begin();
  stack.defer(() => postgres.stop());
  const { port, url: connectionString } = postgres;
  await migrate(connectionString);
  const pool = createPool({ connectionString, max: 4 });
  stack.defer(() => pool.end());
  const service = stack.use(await startTestApp({ pool }));
  const ids = await addRefunds(pool, { customer_id: 'customer_outage', count: 2 });
  const ask = async () => {
    const response = await service.get('/v1/admin/refunds?customer_id=customer_outage');
    return {
      response,
      body: await readDeclared<{ refunds?: { refund_id: string }[] }>('/v1/admin/refunds', response),
    };
  };
  assert.equal((await readiness(service.url)).code, 200);
  assert.equal((await ask()).response.status, 200);

  await postgres.stop();
  for (let time = 0; time < 3; time += 1) {
    const { code, status, checks } = await readiness(service.url);
    assert.deepEqual([code, status, checks.database?.status], [503, 'fail', 'fail']);
    for (const path of [
      '/v1/admin/refunds',
      `/v1/admin/refunds/${ids[0]}`,
      '/v1/payments/payment_1',
      '/v1/admin/payments',
      '/v1/admin/disputes?brand_id=default',
      '/v1/admin/disputes/dispute_1',
    ]) {
      const response = await service.get(path);
      assert.equal(response.status, 503, path);
      assert.match(response.headers.get('retry-after') ?? '', /^\d+$/);
      const body = (await response.json()) as { error: string; message: string };
      assert.equal(body.error, 'service_unavailable');
      assert.doesNotMatch(body.message, /127\.0\.0\.1|ECONN|postgres/i);
    }
    assert.equal((await fetch(`${service.url}/healthz`)).status, 200);
    assert.equal((await fetch(`${service.url}/metrics`)).status, 200);
  }

  postgres = await begin();
  assert.equal(postgres.port, port);
  await until(
    () => readiness(service.url),
    ({ code }) => code === 200,
  );
  const { body } = await until(ask, ({ response }) => response.status === 200);
  assert.deepEqual(
    body.refunds?.map((refund) => refund.refund_id),
    ids,
  );
  assert.doesNotMatch(service.logged(), /"status":500|customer_/);
  assert.ok(!service.logged().includes(new URL(connectionString).password));
});

test('a database that takes connections and then says nothing is not waited for: not ready, 503, and well again afterwards', async (context) => {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createTestDatabase());
  const { hostname, port } = new URL(database.url);
  let silent = false;
  let swallowed = 0;
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    const far = connect(Number(port || 5432), hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => {
        if (silent) swallowed += bytes.length;
        else to.write(bytes);
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  }).listen(0, '127.0.0.1');
  stack.defer(() => {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  });
  await once(proxy, 'listening');
  const target = new URL(database.url);
  target.hostname = '127.0.0.1';
  target.port = String((proxy.address() as AddressInfo).port);
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const pool = createPool({ connectionString: target.href, max: 2 });
  stack.defer(() => pool.end());
  const service = stack.use(await startTestApp({ pool }));
  assert.equal((await service.get('/v1/admin/refunds')).status, 200);

  silent = true;
  // More than there are connections: the open one is asked and says nothing, new ones are never greeted.
  const answers: number[] = [];
  const wait = async (answer: Promise<number>) => answers.push(await answer);
  const list = () => wait(service.get('/v1/admin/refunds').then(({ status }) => status));
  void list();
  await until(
    async () => swallowed,
    (bytes) => bytes > 0,
  );
  void list();
  void list();
  void wait(readiness(service.url).then(({ code }) => code));
  for (let second = 0; second < 40 && answers.length < 4; second += 1) {
    context.mock.timers.tick(1_000);
    assert.equal((await fetch(`${service.url}/healthz`)).status, 200);
  }
  assert.deepEqual(answers, [503, 503, 503, 503]);

  silent = false;
  await until(
    () => readiness(service.url),
    ({ code }) => code === 200,
  );
  await until(
    () => service.get('/v1/admin/refunds'),
    ({ status }) => status === 200,
  );
  assert.doesNotMatch(service.logged(), /"status":500/);
});

test('an issuer that was never reached is not ready; reached, ready; lost again, a warning; and back', async (context) => {
  await using stack = new AsyncDisposableStack();
  const issuer = await startIssuer();
  stack.defer(() => issuer.close());
  await issuer.outage('error_500');
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const outside = connectIssuer({
    issuer: issuer.url,
    client_id: 'payments-service',
    client_secret: issuer.clients['payments-service'],
  });
  const probe = startProbe('The issuer', () => outside.reach());
  stack.defer(() => probe.stop());
  const service = stack.use(await startTestApp({ issuer: outside, probes: { issuer: probe } }));
  const settled = (word: string) =>
    until(
      async () => {
        context.mock.timers.tick(10_000);
        return await readiness(service.url);
      },
      ({ checks }) => checks.issuer?.status === word,
    );

  assert.deepEqual(await readiness(service.url), {
    code: 503,
    status: 'fail',
    checks: {
      database: { status: 'pass' },
      refunds: { status: 'pass' },
      migrations: { status: 'pass' },
      issuer: { status: 'fail', output: 'The issuer has not been reached since the start.' },
    },
  });
  await issuer.restore();
  assert.equal((await settled('pass')).code, 200);
  await issuer.outage('refuse');
  const { code, status } = await settled('warn');
  assert.deepEqual([code, status], [200, 'warn']);
  await issuer.restore();
  const back = await settled('pass');
  assert.deepEqual([back.code, back.status], [200, 'pass']);
});

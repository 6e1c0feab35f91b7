import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { startIssuer } from '../local/issuer/start.ts';
import { startPostgres } from '../local/postgres/start.ts';
import { pay, type Started, start as startStripe } from '../local/stripe/testing.ts';
import { createPool } from '../service/src/database/pool.ts';
import { until } from '../service/src/stripe/test-world.ts';
import { assertBooksBalance } from './support/books.ts';
import { createTestDatabase } from './support/database.ts';
import { Service, settingsOf } from './support/service.ts';

/** The service's neighbours, and itself in one process for each of these roles, connected as one does it in production. */
async function connect(t: TestContext, databaseUrl: string, roles: readonly string[]) {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const atStripe = await startStripe(t);
  const issuer = await startIssuer();
  stack.defer(() => issuer.close());
  const endpoint = await atStripe.stripe.webhookEndpoints.create({
    url: 'https://payments.example.com/v1/webhooks/stripe',
    enabled_events: [
      'charge.refunded',
      'charge.succeeded',
      'refund.created',
      'refund.updated',
      'refund.failed',
    ],
  });
  const settings = settingsOf({
    databaseUrl,
    standIn: atStripe.standIn,
    issuer,
    webhookSecret: endpoint.secret ?? '',
  });
  const services = roles.map((role) => stack.use(new Service({ ...settings, ROLE: role })));
  const [url = ''] = await Promise.all(services.map((service) => service.ready()));
  await atStripe.stripe.webhookEndpoints.update(endpoint.id, { url: `${url}/v1/webhooks/stripe` });
  const request = async (path: string) => {
    const { access_token } = await issuer.mintToken({ scope: 'admin:refunds.read' });
    return await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${access_token}` } });
  };
  const get = async <T>(path: string): Promise<T> => {
    const response = await request(path);
    assert.equal(response.status, 200);
    return (await response.json()) as T;
  };
  const list = async (customer: string) =>
    (await get<{ refunds: Refund[] }>(`/v1/admin/refunds?customer_id=${customer}`)).refunds;
  return { ...atStripe, issuer, services, url, request, get, list };
}

interface Refund {
  refund_id: string;
  charge_id: string;
  amount_cents: number;
  status: string;
  stripe_refund_id: string;
}

interface Detail extends Refund {
  failure_reason: string | null;
  bank_reference: string | null;
  timeline: { to_status?: string }[];
}

/** A payment at Stripe, and part of it given back there, as somebody does in the dashboard. */
async function refundInDashboard({ stripe }: Pick<Started, 'stripe'>, customer: string) {
  const { charge } = await pay(stripe, { metadata: { customer_id: customer } });
  return await stripe.refunds.create({ charge, amount: 2_500, reason: 'requested_by_customer' });
}

describe('the whole path', { concurrency: true }, () => {
  for (const [how, roles] of [
    ['through one process', ['all']],
    ['through an API and a worker apart', ['api', 'worker']],
  ] as const) {
    test(`what happens at Stripe is what the list says, by signed webhook, ${how}`, async (t) => {
      const database = await createTestDatabase();
      t.after(() => database.drop());
      const world = await connect(t, database.url, roles);

      const refund = await refundInDashboard(world, 'customer_whole');
      await until(async () => (await world.list('customer_whole')).length > 0);
      const [listed, ...others] = await world.list('customer_whole');
      assert.deepEqual(others, []);
      assert.deepEqual(
        { charge: listed?.charge_id, amount: listed?.amount_cents, stripe: listed?.stripe_refund_id },
        { charge: refund.charge, amount: 2_500, stripe: refund.id },
      );
      assert.equal(listed?.status, 'succeeded');
      assert.deepEqual(await world.list('customer_other'), []);
      const read = () => world.get<Detail>(`/v1/admin/refunds/${listed?.refund_id}`);
      assert.equal((await read()).bank_reference, null);

      const arn = '74208516031000000123456';
      await world.control('POST', `/refunds/${refund.id}/reference`, { reference: arn });
      await until(async () => (await read()).bank_reference === arn);

      await world.control('POST', `/refunds/${refund.id}/fail`, { failure_reason: 'lost_or_stolen_card' });
      await until(async () => (await world.list('customer_whole'))[0]?.status === 'failed');
      assert.equal((await read()).failure_reason, 'lost_or_stolen_card');

      const pool = createPool({ connectionString: database.url, max: 1 });
      try {
        await assertBooksBalance(pool);
      } finally {
        await pool.end();
      }
      assert.deepEqual(
        await Promise.all(world.services.map((service) => service.stop())),
        roles.map(() => 0),
      );
    });
  }

  test('a database that stops costs no webhook: 503 meanwhile, and all is there once it is back, without a restart', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'payments-whole-path-'));
    // The server may be another account's process, which must be able to enter.
    await chmod(directory, 0o755);
    let postgres = await startPostgres({ dataDirectory: directory, durable: false });
    t.after(async () => {
      await postgres.stop();
      await rm(directory, { recursive: true, force: true });
    });
    const world = await connect(t, postgres.url, ['all']);
    await refundInDashboard(world, 'customer_before');
    await until(async () => (await world.list('customer_before')).length === 1);

    await postgres.stop();
    await until(async () => (await world.request('/v1/admin/refunds')).status === 503);
    await until(async () => (await fetch(`${world.url}/readyz`)).status === 503);
    assert.equal((await fetch(`${world.url}/healthz`)).status, 200);
    await refundInDashboard(world, 'customer_meanwhile');
    await world.standIn.deliverer.idle();
    const refused = world.standIn.deliverer.list({ status: 'pending' });
    assert.ok(refused.length > 0 && refused.every(({ last_status }) => last_status === 503));

    postgres = await startPostgres({ dataDirectory: directory, durable: false, port: postgres.port });
    await world.services[0]?.ready();
    assert.equal((await world.list('customer_before')).length, 1);
    assert.deepEqual(await world.list('customer_meanwhile'), []);
    // Stripe tries again after a while.
    await world.control('POST', '/clock', { advance: 60 });
    await until(async () => (await world.list('customer_meanwhile')).length === 1);
    assert.equal(await world.services[0]?.stop(), 0);
  });

  test('an issuer that stops makes 503 of what it would have to vouch for, and 200 again once it is back', async (t) => {
    const database = await createTestDatabase();
    t.after(() => database.drop());
    const world = await connect(t, database.url, ['all']);
    for (const outage of ['refuse', 'error_500'] as const) {
      await world.issuer.outage(outage);
      const response = await world.request('/v1/admin/refunds');
      assert.equal(response.status, 503, outage);
      const { error } = (await response.json()) as { error: string };
      assert.equal(typeof error, 'string');
      await refundInDashboard(world, `customer_${outage}`);
      await world.standIn.deliverer.idle();
      await world.issuer.restore();
      await until(async () => (await world.request('/v1/admin/refunds')).status === 200);
      await until(async () => (await world.list(`customer_${outage}`)).length === 1);
    }
  });

  test('a database that does not come up is waited for, and then the start fails with a sentence', async (t) => {
    const issuer = await startIssuer();
    t.after(() => issuer.close());
    const { standIn } = await startStripe(t);
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await until(async () => server.listening);
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const settings = settingsOf({
      databaseUrl: `postgres://nobody:hunter2@127.0.0.1:${port}/none`,
      standIn,
      issuer,
    });
    await using service = new Service(settings);
    await service.says(/the database is not there yet/);
    assert.equal(await service.ended, 1);
    assert.match(service.stderr, /^The database at DATABASE_URL cannot be reached \([^)]+\)[.]\n$/);
    assert.doesNotMatch(service.stdout, /hunter2/);
  });
});

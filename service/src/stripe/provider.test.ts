import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { startStripe } from '../../../local/stripe/server.ts';
import { TEST_KEY } from '../../../local/stripe/testing.ts';
import { createTestDatabase } from '../../../test/support/database.ts';
import { createPool } from '../database/pool.ts';
import { createMetrics } from '../health/metrics.ts';
import { createStripe } from './client.ts';
import { createProvider, type ProviderDeps } from './provider.ts';

const DAY_ms = 86_400_000;

function providerAt(url: string, deps: Partial<ProviderDeps> = {}) {
  return createProvider({
    // What makes a refund asks nothing of the database.
    pool: undefined as never,
    stripe: createStripe({ api_key: TEST_KEY, api_base: url }),
    default_brand: 'default',
    log: pino({ level: 'silent' }),
    registry: createMetrics(),
    timeout_ms: 2_000,
    ...deps,
  });
}

/** A Stripe that answers the first request so, and any later one with a refund; counts what it is sent. */
async function answeringFirst(t: TestContext, first: http.RequestListener) {
  const sent: string[] = [];
  const server = http.createServer((request, response) => {
    sent.push(String(request.headers['idempotency-key']));
    request.resume().on('end', () => {
      if (sent.length === 1) return first(request, response);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ id: 're_1', object: 'refund', amount: 100, status: 'succeeded' }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { sent, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const order = (again: boolean) => ({
  refund_id: 'refund_1',
  payment: { stripe_payment_intent_id: 'pi_1', stripe_charge_id: 'ch_1' },
  amount_cents: 100,
  reason: null,
  send_before_ms: Date.now() + DAY_ms - 3_600_000,
  again,
});

const endings: Record<string, http.RequestListener> = {
  'its connection was closed': (request) => request.socket.destroy(),
  'Stripe had no time for it': (_request, response) => {
    response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '0' });
    response.end(JSON.stringify({ error: { type: 'invalid_request_error', code: 'rate_limit' } }));
  },
};
for (const [ending, end] of Object.entries(endings)) {
  test(`a process that slept for a day sends nothing again that its key no longer protects, although ${ending}`, async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
    const { sent, url } = await answeringFirst(t, (request, response) => {
      t.mock.timers.setTime(Date.now() + DAY_ms);
      end(request, response);
    });
    assert.deepEqual(await providerAt(url).createRefund(order(false), new Date()), { outcome: 'unknown' });
    assert.deepEqual(sent, ['refund_1']);
  });

  test(`what is sent again at once, because ${ending}, has the same key`, async (t) => {
    const { sent, url } = await answeringFirst(t, end);
    const { outcome } = await providerAt(url).createRefund(order(false), new Date());
    assert.deepEqual([outcome, sent], ['accepted', ['refund_1', 'refund_1']]);
  });
}

test('looking for a refund takes no longer than making one: it is not tried again behind whoever waits', async (t) => {
  const database = await createTestDatabase();
  const pool = createPool({ connectionString: database.url, max: 2 });
  const standIn = await startStripe({ databaseFile: ':memory:', apiKey: TEST_KEY });
  t.after(async () => {
    await standIn.close();
    await pool.end();
    await database.drop();
  });
  standIn.faults.add({ kind: 'error_500_before', route: '/v1/refunds', times: 10 });
  const looked = await providerAt(standIn.url, { pool }).findRefund(order(true));
  assert.deepEqual(looked, { outcome: 'unknown' });
  assert.deepEqual([...standIn.calls.values()], [1]);
});

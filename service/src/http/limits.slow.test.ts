import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestApp, type TestApp } from '../../../test/support/app.ts';
import { UNLIMITED } from '../../../test/support/limits.ts';
import { until } from '../stripe/test-world.ts';

const OFTEN = UNLIMITED.client;
const few = (reads_per_minute: number) => ({ ...UNLIMITED, client: { ...OFTEN, reads_per_minute } });

const LIST = '/v1/admin/refunds';

async function bearer(service: TestApp): Promise<Record<string, string>> {
  const { access_token } = await service.issuer.mintToken({ scope: 'admin:refunds.read', as: 'agent' });
  return { authorization: `Bearer ${access_token}` };
}

test('a client that asks too often is told how long to wait, and no other client waits with it', async () => {
  await using service = await startTestApp({ limits: few(3) });
  const left: (string | null)[] = [];
  for (let asked = 0; asked < 3; asked += 1) {
    const response = await service.get(LIST);
    assert.equal(response.status, 200);
    left.push(response.headers.get('x-ratelimit-remaining'));
    const reset = Number(response.headers.get('x-ratelimit-reset'));
    assert.ok(reset > 50 && reset <= 60, `X-RateLimit-Reset: ${reset}`);
  }
  assert.deepEqual(left, ['2', '1', '0']);

  const refused = await service.get('/v1/admin/payments');
  assert.equal(refused.status, 429);
  assert.deepEqual(Object.keys((await refused.json()) as object), ['error', 'message']);
  const wait = Number(refused.headers.get('retry-after'));
  assert.ok(wait > 50 && wait <= 60, `Retry-After: ${wait}`);
  assert.equal(refused.headers.get('x-ratelimit-remaining'), '0');

  assert.equal((await service.get(LIST, await bearer(service))).status, 200);
});

test('whoever is not let in uses up nobody’s share', async () => {
  await using service = await startTestApp({ limits: few(1) });
  for (let asked = 0; asked < 5; asked += 1) {
    assert.equal((await fetch(`${service.url}${LIST}`)).status, 401);
  }
  assert.equal((await service.get(LIST)).status, 200);
});

test('reading and changing have a share each', async () => {
  await using service = await startTestApp({
    limits: { ...UNLIMITED, client: { reads_per_minute: 1, writes_per_minute: 1 } },
  });
  const { access_token } = await service.issuer.mintToken({ scope: 'admin:refunds' });
  const ask = async (method: string) =>
    (await fetch(`${service.url}${LIST}`, { method, headers: { authorization: `Bearer ${access_token}` } }))
      .status;
  assert.deepEqual(
    [await ask('GET'), await ask('POST'), await ask('HEAD'), await ask('POST')],
    [200, 422, 429, 429],
  );
});

test('an address is limited too, whoever calls from there; a proxy is believed only where it stands', async () => {
  const limits = { ...UNLIMITED, address: { ...OFTEN, reads_per_minute: 2 } };
  await using service = await startTestApp({ limits, trustProxy: ['loopback'] });
  const agent = await bearer(service);
  const from = (address: string) => ({ 'x-forwarded-for': address });
  const ask = async (headers: Record<string, string>) => (await service.get(LIST, headers)).status;
  assert.equal(await ask(from('192.0.2.1')), 200);
  assert.equal(await ask({ ...agent, ...from('192.0.2.1') }), 200);
  assert.equal(await ask(from('192.0.2.1')), 429);
  assert.equal(await ask(from('192.0.2.2')), 200);
  // What stands before the address that the proxy added is the caller's own invention.
  assert.equal(await ask(from('203.0.113.9, 192.0.2.1')), 429);

  await using unproxied = await startTestApp({ limits, beside: service });
  const statuses: number[] = [];
  for (const address of ['192.0.2.11', '192.0.2.12', '192.0.2.13']) {
    statuses.push((await unproxied.get(LIST, { ...agent, ...from(address) })).status);
  }
  assert.deepEqual(statuses, [200, 200, 429]);
});

test('two instances share one limit', async () => {
  const limits = few(300);
  await using first = await startTestApp({ limits });
  await using second = await startTestApp({ limits, beside: first });
  const headers = await bearer(first);
  let used = 0;
  const ask = async (service: TestApp) => {
    const response = await service.get(LIST, headers);
    if (response.status === 200) used += 1;
    return { status: response.status, left: Number(response.headers.get('x-ratelimit-remaining')) };
  };
  for (let asked = 0; asked < 10; asked += 1) await ask(first);
  // An instance learns what the others did once it has something to tell itself.
  await until(async () => (await ask(second)).left === 300 - used);
  while ((await ask(second)).status === 200);
  assert.equal(used, 300);
  await until(async () => (await ask(first)).status === 429);
  assert.ok(used < 400, `${used}`);
});

test('what instances let through before they know of each other is little', async (t) => {
  const limits = few(200);
  await using first = await startTestApp({ limits });
  await using second = await startTestApp({ limits, beside: first });
  const headers = await bearer(first);
  let taken = 0;
  for (const open = new Set([first, second]); open.size > 0; ) {
    for (const service of open) {
      if ((await service.get(LIST, headers)).status === 200) taken += 1;
      else open.delete(service);
    }
  }
  t.diagnostic(`${taken} of 200`);
  assert.ok(taken >= 200 && taken < 300, `${taken} of 200`);
});

test('with the table of counts gone each instance still limits by itself', async () => {
  await using service = await startTestApp({ limits: few(5) });
  await service.pool.query('DROP TABLE rate_counts');
  const statuses: number[] = [];
  for (let asked = 0; asked < 6; asked += 1) statuses.push((await service.get(LIST)).status);
  assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429]);
  await until(async () => service.logged().includes('this process counts by itself'));
  assert.equal((await service.get(LIST)).status, 429);
});

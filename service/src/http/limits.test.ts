import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestApp } from '../../../test/support/app.ts';

test('a client that asks too often is told how long to wait, and no other client waits with it', async () => {
  await using service = await startTestApp({ readsPerMinute: 3 });
  const left: (string | null)[] = [];
  for (let asked = 0; asked < 3; asked += 1) {
    const response = await service.get('/v1/admin/refunds');
    assert.equal(response.status, 200);
    left.push(response.headers.get('x-ratelimit-remaining'));
  }
  assert.deepEqual(left, ['2', '1', '0']);

  const refused = await service.get('/v1/admin/payments');
  assert.equal(refused.status, 429);
  assert.deepEqual(Object.keys((await refused.json()) as object), ['error', 'message']);
  const wait = Number(refused.headers.get('retry-after'));
  assert.ok(wait > 0 && wait <= 60, `Retry-After: ${wait}`);

  const { access_token } = await service.issuer.mintToken({ scope: 'admin:refunds.read', as: 'agent' });
  const other = await service.get('/v1/admin/refunds', { authorization: `Bearer ${access_token}` });
  assert.equal(other.status, 200);
});

test('whoever is not let in uses up nobody’s share', async () => {
  await using service = await startTestApp({ readsPerMinute: 1 });
  for (let asked = 0; asked < 5; asked += 1) {
    assert.equal((await fetch(`${service.url}/v1/admin/refunds`)).status, 401);
  }
  assert.equal((await service.get('/v1/admin/refunds')).status, 200);
});

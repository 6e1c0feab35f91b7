import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startTestApp } from '../../../test/support/app.ts';
import { sendRaw } from '../../../test/support/raw.ts';

const service = await startTestApp();
after(() => service[Symbol.asyncDispose]());

/** The lines logged about a request; waits for the last, which is written after the answer. */
async function linesOf(request_id: string): Promise<Record<string, unknown>[]> {
  for (;;) {
    const lines = service
      .logged()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((line) => line.request_id === request_id);
    if (lines.some((line) => line.msg === 'request')) return lines;
    await new Promise(setImmediate);
  }
}

for (const given of ['a', 'web-7_1.2', 'A'.repeat(128)]) {
  test(`a caller's X-Request-Id of ${given.slice(0, 10)} is kept: on the answer and in the log`, async () => {
    const response = await service.get('/v1/admin/refunds', { 'x-request-id': given });
    assert.equal(response.headers.get('x-request-id'), given);
    assert.ok((await linesOf(given)).length > 0);
  });
}

for (const given of ['', ' ', 'a b', 'a"b', 'a,b', 'ä', 'A'.repeat(129), '{"msg":"forged"}']) {
  test(`an X-Request-Id of ${JSON.stringify(given.slice(0, 20))} is replaced by one of ours`, async () => {
    const answer = await sendRaw(
      service.port,
      `GET /v1/admin/refunds HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: ${given}\r\n\r\n`,
    );
    const id = answer.headers.get('x-request-id') ?? '';
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.ok((await linesOf(id)).length > 0);
  });
}

test('every answer has a request id, also to those who are refused', async () => {
  for (const path of [
    '/v1/admin/refunds',
    '/nothing',
    '/v1/admin/refunds/%zz',
    '/healthz',
    '/readyz',
    '/metrics',
  ]) {
    const response = await fetch(`${service.url}${path}`);
    await response.arrayBuffer();
    assert.match(response.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/, path);
    assert.equal(response.headers.get('cache-control'), 'no-store', path);
  }
});

test('a request is one line: method, route, status, duration, client; neither query nor token nor customer', async () => {
  const { access_token } = await service.issuer.mintToken({ scope: 'admin:refunds.read' });
  const response = await fetch(`${service.url}/v1/admin/refunds?customer_id=ada.lovelace`, {
    headers: {
      authorization: `Bearer ${access_token}`,
      'x-request-id': 'one-line',
      'x-note': 'private-note',
    },
  });
  assert.equal(response.status, 200);
  const lines = await linesOf('one-line');
  assert.equal(lines.length, 1);
  const { method, route, status, duration_ms, client_id } = lines[0] ?? {};
  assert.deepEqual(
    { method, route, status, client_id },
    { method: 'GET', route: '/v1/admin/refunds', status: 200, client_id: 'developer' },
  );
  assert.equal(typeof duration_ms, 'number');
  assert.doesNotMatch(service.logged(), /ada\.lovelace|private-note/);
  assert.ok(!service.logged().includes(access_token));
});

test('who was not let in, and who may not do what they asked for, is logged with why and from where', async () => {
  await service.get('/v1/admin/refunds', { authorization: 'Bearer guessed', 'x-request-id': 'guess' });
  const { access_token } = await service.issuer.mintToken({ scope: 'admin:payments.read' });
  await service.get('/v1/admin/refunds', {
    authorization: `Bearer ${access_token}`,
    'x-request-id': 'other-scope',
  });
  for (const [id, status, error] of [
    ['guess', 401, 'invalid_token'],
    ['other-scope', 403, 'insufficient_scope'],
  ] as const) {
    const [line] = await linesOf(id);
    assert.deepEqual(
      [line?.status, line?.error, line?.address, line?.level],
      [status, error, '127.0.0.1', 40],
      id,
    );
  }
});

test('nothing that was refused is logged in full either: a wrong token, a wrong query, a wrong path', async () => {
  await fetch(`${service.url}/v1/admin/refunds`, { headers: { authorization: 'Bearer secret-token-1' } });
  await fetch(`${service.url}/v1/admin/refunds`, { headers: { authorization: 'Bearer secret token-2' } });
  await service.get('/v1/admin/refunds?custmer_id=secret-customer');
  await service.get('/v1/admin/refunds/secret-refund', { 'x-request-id': 'secret-path' });
  await service.get('/v1/admin/secret-address', { 'x-request-id': 'nowhere' });
  await linesOf('secret-path');
  await linesOf('nowhere');
  assert.doesNotMatch(service.logged(), /secret-(token|customer|refund|address)|token-2/);
});

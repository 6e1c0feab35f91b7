import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, test } from 'node:test';
import pg from 'pg';
import { Type } from 'typebox';
import { startTestApp } from '../../../test/support/app.ts';
import { type RawAnswer, sendRaw } from '../../../test/support/raw.ts';
import { ServiceError } from '../errors.ts';
import { answerUnreadable } from './errors.ts';

const CLOSE = 'Host: x\r\nConnection: close\r\n';
const JSON_POST = `POST /v1/echo HTTP/1.1\r\n${CLOSE}Content-Type: application/json\r\n`;

let databaseError: unknown;
const service = await startTestApp({
  extend(app) {
    app.post(
      '/v1/echo',
      {
        schema: {
          security: [],
          body: Type.Object(
            { amount_cents: Type.Integer({ minimum: 1, maximum: 9 }) },
            { additionalProperties: false },
          ),
        },
      },
      async (request) => request.body,
    );
    app.get('/v1/crash', { schema: { security: [] } }, async () => {
      throw new TypeError('hunter2 is undefined');
    });
    app.get('/v1/throw-text', { schema: { security: [] } }, async () => {
      throw 'just text';
    });
    app.get('/v1/limited', { schema: { security: [] } }, async () => {
      throw new ServiceError('rate_limited', { headers: { 'retry-after': '7' } });
    });
    app.get('/v1/duplicate', { schema: { security: [] } }, async () => {
      await service.pool.query('CREATE TABLE IF NOT EXISTS people (name text UNIQUE)');
      try {
        await service.pool.query(`INSERT INTO people VALUES ('Ada Lovelace'), ('Ada Lovelace')`);
      } catch (error) {
        databaseError = error;
        throw error;
      }
    });
  },
});
after(() => service[Symbol.asyncDispose]());

/** Every error looks the same: two sentences of JSON, an id to ask about, nothing for caches to keep. */
function assertError(answer: RawAnswer, status: number, code: string): { message: string; field?: string } {
  assert.equal(answer.status, status, answer.body);
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/);
  assert.match(answer.headers.get('x-request-id') ?? '', /^[A-Za-z0-9._-]{1,128}$/);
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  const body = JSON.parse(answer.body) as { error: string; message: string; field?: string };
  assert.equal(body.error, code);
  assert.match(body.message, /^[A-Za-z].*[.]$/s);
  assert.deepEqual(
    Object.keys(body).filter((key) => key !== 'field'),
    ['error', 'message'],
  );
  return body;
}

const BIG = 1024 * 1024 + 1;
for (const [what, request, status, code] of [
  ['an unknown address', `GET /v1/nothing HTTP/1.1\r\n${CLOSE}\r\n`, 404, 'not_found'],
  [
    'an address that is not validly encoded',
    `GET /v1/admin/refunds/%zz HTTP/1.1\r\n${CLOSE}\r\n`,
    400,
    'validation_error',
  ],
  [
    'an address of half a character',
    `GET /v1/admin/refunds/%c3 HTTP/1.1\r\n${CLOSE}\r\n`,
    400,
    'validation_error',
  ],
  [
    'an id too long to be one',
    `GET /v1/admin/refunds/${'a'.repeat(2_000)} HTTP/1.1\r\n${CLOSE}\r\n`,
    414,
    'uri_too_long',
  ],
  [
    'a method that an address does not take',
    `DELETE /v1/admin/refunds HTTP/1.1\r\n${CLOSE}\r\n`,
    405,
    'method_not_allowed',
  ],
  [
    'a method that no address takes',
    `PROPFIND /v1/admin/refunds HTTP/1.1\r\n${CLOSE}\r\n`,
    501,
    'not_implemented',
  ],
  ['a body that is not JSON', `${JSON_POST}Content-Length: 4\r\n\r\n{"a"`, 400, 'validation_error'],
  [
    'a body that would change prototypes',
    `${JSON_POST}Content-Length: 20\r\n\r\n{"__proto__":{"a":1}}`.replace('20', '21'),
    400,
    'validation_error',
  ],
  ['an empty body', `${JSON_POST}Content-Length: 0\r\n\r\n`, 400, 'validation_error'],
  [
    'a body of another type',
    `POST /v1/echo HTTP/1.1\r\n${CLOSE}Content-Type: text/xml\r\nContent-Length: 4\r\n\r\n<a/>`,
    415,
    'unsupported_media_type',
  ],
  [
    'a body of a type that is none',
    `POST /v1/echo HTTP/1.1\r\n${CLOSE}Content-Type: :\r\nContent-Length: 2\r\n\r\n{}`,
    415,
    'unsupported_media_type',
  ],
  [
    'a body that says it is too large',
    `${JSON_POST}Content-Length: ${BIG}\r\n\r\n`,
    413,
    'payload_too_large',
  ],
  [
    'a body that turns out too large',
    `${JSON_POST}Transfer-Encoding: chunked\r\n\r\n${BIG.toString(16)}\r\n${' '.repeat(BIG)}\r\n0\r\n\r\n`,
    413,
    'payload_too_large',
  ],
  [
    'headers of more than 16 KiB',
    `GET / HTTP/1.1\r\n${CLOSE}X-Long: ${'a'.repeat(17_000)}\r\n\r\n`,
    431,
    'headers_too_large',
  ],
  [
    'an address of more than 8 KiB',
    `GET /healthz?${'a'.repeat(8_200)} HTTP/1.1\r\n${CLOSE}\r\n`,
    414,
    'uri_too_long',
  ],
  [
    'an address of more than 16 KiB',
    `GET /${'a'.repeat(17_000)} HTTP/1.1\r\n${CLOSE}\r\n`,
    414,
    'uri_too_long',
  ],
  ['what is not HTTP', 'SSH-2.0-OpenSSH_9.6\r\n\r\n', 400, 'validation_error'],
  ['a header with a NUL', `GET / HTTP/1.1\r\n${CLOSE}X-A: a\0b\r\n\r\n`, 400, 'validation_error'],
  [
    'two lengths of one body',
    `${JSON_POST}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
    400,
    'validation_error',
  ],
  [
    'a length beside chunks',
    `${JSON_POST}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    'validation_error',
  ],
  ['no Host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'validation_error'],
  [
    'an expectation that nobody knows',
    `GET /healthz HTTP/1.1\r\n${CLOSE}Expect: miracles\r\n\r\n`,
    417,
    'expectation_failed',
  ],
  ['a crash', `GET /v1/crash HTTP/1.1\r\n${CLOSE}\r\n`, 500, 'internal_error'],
  ['something thrown that is no error', `GET /v1/throw-text HTTP/1.1\r\n${CLOSE}\r\n`, 500, 'internal_error'],
  ['too many requests', `GET /v1/limited HTTP/1.1\r\n${CLOSE}\r\n`, 429, 'rate_limited'],
] as const) {
  test(`${what} is answered ${status} ${code} in the shape of every error`, async () => {
    assertError(await sendRaw(service.port, request), status, code);
  });
}

for (const [body, field, message] of [
  ['{}', 'amount_cents', /missing/],
  ['{"amount_cents":"5"}', 'amount_cents', /whole number from 1 to 9/],
  ['{"amount_cents":5.5}', 'amount_cents', /whole number from 1 to 9/],
  ['{"amount_cents":10}', 'amount_cents', /whole number from 1 to 9/],
  ['{"amount_cents":5,"amont":1}', 'amont', /Known are: amount_cents/],
  ['[]', undefined, /The body/],
  ['null', undefined, /The body/],
] as const) {
  test(`a body of ${body} is valid JSON and not valid here: 422, naming the field`, async () => {
    const answer = await sendRaw(service.port, `${JSON_POST}Content-Length: ${body.length}\r\n\r\n${body}`);
    const error = assertError(answer, 422, 'validation_error');
    assert.equal(error.field, field);
    assert.match(error.message, message);
  });
}

for (const [path, allow] of [
  ['/v1/admin/refunds', 'GET, HEAD, POST'],
  ['/v1/admin/refunds/refund_1', 'GET, HEAD'],
  ['/v1/webhooks/stripe', 'POST'],
  ['/healthz', 'GET, HEAD'],
] as const) {
  for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const) {
    test(`${method} ${path} is refused with what it does take: ${allow}`, async () => {
      const answer = await sendRaw(service.port, `${method} ${path} HTTP/1.1\r\n${CLOSE}\r\n`);
      assertError(answer, 405, 'method_not_allowed');
      assert.equal(answer.headers.get('allow'), allow);
    });
  }
}

test('a crash tells the caller nothing of what went wrong, and the log everything, under the same request id', async () => {
  const response = await fetch(`${service.url}/v1/crash`, { headers: { 'x-request-id': 'crash-1' } });
  assert.equal(response.headers.get('x-request-id'), 'crash-1');
  assert.doesNotMatch(await response.text(), /hunter2|TypeError|\.ts/);
  const line = service
    .logged()
    .split('\n')
    .find((text) => text.includes('"crash-1"') && text.includes('"level":50'));
  assert.match(line ?? '', /hunter2 is undefined/);
  assert.match(line ?? '', /errors\.test\.ts/);
});

test('what the database quotes of a row reaches neither the answer nor the log', async () => {
  const response = await fetch(`${service.url}/v1/duplicate`, { headers: { 'x-request-id': 'duplicate-1' } });
  assert.equal(response.status, 500);
  assert.ok(databaseError instanceof pg.DatabaseError);
  assert.match(databaseError.detail ?? '', /Ada Lovelace/);
  assert.doesNotMatch(await response.text(), /Ada/);
  assert.doesNotMatch(service.logged(), /Ada Lovelace/);
  assert.match(service.logged(), /people_name_key/);
});

test('a connection that sent nonsense is closed by the service, even where the caller leaves it open', async () => {
  const socket = connect({ port: service.port, host: '127.0.0.1', allowHalfOpen: true });
  socket.resume().write('nonsense\r\n\r\n');
  await once(socket, 'end');
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  service.app.server.getConnections((_error, count) => {
    assert.equal(typeof count, 'number');
    resolve();
  });
  await closed;
  // Half of the connection would stay if the service only ended its own: writing into it would go well.
  const failed = once(socket, 'error');
  const writing = setInterval(() => socket.write('more\r\n'), 5);
  try {
    await failed;
  } catch (error) {
    assert.match(String(error), /EPIPE|ECONNRESET/);
  } finally {
    clearInterval(writing);
    socket.destroy();
  }
});

test('a request that takes too long to arrive is a 408 in the shape of every error', async () => {
  const server = createServer(
    { requestTimeout: 100, headersTimeout: 50, connectionsCheckingInterval: 20 },
    () => {},
  );
  server.on('clientError', answerUnreadable);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const answer = await sendRaw((server.address() as AddressInfo).port, 'GET / HTTP/1.1\r\nHost: x\r\n');
    assertError(answer, 408, 'request_timeout');
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

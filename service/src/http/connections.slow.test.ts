import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { startTestApp } from '../../../test/support/app.ts';
import { exchangeRaw, sendRaw } from '../../../test/support/raw.ts';
import { until } from '../stripe/test-world.ts';
import { CONNECTION_LIMITS } from './connections.ts';

let smuggled = 0;
let echoed = 0;
const slow: (() => void)[] = [];
const BIG_BYTES = 16 * 1024 * 1024;

const service = await startTestApp({
  connections: {
    ...CONNECTION_LIMITS,
    most: 1_000,
    headers_within_ms: 1_000,
    request_within_ms: 1_500,
    idle_ms: 2_000,
    silent_ms: 2_000,
    check_every_ms: 20,
  },
  extend(app) {
    const open = { schema: { security: [] } };
    app.post('/v1/echo', open, async (request) => {
      echoed += 1;
      return request.body;
    });
    app.get('/v1/smuggled', open, async () => {
      smuggled += 1;
      return {};
    });
    app.get('/v1/slow', open, async () => {
      await new Promise<void>((resolve) => slow.push(resolve));
      return { answer: 'slow' };
    });
    app.get('/v1/big', open, async () => 'a'.repeat(BIG_BYTES));
  },
});
after(() => service[Symbol.asyncDispose]());

const HOST = 'Host: x\r\n';
const GET = `GET /healthz HTTP/1.1\r\n${HOST}`;
const POST = `POST /v1/echo HTTP/1.1\r\n${HOST}Content-Type: application/json\r\n`;
/** What somebody in front of us may think is the body of what stands before it. */
const HIDDEN = `GET /v1/smuggled HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`;
const CHUNKS = '2\r\n{}\r\n0\r\n\r\n';

const statusesOf = (text: string) =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

async function assertOthersAreAnswered(): Promise<void> {
  assert.equal((await service.get('/v1/admin/refunds')).status, 200);
}

for (const [what, bytes] of [
  [
    'a length before chunks',
    `${POST}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ],
  [
    'chunks before a length',
    `${POST}Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ],
  ['two lengths', `${POST}Content-Length: 2\r\nContent-Length: 100\r\n\r\n{}${HIDDEN}`],
  ['the same length twice', `${POST}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}${HIDDEN}`],
  ['a list of lengths', `${POST}Content-Length: 2, 2\r\n\r\n{}${HIDDEN}`],
  ['a length with a sign', `${POST}Content-Length: +2\r\n\r\n{}${HIDDEN}`],
  ['a negative length', `${POST}Content-Length: -2\r\n\r\n{}${HIDDEN}`],
  ['a length in another base', `${POST}Content-Length: 0x2\r\n\r\n{}${HIDDEN}`],
  ['an endless length', `${POST}Content-Length: ${'9'.repeat(30)}\r\n\r\n{}${HIDDEN}`],
  ['no length where one is said to be', `${POST}Content-Length: \r\n\r\n{}${HIDDEN}`],
  [
    'chunked twice',
    `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKS}${HIDDEN}`,
  ],
  ['chunked twice in a list', `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n${CHUNKS}${HIDDEN}`],
  ['chunks of another coding', `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n${CHUNKS}${HIDDEN}`],
  ['another coding of chunks', `${POST}Transfer-Encoding: chunked, gzip\r\n\r\n${CHUNKS}${HIDDEN}`],
  ['a coding that is none', `${POST}Transfer-Encoding: identity\r\n\r\n${CHUNKS}${HIDDEN}`],
  ['a coding that sounds like one', `${POST}Transfer-Encoding: xchunked\r\n\r\n${CHUNKS}${HIDDEN}`],
  ['a coding behind a control character', `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n${CHUNKS}${HIDDEN}`],
  ['a coding on the next line', `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n${CHUNKS}${HIDDEN}`],
  [
    'chunks in HTTP/1.0',
    `POST /v1/echo HTTP/1.0\r\n${HOST}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKS}${HIDDEN}`,
  ],
  ['a space before the colon', `${POST}Transfer-Encoding : chunked\r\n\r\n${CHUNKS}${HIDDEN}`],
  ['a header over two lines', `${GET}X-A: a\r\n b\r\n\r\n${HIDDEN}`],
  ['a space before the first header', `GET /healthz HTTP/1.1\r\n ${HOST}\r\n${HIDDEN}`],
  ['lines that end in LF', 'GET /healthz HTTP/1.1\nHost: x\n\n'],
  ['one header that ends in LF', `GET /healthz HTTP/1.1\r\nHost: x\nX-A: b\r\n\r\n${HIDDEN}`],
  ['one header that ends in CR', `GET /healthz HTTP/1.1\r\nHost: x\rX-A: b\r\n\r\n${HIDDEN}`],
  ['headers that end in LF', `${GET}\n${HIDDEN}`],
  ['a header without a name', `${GET}: b\r\n\r\n${HIDDEN}`],
  ['a header without a colon', `${GET}Nothing\r\n\r\n${HIDDEN}`],
  ['two hosts', `GET /healthz HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n${HIDDEN}`],
  ['a chunk whose size is none', `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n${HIDDEN}`],
  [
    'a chunk of endless size',
    `${POST}Transfer-Encoding: chunked\r\n\r\n${'f'.repeat(18)}\r\n{}\r\n0\r\n\r\n${HIDDEN}`,
  ],
  ['a chunk of negative size', `${POST}Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n${HIDDEN}`],
  ['a chunk longer than it says', `${POST}Transfer-Encoding: chunked\r\n\r\n2\r\n{}X0\r\n\r\n${HIDDEN}`],
  ['chunks whose lines end in LF', `${POST}Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n${HIDDEN}`],
  [
    'a line feed in a chunk’s extension',
    `${POST}Transfer-Encoding: chunked\r\n\r\n2;a\nb\r\n{}\r\n0\r\n\r\n${HIDDEN}`,
  ],
  [
    'a chunk’s extension of 20 KB',
    `${POST}Transfer-Encoding: chunked\r\n\r\n2;${'a'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n${HIDDEN}`,
  ],
  [
    'a length after the chunks',
    `${POST}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 99\r\n\r\n${HIDDEN}`,
  ],
  ['no version', 'GET /healthz\r\n\r\n'],
  ['a version that is not there', `GET /healthz HTTP/1.2\r\n${HOST}\r\n${HIDDEN}`],
  ['a version that is not spoken', `GET /healthz HTTP/2.0\r\n${HOST}\r\n${HIDDEN}`],
  ['the beginning of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['the beginning of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['a method in small letters', `get /healthz HTTP/1.1\r\n${HOST}\r\n${HIDDEN}`],
  ['tabs for spaces', `GET\t/healthz HTTP/1.1\r\n${HOST}\r\n${HIDDEN}`],
  ['a space in the address', `GET /health z HTTP/1.1\r\n${HOST}\r\n${HIDDEN}`],
  ['a NUL in the address', `GET /health\0z HTTP/1.1\r\n${HOST}\r\n${HIDDEN}`],
  ['bytes beyond ASCII in the address', `GET /h\xe9althz HTTP/1.1\r\n${HOST}\r\n${HIDDEN}`],
  ['nothing but NULs', '\0'.repeat(100)],
] as const) {
  test(`${what}: one 400, the connection closed, nothing of it done, and others are answered`, async () => {
    const before = { echoed, smuggled };
    const text = await exchangeRaw(service.port, bytes);
    assert.deepEqual(statusesOf(text), [400], text);
    assert.match(text, /^connection: close\r$/im);
    assert.match(text, /"error":"validation_error"/);
    assert.deepEqual({ echoed, smuggled }, before);
    await assertOthersAreAnswered();
  });
}

test('a body is no request, whatever it looks like, and what follows it is', async () => {
  const before = smuggled;
  const request = `GET /healthz HTTP/1.1\r\n${HOST}Content-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`;
  const text = await exchangeRaw(service.port, `${request}${request}${HIDDEN}`);
  assert.deepEqual(statusesOf(text), [200, 200, 200]);
  assert.equal(smuggled, before + 1);
});

for (const [what, garbage, status] of [
  ['garbage', 'GARBAGE\r\n\r\n', 400],
  ['a body that is broken', `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, 400],
  ['a request that does not arrive', 'GET / HTTP/1.1\r\nX-', 408],
  ['headers too large', `GET / HTTP/1.1\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
] as const) {
  test(`${what} behind requests that are still being answered is answered ${status}, after them`, async () => {
    const request = `GET /v1/slow HTTP/1.1\r\n${HOST}\r\n`;
    const answers = exchangeRaw(service.port, `${request}${request}${garbage}`);
    for (let number = 0; number < 2; number += 1) {
      await until(async () => slow.length > 0);
      if (status === 408) await assertOthersAreAnswered();
      slow.shift()?.();
    }
    const text = await answers;
    assert.deepEqual(statusesOf(text), [200, 200, status]);
    assert.equal(text.split('{"answer":"slow"}').length, 3);
  });
}

/** Sends the beginning at once and then a byte now and then, until the other side closes. */
async function trickle(begin: string, rest = ''): Promise<string> {
  const socket = connect({ port: service.port, host: '127.0.0.1' });
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  socket.on('error', () => {});
  if (begin !== '') socket.write(begin);
  const writing = setInterval(() => rest !== '' && socket.writable && socket.write(rest), 20);
  await once(socket, 'close');
  clearInterval(writing);
  return text;
}

const SLOW = [
  ['nothing at all', '', ''],
  ['half a request line', 'GET /hea', ''],
  ['a request line by the byte', 'GET /', 'a'],
  ['headers by the byte', `${GET}X-A: `, 'a'],
  ['header after header', GET, 'X-A: a\r\n'],
  ['a body that does not come', `${POST}Content-Length: 100\r\n\r\n{`, ''],
  ['a body by the byte', `${POST}Content-Length: 100000\r\n\r\n{`, ' '],
  ['chunks by the byte', `${POST}Transfer-Encoding: chunked\r\n\r\n`, '1\r\n \r\n'],
] as const;

test('whoever is too slow is answered 408 in time and cut off, and others are answered meanwhile', async () => {
  const begun = performance.now();
  await Promise.all([
    ...SLOW.map(async ([what, begin, rest]) => {
      const text = await trickle(begin, rest);
      assert.deepEqual(statusesOf(text), [408], what);
      assert.match(text, /"error":"request_timeout"/);
      assert.ok(performance.now() - begun < 10_000, what);
    }),
    assertOthersAreAnswered(),
  ]);
  await assertOthersAreAnswered();
});

const connections = () =>
  new Promise<number>((resolve, reject) => {
    service.app.server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });

test('a connection on which nothing more is asked is closed', async () => {
  const text = await trickle(`${GET}\r\n`);
  assert.deepEqual(statusesOf(text), [200]);
});

test('a caller who has closed its side after a whole request is answered, and one after half a request is let go', async () => {
  for (const [bytes, statuses] of [
    [`${GET}\r\n`, [200]],
    [`${POST}Content-Length: 100\r\n\r\n{`, [400]],
    [GET, [400]],
  ] as const) {
    const socket = connect({ port: service.port, host: '127.0.0.1', allowHalfOpen: true });
    let text = '';
    socket.on('data', (data) => {
      text += data;
    });
    socket.end(bytes);
    await once(socket, 'close');
    assert.deepEqual(statusesOf(text), statuses, bytes);
  }
});

test('a caller who does not read its answer is let go, and with it what was kept for it', async () => {
  const others = await connections();
  const socket: Socket = connect({ port: service.port, host: '127.0.0.1' });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.pause();
  socket.write(`GET /v1/big HTTP/1.1\r\n${HOST}\r\n`);
  await until(async () => (await connections()) > others);
  await until(async () => (await connections()) <= others);
  socket.destroy();
});

test('a caller who vanishes in the middle of anything leaves nothing behind', async () => {
  const sockets = [
    GET,
    POST,
    `${POST}Content-Length: 100\r\n\r\n{`,
    `GET /v1/big HTTP/1.1\r\n${HOST}\r\n`,
  ].map((bytes) => {
    const socket = connect({ port: service.port, host: '127.0.0.1' });
    socket.on('error', () => {});
    socket.write(bytes, () => socket.resetAndDestroy());
    return once(socket, 'close');
  });
  await Promise.all(sockets);
  await until(async () => (await connections()) <= 1);
  await assertOthersAreAnswered();
  assert.doesNotMatch(service.logged(), /"level":50/);
});

test('one connection more than are borne is closed at once, and taken when another has gone', async () => {
  await using few = await startTestApp({ connections: { ...CONNECTION_LIMITS, most: 3 } });
  const held = Array.from({ length: 3 }, () => connect({ port: few.port, host: '127.0.0.1' }));
  await Promise.all(held.map((socket) => once(socket, 'connect')));
  // Connected is not yet accepted.
  await until(async () => (await exchangeRaw(few.port, '')) === '');
  assert.equal(few.logged().split('further ones are closed').length, 2);
  held.pop()?.destroy();
  await until(async () => {
    const { status } = await sendRaw(few.port, `${GET}Connection: close\r\n\r\n`);
    return status === 200;
  });
  for (const socket of held) socket.destroy();
});

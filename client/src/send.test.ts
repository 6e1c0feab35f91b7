import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createPayments, PaymentsConnectionError, PaymentsError } from './index.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A service that gives these answers one after another, the last again and again. */
async function startService(...answers: Answer[]) {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    request.resume();
    (answers[asked.length] ?? answers.at(-1))?.(request, response);
    asked.push(request);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const json =
  (status: number, body: object, headers: Record<string, string> = {}): Answer =>
  (_, response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
const refund = json(201, { refund_id: 'refund_1', status: 'succeeded' });
const hangUp: Answer = (request) => request.socket.destroy();
const silence: Answer = () => {};
const order = { payment_id: 'payment_1', reason: 'goodwill' };

test('a refund that does not get through is asked for again under the same key, and made once', async () => {
  await using service = await startService(
    hangUp,
    json(503, { error: 'service_unavailable' }, { 'retry-after': '0' }),
    refund,
  );
  const payments = createPayments({ baseUrl: service.baseUrl, token: 'token' });
  assert.equal((await payments.refunds.issue(order)).refund_id, 'refund_1');
  const keys = service.asked.map(({ headers }) => headers['idempotency-key']);
  assert.equal(keys.length, 3);
  assert.match(String(keys[0]), /^[0-9a-f-]{36}$/);
  assert.equal(new Set(keys).size, 1);
  await payments.refunds.issue(order);
  assert.notEqual(service.asked.at(-1)?.headers['idempotency-key'], keys[0], 'another refund is another');
});

test('a key of the caller’s own is the one that is sent', async () => {
  await using service = await startService(refund);
  const payments = createPayments({ baseUrl: service.baseUrl, token: 'token' });
  await payments.refunds.issue(order, { idempotency_key: 'mine' });
  assert.equal(service.asked[0]?.headers['idempotency-key'], 'mine');
});

test('Retry-After is waited for, and whoever is told to wait for long is told so', async () => {
  await using service = await startService(
    json(429, { error: 'rate_limited' }, { 'retry-after': '1' }),
    refund,
  );
  const payments = createPayments({ baseUrl: service.baseUrl, token: 'token' });
  const started = performance.now();
  await payments.refunds.issue(order);
  assert.ok(performance.now() - started >= 1_000);
  await using busy = await startService(
    json(429, { error: 'rate_limited', message: 'Wait.' }, { 'retry-after': '3600' }),
  );
  await assert.rejects(
    createPayments({ baseUrl: busy.baseUrl, token: 'token' }).refunds.issue(order),
    (error) => error instanceof PaymentsError && error.status === 429 && error.code === 'rate_limited',
  );
  assert.equal(busy.asked.length, 1);
});

for (const [what, status, body] of [
  ['a refusal', 409, { error: 'conflict', message: 'Nothing is left.', refundable_cents: 0 }],
  ['Stripe’s refusal', 502, { error: 'upstream_failed', message: 'Stripe refused.', refund_id: 'refund_1' }],
  ['what is malformed', 422, { error: 'validation_error', message: 'reason is missing.', field: 'reason' }],
] as const) {
  test(`${what} is an error with all that the service says, and not asked again`, async () => {
    await using service = await startService(json(status, body, { 'x-request-id': 'request_1' }));
    const payments = createPayments({ baseUrl: service.baseUrl, token: 'token' });
    await assert.rejects(payments.refunds.issue(order), (error) => {
      assert.ok(error instanceof PaymentsError);
      const { error: code, ...rest } = body;
      assert.deepEqual(
        { ...error, message: error.message },
        {
          name: 'PaymentsError',
          status,
          code,
          field: undefined,
          refund_id: undefined,
          refundable_cents: undefined,
          request_id: 'request_1',
          ...rest,
        },
      );
      return true;
    });
    assert.equal(service.asked.length, 1);
  });
}

test('an answer that does not come from the service is an error, too', async () => {
  await using service = await startService((_, response) =>
    response.writeHead(400).end('<h1>Bad gateway</h1>'),
  );
  const payments = createPayments({ baseUrl: service.baseUrl, token: 'token' });
  await assert.rejects(
    payments.refunds.get('refund_1'),
    (error) => error instanceof PaymentsError && error.status === 400 && error.code === 'unknown',
  );
});

test('a service that never answers is given up after the last attempt, with the key to ask again with', async () => {
  await using service = await startService(silence);
  const payments = createPayments({ baseUrl: service.baseUrl, token: 'token', timeout_ms: 50, retries: 1 });
  await assert.rejects(payments.refunds.issue(order), (error) => {
    assert.ok(error instanceof PaymentsConnectionError, String(error));
    assert.match(error.message, /did not answer within 0.05 s/);
    assert.equal(error.idempotency_key, service.asked[0]?.headers['idempotency-key']);
    return true;
  });
  assert.equal(service.asked.length, 2);
});

test('whoever does not want to wait any longer does not, with their own reason', async () => {
  await using service = await startService(silence);
  const payments = createPayments({ baseUrl: service.baseUrl, token: 'token' });
  const stop = new AbortController();
  const asking = payments.refunds.issue(order, { signal: stop.signal });
  while (service.asked.length === 0) await new Promise(setImmediate);
  stop.abort(new Error('enough'));
  await assert.rejects(asking, /enough/);
  assert.equal(service.asked.length, 1);
});

test('a token that has to be fetched is fetched for each attempt', async () => {
  await using service = await startService(json(503, {}, { 'retry-after': '0' }), refund);
  let fetched = 0;
  const payments = createPayments({
    baseUrl: service.baseUrl,
    token: async () => {
      fetched += 1;
      return `token_${fetched}`;
    },
  });
  await payments.refunds.issue(order);
  assert.deepEqual(
    service.asked.map(({ headers }) => headers.authorization),
    ['Bearer token_1', 'Bearer token_2'],
  );
});

test('a list goes on until there is no next page, with what was asked and where the page before says', async () => {
  const page = (ids: string[], next?: string) =>
    json(
      200,
      { refunds: ids.map((refund_id) => ({ refund_id })) },
      next === undefined ? {} : { link: `</v1/admin/refunds?limit=2&cursor=${next}>; rel="next"` },
    );
  await using service = await startService(page(['a', 'b'], 'two'), page([], 'three'), page(['c']));
  const payments = createPayments({ baseUrl: service.baseUrl, token: 'token', brand_id: 'acme' });
  const ids: string[] = [];
  for await (const { refund_id } of payments.refunds.list({ limit: 2 })) ids.push(refund_id);
  assert.deepEqual(ids, ['a', 'b', 'c']);
  assert.deepEqual(
    service.asked.map(({ url }) => url),
    [
      '/v1/admin/refunds?limit=2',
      '/v1/admin/refunds?limit=2&cursor=two',
      '/v1/admin/refunds?limit=2&cursor=three',
    ],
  );
  assert.equal(service.asked[0]?.headers['x-brand-id'], 'acme');
  assert.equal(service.asked[0]?.headers['idempotency-key'], undefined);
});

test('an export comes row by row, wherever the stream is cut', async () => {
  const text = [1, 2, 3].map((n) => `{"refund_id":"é${n}"}\n`).join('');
  const bytes = Buffer.from(text);
  await using service = await startService((_, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    for (const byte of bytes) response.write(Buffer.from([byte]));
    response.end();
  });
  const payments = createPayments({ baseUrl: service.baseUrl, token: 'token' });
  const ids: string[] = [];
  for await (const { refund_id } of payments.refunds.export()) ids.push(refund_id);
  assert.deepEqual(ids, ['é1', 'é2', 'é3']);
});

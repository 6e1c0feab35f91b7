import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import Stripe from 'stripe';
import {
  createStripe,
  explainStripe,
  isLiveKey,
  knock,
  type StripeFailure,
  stripeFailure,
} from './client.ts';

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
}

/** A server that gives these answers in turn, the last one for ever, and remembers what was asked and when. */
async function scripted(
  answers: Answer[],
  work: (url: string, asked: { at: number; headers: http.IncomingHttpHeaders }[]) => Promise<void>,
): Promise<void> {
  const asked: { at: number; headers: http.IncomingHttpHeaders }[] = [];
  const server = http.createServer((request, response) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)];
    asked.push({ at: performance.now(), headers: request.headers });
    request.resume();
    if (answer === undefined) return;
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    response.end(JSON.stringify(answer.body ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const RATE_LIMITED: Answer = {
  status: 429,
  body: { error: { type: 'invalid_request_error', code: 'rate_limit', message: 'Too many requests' } },
};
const BALANCE: Answer = { status: 200, body: { object: 'balance', available: [] } };

test('what is answered 429 is asked again, not before Retry-After', async () => {
  await scripted([{ ...RATE_LIMITED, headers: { 'retry-after': '1' } }, BALANCE], async (url, asked) => {
    await createStripe({ api_key: 'sk_test_1', api_base: url }).balance.retrieve();
    const [first, second] = asked;
    assert.ok(first && second);
    assert.ok(second.at - first.at >= 1_000, `asked again after ${second.at - first.at} ms`);
  });
});

test('without Retry-After a 429 is asked again after growing waits', async () => {
  await scripted([RATE_LIMITED, RATE_LIMITED, RATE_LIMITED, BALANCE], async (url, asked) => {
    await createStripe({ api_key: 'sk_test_1', api_base: url }).balance.retrieve();
    assert.equal(asked.length, 4);
    const waits = asked.slice(1).map(({ at }, index) => at - (asked[index]?.at ?? 0));
    assert.ok((waits[0] ?? 0) >= 125 && (waits[2] ?? 0) >= 500, `waited ${waits.map(Math.round)} ms`);
  });
});

test('a POST that is repeated after a 429 keeps its idempotency key', async () => {
  await scripted(
    [RATE_LIMITED, { status: 200, body: { id: 're_1', object: 'refund' } }],
    async (url, asked) => {
      await createStripe({ api_key: 'sk_test_1', api_base: url }).refunds.create({ charge: 'ch_1' });
      const keys = asked.map(({ headers }) => headers['idempotency-key']);
      assert.equal(keys.length, 2);
      assert.ok(keys[0]);
      assert.equal(keys[0], keys[1]);
    },
  );
});

test('a Retry-After that no worker should wait for is left to the job queue', async () => {
  await scripted([{ ...RATE_LIMITED, headers: { 'retry-after': '3600' } }], async (url, asked) => {
    await assert.rejects(
      createStripe({ api_key: 'sk_test_1', api_base: url }).balance.retrieve(),
      Stripe.errors.StripeRateLimitError,
    );
    assert.equal(asked.length, 1);
  });
});

test('a Stripe that does not answer is given up after the time allowed, and nothing is told of past requests', async () => {
  await scripted([], async (url, asked) => {
    const stripe = createStripe({ api_key: 'sk_test_1', api_base: url, timeout_ms: 50 });
    const started = performance.now();
    await assert.rejects(stripe.balance.retrieve(), Stripe.errors.StripeConnectionError);
    assert.ok(performance.now() - started < 5_000);
    assert.equal(asked.length, 3, 'asked once, and twice again');
    assert.ok(asked.every(({ headers }) => headers['x-stripe-client-telemetry'] === undefined));
  });
});

test('failures are told apart by whether asking again can help', async () => {
  const error = (code: string) => ({ error: { type: 'invalid_request_error', code, message: 'No' } });
  const cases: [Answer, StripeFailure, RegExp][] = [
    [{ status: 404, body: error('resource_missing') }, 'gone', /answered with 404/],
    // Of an address that is not Stripe's, or not of the API: it says nothing of the object.
    [{ status: 404, body: error('') }, 'transient', /answered with 404/],
    [{ status: 400, body: error('parameter_unknown') }, 'refused', /answered with 400/],
    [{ status: 401, body: error('') }, 'transient', /does not take STRIPE_API_KEY/],
    [{ status: 403, body: error('') }, 'transient', /may not read/],
    [{ status: 500, headers: { 'stripe-should-retry': 'false' }, body: error('') }, 'transient', /with 500/],
    [
      { status: 409, headers: { 'stripe-should-retry': 'false' }, body: error('idempotency_key_in_use') },
      'transient',
      /with 409/,
    ],
  ];
  for (const [answer, failure, sentence] of cases) {
    await scripted([answer], async (url) => {
      const stripe = createStripe({ api_key: 'sk_test_1', api_base: url });
      const thrown = await stripe.balance.retrieve().catch((reason: unknown) => reason);
      assert.equal(stripeFailure(thrown), failure, String(answer.status));
      assert.match(explainStripe(thrown) ?? '', sentence);
    });
  }
  assert.equal(stripeFailure(new Error('ours')), undefined);
  assert.equal(explainStripe(new Error('ours')), undefined);
});

test('a knock says whether Stripe answers and takes the key', async () => {
  const at = (url: string) => knock(createStripe({ api_key: 'rk_test_1', api_base: url }));
  await scripted([BALANCE], async (url) => await at(url));
  await scripted(
    [{ status: 403, body: { error: { type: 'invalid_request_error' } } }],
    async (url) => await at(url),
  );
  await scripted([{ status: 401, body: { error: { type: 'invalid_request_error' } } }], async (url) => {
    await assert.rejects(at(url));
  });
  await assert.rejects(at('http://127.0.0.1:1'));
});

test('a key tells its mode, or does not', () => {
  assert.equal(isLiveKey('sk_live_1'), true);
  assert.equal(isLiveKey('rk_test_1'), false);
  assert.equal(isLiveKey('local'), undefined);
});

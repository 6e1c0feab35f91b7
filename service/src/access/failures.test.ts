import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestApp } from '../../../test/support/app.ts';
import { UNLIMITED } from '../../../test/support/limits.ts';
import { until } from '../stripe/test-world.ts';
import type { Issuer } from './issuer.ts';

const LIMIT = 5;

/** An app whose issuer counts what it is asked; callers name their address. */
async function startGuessed({ expires_in_ms = 3_600_000 } = {}) {
  const asked: string[] = [];
  const issuer: Issuer = {
    async check(token) {
      asked.push(token);
      if (!token.startsWith('good')) return undefined;
      return {
        sub: token,
        client_id: token,
        scopes: new Set(['admin:refunds.read']),
        brand: undefined,
        roles: undefined,
        signed_in_at_ms: undefined,
        expires_at_ms: Date.now() + expires_in_ms,
      };
    },
    reach: async () => {},
  };
  const options = {
    issuer,
    limits: { ...UNLIMITED, failures_per_minute: LIMIT },
    trustProxy: ['loopback'],
  };
  const service = await startTestApp(options);
  const askAt = async (url: string, address: string, authorization?: string) => {
    const response = await fetch(`${url}/v1/admin/refunds`, {
      headers: { 'x-forwarded-for': address, ...(authorization === undefined ? {} : { authorization }) },
    });
    const body = (await response.json()) as { error?: string };
    return { status: response.status, error: body.error, retry_after: response.headers.get('retry-after') };
  };
  return {
    service,
    options,
    asked,
    askAt,
    ask: (address: string, authorization?: string) => askAt(service.url, address, authorization),
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}

test('guessing is cut off by address before the issuer is asked, whatever is guessed', async () => {
  await using world = await startGuessed();
  const { ask, asked } = world;
  assert.equal((await ask('192.0.2.1', 'Bearer good-known')).status, 200);
  for (let guess = 0; guess < LIMIT - 1; guess += 1) {
    assert.equal((await ask('192.0.2.1', `Bearer guess-${guess}`)).status, 401);
  }
  assert.equal((await ask('192.0.2.1', 'Bearer not,a,token')).status, 400);
  const questions = asked.length;
  for (const authorization of [
    'Bearer guess-0',
    'Bearer new-guess',
    'Bearer good-but-unknown',
    'Bearer not,a,token',
  ]) {
    const { status, error, retry_after } = await ask('192.0.2.1', authorization);
    assert.equal(status, 429, authorization);
    assert.equal(error, 'rate_limited');
    assert.ok(Number(retry_after) > 0 && Number(retry_after) <= 60, `${retry_after}`);
  }
  assert.equal(asked.length, questions);

  assert.equal((await ask('192.0.2.1', 'Bearer good-known')).status, 200, 'a token that is known');
  assert.equal((await ask('192.0.2.1')).status, 401, 'no token is no guess');
  assert.equal((await ask('192.0.2.2', 'Bearer guess-0')).status, 401, 'another address');
  assert.equal((await ask('192.0.2.2', 'Bearer good-but-unknown')).status, 200);
});

test('nobody is kept out for using their own tokens, however many', async () => {
  await using world = await startGuessed();
  for (let number = 0; number < 3 * LIMIT; number += 1) {
    assert.equal((await world.ask('192.0.2.3', `Bearer good-${number}`)).status, 200);
  }
  for (let number = 0; number < 3 * LIMIT; number += 1) {
    assert.equal((await world.ask('192.0.2.3')).status, 401);
  }
  assert.equal((await world.ask('192.0.2.3', 'Bearer good-after')).status, 200);
});

test('guesses at one instance count at the others', async () => {
  await using world = await startGuessed();
  await using other = await startTestApp({ ...world.options, beside: world.service });
  for (let guess = 0; guess < LIMIT; guess += 1) {
    assert.equal((await world.ask('2001:db8::1', `Bearer guess-${guess}`)).status, 401);
  }
  let guesses = 0;
  await until(async () => {
    guesses += 1;
    return (await world.askAt(other.url, '2001:db8::2', `Bearer other-${guesses}`)).status === 429;
  });
  assert.ok(guesses <= LIMIT + 1, `${guesses}`);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Issuer, IssuerUnavailable } from './issuer.ts';
import type { TokenFacts } from './token-facts.ts';
import { createTokens } from './tokens.ts';

function facts(life_ms = 3_600_000): TokenFacts {
  return {
    sub: 'developer',
    client_id: 'developer',
    scopes: new Set(['admin:refunds.read']),
    brand: undefined,
    roles: undefined,
    signed_in_at_ms: undefined,
    expires_at_ms: Date.now() + life_ms,
  };
}

/** An issuer that answers as told and remembers what it was asked. */
function issuer(answer: (token: string) => Promise<TokenFacts | undefined>): Issuer & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    check(token) {
      asked.push(token);
      return answer(token);
    },
    reach: async () => {},
  };
}

test('a token is asked about once, then remembered', async () => {
  const one = issuer(async () => facts());
  const tokens = createTokens(one);
  for (let call = 0; call < 3; call += 1) assert.equal((await tokens.lookUp('a'))?.client_id, 'developer');
  assert.deepEqual(one.asked, ['a']);
});

test('a hundred calls at once with the same token ask the issuer once', async () => {
  const { promise, resolve } = Promise.withResolvers<TokenFacts>();
  const one = issuer(() => promise);
  const tokens = createTokens(one);
  const calls = Array.from({ length: 100 }, () => tokens.lookUp('a'));
  resolve(facts());
  for (const found of await Promise.all(calls)) assert.equal(found?.client_id, 'developer');
  assert.deepEqual(one.asked, ['a']);
});

test('different tokens never share an answer', async () => {
  const one = issuer(async (token) => (token === 'good' ? facts() : undefined));
  const tokens = createTokens(one);
  const [good, bad] = await Promise.all([tokens.lookUp('good'), tokens.lookUp('bad')]);
  assert.ok(good);
  assert.equal(bad, undefined);
});

test('that a token is bad is remembered too, so that a dead token does not flood the issuer', async () => {
  const one = issuer(async () => undefined);
  const tokens = createTokens(one);
  for (let call = 0; call < 3; call += 1) assert.equal(await tokens.lookUp('dead'), undefined);
  assert.deepEqual(one.asked, ['dead']);
});

test('that the issuer failed is not remembered: it is asked again, and its answer counts', async () => {
  let up = false;
  const one = issuer(async () => {
    if (!up) throw new IssuerUnavailable('down');
    return facts();
  });
  const tokens = createTokens(one);
  await assert.rejects(tokens.lookUp('a'), IssuerUnavailable);
  await assert.rejects(tokens.lookUp('a'), IssuerUnavailable);
  up = true;
  assert.ok(await tokens.lookUp('a'));
  assert.equal(one.asked.length, 3);
});

test('a remembered token is refused as soon as it has expired', async () => {
  const dead_at = Date.now() + 150;
  const one = issuer(async () => (Date.now() < dead_at ? { ...facts(), expires_at_ms: dead_at } : undefined));
  const tokens = createTokens(one);
  assert.ok(await tokens.lookUp('a'));
  while (Date.now() <= dead_at) {
    const found = await tokens.lookUp('a');
    // The answer may come after the deadline was passed; what counts is that none comes with an expiry in the past.
    if (found !== undefined) assert.ok(found.expires_at_ms === dead_at);
    await new Promise(setImmediate);
  }
  assert.equal(await tokens.lookUp('a'), undefined);
});

test('an answer that says active and has expired is not believed', async () => {
  const tokens = createTokens(issuer(async () => facts(-1)));
  assert.equal(await tokens.lookUp('a'), undefined);
});

test('when more tokens are asked about at once than are remembered, no caller is told anything but good, bad or unavailable', async () => {
  const tokens = createTokens(issuer(async () => undefined));
  const answers = await Promise.allSettled(
    Array.from({ length: 12_000 }, (_, n) => tokens.lookUp(`token${n}`)),
  );
  for (const answer of answers) {
    if (answer.status === 'rejected')
      assert.ok(answer.reason instanceof IssuerUnavailable, String(answer.reason));
    else assert.equal(answer.value, undefined);
  }
});

test('bad tokens do not push good ones out: a caller with a good one is not slowed by a flood of guesses', async () => {
  const one = issuer(async (token) => (token === 'good' ? facts() : undefined));
  const tokens = createTokens(one);
  await tokens.lookUp('good');
  for (let guess = 0; guess < 11_000; guess += 1) await tokens.lookUp(`guess${guess}`);
  await tokens.lookUp('good');
  assert.equal(one.asked.filter((token) => token === 'good').length, 1);
});

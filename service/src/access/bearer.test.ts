import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '../errors.ts';
import { bearerToken, challenge } from './bearer.ts';

/** What Node makes of these header lines: the first `Authorization` wins, the raw ones are all there. */
function request(...lines: [name: string, value: string][]) {
  const authorization = lines.find(([name]) => name.toLowerCase() === 'authorization')?.[1];
  return { headers: authorization === undefined ? {} : { authorization }, rawHeaders: lines.flat() };
}

function refusal(...lines: [name: string, value: string][]): ServiceError {
  try {
    bearerToken(request(...lines));
  } catch (error) {
    assert.ok(error instanceof ServiceError);
    return error;
  }
  assert.fail('a token was found');
}

for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
  test(`the scheme may be written ${scheme}`, () => {
    assert.equal(
      bearerToken(request(['Authorization', `${scheme} lph_at_-._~+/09AZ==`])),
      'lph_at_-._~+/09AZ==',
    );
  });
}

for (const [what, lines] of [
  ['no header', []],
  ['an empty header', [['Authorization', '']]],
  ['another scheme', [['Authorization', 'Basic cGF5bWVudHM6']]],
  ['a bare token', [['Authorization', 'lph_at_abc']]],
] as [string, [string, string][]][]) {
  test(`${what} is a 401 whose challenge names no error, as nothing was tried (RFC 6750, 3.1)`, () => {
    const error = refusal(...lines);
    assert.equal(error.status, 401);
    assert.equal(error.code, 'unauthenticated');
    assert.deepEqual(error.headers, { 'www-authenticate': 'Bearer realm="payments"' });
  });
}

for (const header of [
  'Bearer',
  'Bearer ',
  'Bearer a b',
  'Bearer a,b',
  'Bearer a=b',
  'Bearer tök',
  'Bearer "a"',
  'Bearer a, Bearer b',
]) {
  test(`Authorization: ${header} is malformed: 400 invalid_request`, () => {
    const error = refusal(['Authorization', header]);
    assert.equal(error.status, 400);
    assert.equal(error.code, 'validation_error');
    assert.equal(error.field, 'Authorization');
    assert.match(error.headers['www-authenticate'] ?? '', /error="invalid_request"/);
    assert.doesNotMatch(error.message, /"a"|tök/);
  });
}

test('two Authorization headers are refused, also the same one twice, in any spelling', () => {
  const error = refusal(['Authorization', 'Bearer a'], ['Host', 'x'], ['authorization', 'Bearer a']);
  assert.equal(error.status, 400);
  assert.match(error.headers['www-authenticate'] ?? '', /error="invalid_request"/);
});

test('a value that reads Authorization is not mistaken for a second header', () => {
  assert.equal(bearerToken(request(['X-Note', 'authorization'], ['Authorization', 'Bearer a'])), 'a');
});

test('a challenge names the error and the scope that would do', () => {
  assert.deepEqual(challenge('insufficient_scope', 'admin:refunds.read'), {
    'www-authenticate': 'Bearer realm="payments", error="insufficient_scope", scope="admin:refunds.read"',
  });
});

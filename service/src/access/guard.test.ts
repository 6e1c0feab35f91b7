import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startTestApp } from '../../../test/support/app.ts';
import { sendRaw } from '../../../test/support/raw.ts';
import { addRefunds } from '../../../test/support/rows.ts';
import { principalOf } from './guard.ts';
import { connectIssuer } from './issuer.ts';

const service = await startTestApp({
  extend(app) {
    app.get(
      '/v1/who',
      { config: { audited: false }, schema: { security: [{ accessToken: ['admin:refunds.read'] }] } },
      async (request) => {
        const { scopes, ...rest } = principalOf(request);
        return { ...rest, scopes: [...scopes] };
      },
    );
    app.get(
      '/v1/either',
      {
        config: { audited: false },
        schema: {
          security: [
            { accessToken: ['admin:refunds.issue'] },
            { accessToken: ['write:refunds', 'read:payments'] },
          ],
        },
      },
      async () => ({}),
    );
    app.get(
      '/v1/any-token',
      { config: { audited: false }, schema: { security: [{ accessToken: [] }] } },
      async () => ({}),
    );
  },
});
after(() => service[Symbol.asyncDispose]());

async function ask(path: string, token: string | undefined, headers: Record<string, string> = {}) {
  const response = await fetch(`${service.url}${path}`, {
    headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers },
  });
  return {
    status: response.status,
    challenge: response.headers.get('www-authenticate'),
    retryAfter: response.headers.get('retry-after'),
    body: (await response.json()) as Record<string, unknown>,
  };
}

async function mint(request: Parameters<typeof service.issuer.mintToken>[0]): Promise<string> {
  return (await service.issuer.mintToken(request)).access_token;
}

const LIST = '/v1/admin/refunds';
const READ = { scope: 'admin:refunds.read' };

test('without a token the answer is 401 unauthenticated and says how to bring one', async () => {
  const { status, challenge, body } = await ask(LIST, undefined);
  assert.equal(status, 401);
  assert.equal(body.error, 'unauthenticated');
  assert.equal(challenge, 'Bearer realm="payments"');
});

for (const [what, token] of [
  ['unknown', async () => 'lph_at_nobody_made_this'],
  ['expired', () => mint({ ...READ, expires_in_s: -1 })],
  ['made for another audience', () => mint({ ...READ, audience: 'urn:other' })],
  [
    'revoked',
    async () => {
      const token = await mint(READ);
      await fetch(`${service.issuer.url}/token/revocation`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(`developer:${service.issuer.clients.developer}`)}` },
        body: new URLSearchParams({ token }),
      });
      return token;
    },
  ],
] as [string, () => Promise<string>][]) {
  test(`a token that is ${what} is a 401 invalid_token, at the first call and at the next`, async () => {
    const bad = await token();
    for (let call = 0; call < 2; call += 1) {
      const { status, challenge, body } = await ask(LIST, bad);
      assert.equal(status, 401);
      assert.equal(body.error, 'invalid_token');
      assert.match(challenge ?? '', /^Bearer realm="payments", error="invalid_token"/);
      assert.ok(!JSON.stringify(body).includes(bad));
    }
  });
}

test('two Authorization headers are a 400, also where both tokens are good', async () => {
  const token = await mint(READ);
  const header = `Authorization: Bearer ${token}\r\n`;
  const answer = await sendRaw(
    service.port,
    `GET ${LIST} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${header}${header}\r\n`,
  );
  assert.equal(answer.status, 400);
  assert.equal(JSON.parse(answer.body).error, 'validation_error');
  assert.match(answer.headers.get('www-authenticate') ?? '', /error="invalid_request"/);
});

test('a malformed Authorization header is a 400 invalid_request', async () => {
  const { status, challenge } = await ask(LIST, 'two words');
  assert.equal(status, 400);
  assert.match(challenge ?? '', /error="invalid_request"/);
});

test('a token in the query is not taken for one, nor read', async () => {
  const { status, body } = await ask(`${LIST}?access_token=${await mint(READ)}`, undefined);
  assert.equal(status, 401);
  assert.equal(body.error, 'unauthenticated');
});

test('a good token without the scope is a 403 that names the scope, in words and for machines', async () => {
  const { status, challenge, body } = await ask(LIST, await mint({ scope: 'admin:payments.read' }));
  assert.equal(status, 403);
  assert.equal(body.error, 'insufficient_scope');
  assert.match(String(body.message), /admin:refunds\.read/);
  assert.equal(challenge, 'Bearer realm="payments", error="insufficient_scope", scope="admin:refunds.read"');
});

test('a person without a role may see nothing', async () => {
  const { status, body } = await ask(LIST, await mint({ as: 'nobody' }));
  assert.equal(status, 403);
  assert.equal(body.error, 'insufficient_scope');
});

test('the scope above opens what lies under it', async () => {
  assert.equal((await ask(LIST, await mint({ scope: 'admin:refunds' }))).status, 200);
});

for (const [scope, status] of [
  ['admin:refunds.issue', 200],
  ['admin:refunds', 200],
  ['write:refunds', 403],
  ['write:refunds read:payments', 200],
] as const) {
  test(`where either of two grants will do, ${scope} is answered ${status}`, async () => {
    assert.equal((await ask('/v1/either', await mint({ scope }))).status, status);
  });
}

test('an operation that asks for no scope still asks for a token', async () => {
  assert.equal((await ask('/v1/any-token', undefined)).status, 401);
  assert.equal((await ask('/v1/any-token', await mint({ as: 'nobody' }))).status, 200);
});

test('scopes are checked before the query is: who may not ask learns nothing of the parameters', async () => {
  assert.equal((await ask(`${LIST}?limit=abc`, undefined)).status, 401);
  assert.equal((await ask(`${LIST}?limit=abc`, await mint({ scope: 'admin:payments.read' }))).status, 403);
});

test("a service's call is its client's, a person's is the person's", async () => {
  const { body: robot } = await ask('/v1/who', await mint(READ));
  assert.deepEqual(robot, {
    actor_type: 'service',
    actor_id: 'developer',
    client_id: 'developer',
    brand_id: 'default',
    brand_is_default: true,
    scopes: ['admin:refunds.read'],
  });
  const { body: person } = await ask('/v1/who', await mint({ as: 'agent', brand: 'acme' }));
  assert.equal(person.actor_type, 'user');
  assert.equal(person.actor_id, 'agent');
  assert.equal(person.client_id, 'console');
  assert.equal(person.brand_id, 'acme');
});

test("a brand's token sees that brand only; of another brand there is neither a list nor a single refund", async () => {
  const [ours] = await addRefunds(service.pool, { customer_id: 'c', brand_id: 'acme', count: 1 });
  const [theirs] = await addRefunds(service.pool, { customer_id: 'c', brand_id: 'globex', count: 1 });
  const token = await mint({ ...READ, brand: 'acme' });
  const { body } = await ask(`${LIST}?customer_id=c`, token);
  assert.deepEqual(
    (body.refunds as { refund_id: string }[]).map((refund) => refund.refund_id),
    [ours],
  );
  assert.equal((await ask(`${LIST}/${ours}`, token)).status, 200);
  const hidden = await ask(`${LIST}/${theirs}`, token);
  assert.equal(hidden.status, 404);
  assert.deepEqual(hidden.body, (await ask(`${LIST}/refund_that_never_was`, token)).body);
});

test("a brand's token that asks for another brand is a 403 forbidden; for its own it is heard", async () => {
  const token = await mint({ ...READ, brand: 'acme' });
  const { status, body } = await ask('/v1/who', token, { 'x-brand-id': 'globex' });
  assert.equal(status, 403);
  assert.equal(body.error, 'forbidden');
  assert.equal((await ask('/v1/who', token, { 'x-brand-id': 'acme' })).body.brand_id, 'acme');
});

test('a token without a brand names one by X-Brand-Id', async () => {
  assert.equal((await ask('/v1/who', await mint(READ), { 'x-brand-id': 'globex' })).body.brand_id, 'globex');
});

test('X-Brand-Id given twice is refused', async () => {
  const token = await mint(READ);
  const answer = await sendRaw(
    service.port,
    `GET ${LIST} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\nX-Brand-Id: acme\r\nX-Brand-Id: acme\r\n\r\n`,
  );
  assert.equal(answer.status, 400);
  assert.equal(JSON.parse(answer.body).field, 'X-Brand-Id');
});

test('while the issuer is down a token not yet known is a 503 that says when to come back, never an open door; then it works again', async () => {
  const known = await mint(READ);
  assert.equal((await ask(LIST, known)).status, 200);
  const fresh = await mint(READ);
  for (const kind of ['refuse', 'error_500'] as const) {
    await service.issuer.outage(kind);
    const { status, retryAfter, body } = await ask(LIST, fresh);
    assert.equal(status, 503, kind);
    assert.equal(body.error, 'service_unavailable');
    assert.match(retryAfter ?? '', /^\d+$/);
    assert.equal((await ask(LIST, known)).status, 200, 'what was found good stays good for its minute');
  }
  await service.issuer.restore();
  assert.equal((await ask(LIST, fresh)).status, 200);
});

test('a service whose issuer is down when it starts lets callers in as soon as the issuer is up', async () => {
  const issuer = service.issuer;
  await issuer.outage('refuse');
  await using late = await startTestApp({
    issuer: connectIssuer({
      issuer: issuer.url,
      client_id: 'payments-service',
      client_secret: issuer.clients['payments-service'],
    }),
  });
  const token = await mint(READ);
  const call = () => fetch(`${late.url}${LIST}`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal((await call()).status, 503);
  await issuer.restore();
  assert.equal((await call()).status, 200);
});

test('an operation without a declaration of who may call it cannot be added', async () => {
  await assert.rejects(
    startTestApp({ extend: (app) => app.get('/v1/open-by-mistake', async () => ({})) }),
    /GET.*\/v1\/open-by-mistake declares no security/,
  );
});

test('hiding an operation from the document does not open it', async () => {
  await assert.rejects(
    startTestApp({ extend: (app) => app.get('/v1/hidden', { schema: { hide: true } }, async () => ({})) }),
    /declares no security/,
  );
});

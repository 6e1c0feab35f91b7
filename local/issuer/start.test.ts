import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ClientId } from './clients.ts';
import { PEOPLE } from './people.ts';
import { API_AUDIENCE, API_SCOPES } from './scopes.ts';
import { type Issuer, type IssuerOptions, startIssuer } from './start.ts';

type Json = Record<string, unknown>;

/** A connection of its own each time: one kept from before an outage or a restart would fail once more. */
async function get(url: string, init: RequestInit = {}): Promise<Response> {
  return await fetch(url, { ...init, headers: { connection: 'close' } });
}

async function start(t: TestContext, options: IssuerOptions = {}): Promise<Issuer> {
  const issuer = await startIssuer(options);
  t.after(() => issuer.close());
  return issuer;
}

async function post(
  issuer: Issuer,
  path: string,
  client: ClientId,
  form: Record<string, string>,
): Promise<{ status: number; body: Json }> {
  const response = await fetch(issuer.url + path, {
    method: 'POST',
    headers: {
      authorization: `Basic ${btoa(`${client}:${issuer.clients[client]}`)}`,
      connection: 'close',
    },
    body: new URLSearchParams(form),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Json) };
}

async function introspect(issuer: Issuer, token: string): Promise<Json> {
  return (await post(issuer, '/token/introspection', 'payments-service', { token })).body;
}

test('discovery names every address that the service and the console need', async (t) => {
  const { url } = await start(t);
  const response = await fetch(`${url}/.well-known/openid-configuration`);
  const metadata = (await response.json()) as Json;
  assert.equal(metadata.issuer, url);
  for (const name of ['authorization', 'token', 'introspection', 'revocation', 'end_session']) {
    assert.ok(String(metadata[`${name}_endpoint`]).startsWith(`${url}/`), name);
  }
  assert.deepEqual(metadata.code_challenge_methods_supported, ['S256']);
  assert.deepEqual(metadata.scopes_supported, ['openid', 'offline_access', ...API_SCOPES]);
  const jwks = (await (await fetch(String(metadata.jwks_uri))).json()) as { keys: Json[] };
  assert.equal(jwks.keys.length, 1);
  assert.equal(jwks.keys[0]?.d, undefined, 'the private half stays here');
});

test('a service gets an opaque token in the shape of the platform, for one hour and for the payments API', async (t) => {
  const issuer = await start(t);
  const { status, body } = await post(issuer, '/token', 'back-office', {
    grant_type: 'client_credentials',
    scope: 'admin:refunds admin:payments.read',
  });
  assert.equal(status, 200);
  assert.match(String(body.access_token), /^lph_at_[\w-]{43}$/);
  assert.equal(body.expires_in, 3600);
  const { exp, iat, ...claims } = await introspect(issuer, String(body.access_token));
  assert.deepEqual(claims, {
    active: true,
    sub: 'back-office',
    client_id: 'back-office',
    scope: 'admin:refunds admin:payments.read',
    iss: issuer.url,
    aud: API_AUDIENCE,
    token_type: 'Bearer',
  });
  assert.equal(Number(exp) - Number(iat), 3600);
});

test('a service gets no scope that its client does not have, and nobody gets anything with a wrong secret', async (t) => {
  const issuer = await start(t);
  const form = { grant_type: 'client_credentials', scope: 'write:refunds' };
  assert.deepEqual((await post(issuer, '/token', 'back-office', form)).body.error, 'invalid_scope');
  const clients = { ...issuer.clients, developer: 'wrong' };
  assert.equal((await post({ ...issuer, clients }, '/token', 'developer', form)).status, 401);
});

test('another resource than the payments API is refused', async (t) => {
  const issuer = await start(t);
  const { body } = await post(issuer, '/token', 'back-office', {
    grant_type: 'client_credentials',
    scope: 'admin:refunds',
    resource: 'urn:other:api',
  });
  assert.equal(body.error, 'invalid_target');
});

test('a token that has expired, was revoked or was never given is inactive, and nothing more is said about it', async (t) => {
  const issuer = await start(t);
  const scope = 'admin:refunds.read';
  const expired = await issuer.mintToken({ scope, expires_in_s: -1 });
  assert.deepEqual(await introspect(issuer, expired.access_token), { active: false });
  assert.deepEqual(await introspect(issuer, 'lph_at_unknown'), { active: false });

  for (const [client, token] of [
    ['developer', await issuer.mintToken({ scope })],
    ['console', await issuer.mintToken({ as: 'agent' })],
  ] as const) {
    assert.equal((await introspect(issuer, token.access_token)).active, true);
    await post(issuer, '/token/revocation', client, { token: token.access_token });
    assert.deepEqual(await introspect(issuer, token.access_token), { active: false });
  }
});

test('only the API and the client that a token was given to may look into it', async (t) => {
  const issuer = await start(t);
  const { access_token: token } = await issuer.mintToken({ scope: 'admin:refunds.read' });
  const asked = async (client: ClientId) =>
    (await post(issuer, '/token/introspection', client, { token })).body.active;
  assert.equal(await asked('payments-service'), true);
  assert.equal(await asked('developer'), true);
  assert.equal(await asked('back-office'), false);
});

test('a token minted on demand holds the brand, the audience and the lifetime that were asked for', async (t) => {
  const issuer = await start(t);
  const { access_token, expires_in } = await issuer.mintToken({
    scope: 'read:payments write:refunds',
    brand: 'northwind',
    audience: 'urn:other:api',
    expires_in_s: 60,
  });
  assert.equal(expires_in, 60);
  const claims = await introspect(issuer, access_token);
  assert.equal(claims.brand, 'northwind');
  assert.equal(claims.aud, 'urn:other:api');
  assert.equal(claims.scope, 'read:payments write:refunds');
  assert.equal(claims.sub, 'developer');
  assert.equal(Number(claims.exp) - Number(claims.iat), 60);
});

test('a person never gets more than the role has, whatever is asked for', async (t) => {
  const issuer = await start(t);
  for (const { id, scopes } of PEOPLE) {
    for (const request of [{ as: id }, { as: id, scope: API_SCOPES.join(' ') }]) {
      const minted = await issuer.mintToken(request);
      const claims = await introspect(issuer, minted.access_token);
      assert.equal(minted.scope, scopes.join(' '));
      assert.equal(claims.scope ?? '', scopes.join(' '));
      assert.equal(claims.sub, id);
    }
  }
  const { scope } = await issuer.mintToken({
    as: 'agent',
    scope: 'admin:refunds.read admin:refunds.approve',
  });
  assert.equal(scope, 'admin:refunds.read');
});

test('a scope that covers others gives a person what the role has under it', async (t) => {
  const issuer = await start(t);
  const { scope } = await issuer.mintToken({ as: 'agent', scope: 'admin:refunds' });
  assert.equal(scope, 'admin:refunds.read admin:refunds.issue');
});

test('a wish that cannot be met is refused in words that name what there is', async (t) => {
  const { mintToken } = await start(t);
  await assert.rejects(
    mintToken({ scope: 'admin:refund.read' }),
    /Unknown scope: admin:refund\.read\. Known/,
  );
  await assert.rejects(mintToken({ as: 'root' }), /Unknown person: root\. Known are: agent, approver/);
  await assert.rejects(mintToken({}), /A scope is needed/);
  await assert.rejects(mintToken({ as: 'agent', expires_in_s: 0.5 }), /whole number of seconds/);
});

test('the control address mints tokens for who has the secret, and for nobody else', async (t) => {
  const issuer = await start(t, { controlSecret: 'correct horse' });
  const ask = async (secret: string | undefined, body: string, method = 'POST') =>
    await fetch(`${issuer.url}/_control/tokens`, {
      method,
      headers: secret === undefined ? {} : { authorization: `Bearer ${secret}` },
      ...(method === 'POST' ? { body } : {}),
    });
  const wish = JSON.stringify({ scope: 'admin:refunds.read', brand: 'northwind' });

  const good = await ask('correct horse', wish);
  assert.equal(good.status, 200);
  const { access_token } = (await good.json()) as { access_token: string };
  assert.equal((await introspect(issuer, access_token)).brand, 'northwind');

  assert.equal((await ask('wrong', wish)).status, 401);
  assert.equal((await ask(undefined, wish)).status, 401);
  assert.equal((await ask('correct horse', '{')).status, 400);
  assert.equal((await ask('correct horse', 'null')).status, 400);
  assert.equal((await ask('correct horse', '{"scope": 1}')).status, 400);
  assert.equal((await ask('correct horse', '{"scope": "everything"}')).status, 400);
  assert.equal((await ask('correct horse', '', 'GET')).status, 405);

  const without = await start(t);
  const response = await fetch(`${without.url}/_control/tokens`, { method: 'POST', body: wish });
  assert.equal(response.status, 404);
});

test('a restart keeps its address, its secrets and every token; only our own account can read them', async (t) => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'payments-issuer-test-'));
  t.after(() => rmSync(dataDirectory, { recursive: true, force: true }));
  const first = await start(t, { dataDirectory });
  const kept = await first.mintToken({ as: 'finance', brand: 'northwind' });
  const revoked = await first.mintToken({ scope: 'admin:refunds.read' });
  await post(first, '/token/revocation', 'developer', { token: revoked.access_token });
  const keys = await (await get(`${first.url}/jwks`)).json();
  for (const name of readdirSync(dataDirectory)) {
    assert.equal(statSync(join(dataDirectory, name)).mode & 0o777, 0o600, name);
  }
  await first.close();

  const second = await start(t, { dataDirectory });
  assert.equal(second.url, first.url);
  assert.deepEqual(second.clients, first.clients);
  assert.deepEqual(await (await get(`${second.url}/jwks`)).json(), keys);
  const claims = await introspect(second, kept.access_token);
  assert.deepEqual([claims.active, claims.sub, claims.brand], [true, 'finance', 'northwind']);
  assert.deepEqual(await introspect(second, revoked.access_token), { active: false });
});

test('when the last port is taken it moves to a free one', async (t) => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'payments-issuer-test-'));
  t.after(() => rmSync(dataDirectory, { recursive: true, force: true }));
  const first = await start(t, { dataDirectory });
  await first.close();
  await start(t, { port: first.port });
  const second = await start(t, { dataDirectory });
  assert.notEqual(second.port, first.port);
  await assert.rejects(startIssuer({ port: first.port }), { code: 'EADDRINUSE' });
});

test('it can refuse connections, leave requests hanging or answer 500, and be well again', async (t) => {
  const issuer = await start(t);
  const jwks = (timeout_ms = 5_000) => get(`${issuer.url}/jwks`, { signal: AbortSignal.timeout(timeout_ms) });

  await issuer.outage('refuse');
  await assert.rejects(jwks(), (error: Error & { cause?: { code?: string } }) => {
    return error.cause?.code === 'ECONNREFUSED';
  });
  await issuer.outage('error_500');
  assert.equal((await jwks()).status, 500);
  await issuer.outage('hang');
  await assert.rejects(jwks(100), { name: 'TimeoutError' });
  await issuer.restore();
  assert.equal((await jwks()).status, 200);
  await issuer.outage('refuse');
  await issuer.restore();
  assert.equal((await jwks()).status, 200);
});

test('it listens on loopback only and does not answer to another name (DNS rebinding)', async (t) => {
  await assert.rejects(startIssuer({ host: '0.0.0.0' }), /listens on loopback only/);
  const { port } = await start(t);
  const ask = async (host: string) =>
    await new Promise((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port, path: '/jwks', headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      asked.on('error', reject).end();
    });
  assert.equal(await ask(`attacker.example:${port}`), 421);
  assert.equal(await ask(`localhost:${port}`), 200);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { API_AUDIENCE } from '../../../local/issuer/scopes.ts';
import { startIssuer } from '../../../local/issuer/start.ts';
import { connectIssuer, IssuerUnavailable } from './issuer.ts';

const local = await startIssuer();
after(() => local.close());

const credentials = { client_id: 'payments-service', client_secret: local.clients['payments-service'] };
const issuer = connectIssuer({ issuer: local.url, ...credentials, audience: API_AUDIENCE });

test("a service's token has its client, its scopes, its expiry and no brand", async () => {
  const { access_token } = await local.mintToken({ scope: 'admin:refunds.read admin:payments.read' });
  const facts = await issuer.check(access_token);
  assert.ok(facts);
  assert.equal(facts.client_id, 'developer');
  assert.ok(facts.sub === undefined || facts.sub === 'developer');
  assert.deepEqual([...facts.scopes].sort(), ['admin:payments.read', 'admin:refunds.read']);
  assert.equal(facts.brand, undefined);
  const life_ms = facts.expires_at_ms - Date.now();
  assert.ok(life_ms > 3_500_000 && life_ms <= 3_600_000, String(life_ms));
});

test("a person's token names the person, and the brand that it is bound to", async () => {
  const { access_token } = await local.mintToken({ as: 'agent', brand: 'acme' });
  const facts = await issuer.check(access_token);
  assert.equal(facts?.sub, 'agent');
  assert.equal(facts?.client_id, 'console');
  assert.equal(facts?.brand, 'acme');
});

test('a person without any role has a good token and no scope', async () => {
  const { access_token } = await local.mintToken({ as: 'nobody' });
  assert.deepEqual((await issuer.check(access_token))?.scopes, new Set());
});

test('an unknown, an expired and a revoked token are all not good', async () => {
  assert.equal(await issuer.check('lph_at_nobody_ever_made_this'), undefined);
  const expired = await local.mintToken({ scope: 'admin:refunds.read', expires_in_s: -1 });
  assert.equal(await issuer.check(expired.access_token), undefined);
  const { access_token } = await local.mintToken({ scope: 'admin:refunds.read' });
  assert.ok(await issuer.check(access_token));
  const response = await fetch(`${local.url}/token/revocation`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`developer:${local.clients.developer}`).toString('base64')}`,
    },
    body: new URLSearchParams({ token: access_token }),
  });
  assert.equal(response.status, 200);
  assert.equal(await issuer.check(access_token), undefined);
});

test('a token of a kind that the issuer does not look into is not good, and no outage', async () => {
  assert.equal(await issuer.check('eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.'), undefined);
});

test('a token of another audience is not good here, and is where no audience is asked for', async () => {
  const { access_token } = await local.mintToken({ scope: 'admin:refunds.read', audience: 'urn:other' });
  assert.equal(await issuer.check(access_token), undefined);
  assert.ok(await connectIssuer({ issuer: local.url, ...credentials }).check(access_token));
});

test('where there is no discovery, the introspection address alone is enough', async () => {
  const direct = connectIssuer({ introspection_url: `${local.url}/token/introspection`, ...credentials });
  const { access_token } = await local.mintToken({ scope: 'admin:refunds.read' });
  assert.equal((await direct.check(access_token))?.client_id, 'developer');
});

test('an issuer that sends us elsewhere is not followed: nobody else is told our secret or the token', async () => {
  const asked: string[] = [];
  const elsewhere = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.setHeader('content-type', 'application/json').end('{"active":true,"client_id":"anybody"}');
  }).listen(0, '127.0.0.1');
  await once(elsewhere, 'listening');
  const { port } = elsewhere.address() as AddressInfo;
  const sending = createServer((_request, response) => {
    response.writeHead(307, { location: `http://127.0.0.1:${port}/introspection` }).end();
  }).listen(0, '127.0.0.1');
  await once(sending, 'listening');
  const introspection_url = `http://127.0.0.1:${(sending.address() as AddressInfo).port}/introspection`;
  try {
    const sent = connectIssuer({ introspection_url, ...credentials });
    await assert.rejects(sent.check('a-token'), IssuerUnavailable);
    assert.deepEqual(asked, []);
  } finally {
    for (const server of [elsewhere, sending]) server.close().closeAllConnections();
  }
});

test('wrong credentials of ours mean unavailable, not that the token is bad', async () => {
  const stranger = connectIssuer({
    issuer: local.url,
    client_id: 'payments-service',
    client_secret: 'wrong',
  });
  const { access_token } = await local.mintToken({ scope: 'admin:refunds.read' });
  await assert.rejects(stranger.check(access_token), IssuerUnavailable);
});

test('an issuer that is down when first asked is asked again, and its answers count from then on', async () => {
  const other = await startIssuer();
  try {
    const patient = connectIssuer({
      issuer: other.url,
      client_id: 'payments-service',
      client_secret: other.clients['payments-service'],
    });
    const { access_token } = await other.mintToken({ scope: 'admin:refunds.read' });
    for (const kind of ['refuse', 'error_500', 'hang'] as const) {
      await other.outage(kind);
      await assert.rejects(patient.check(access_token), IssuerUnavailable, kind);
      await assert.rejects(patient.reach());
    }
    await other.restore();
    await patient.reach();
    assert.equal((await patient.check(access_token))?.client_id, 'developer');
    await other.outage('refuse');
    await assert.rejects(patient.check(access_token), IssuerUnavailable);
  } finally {
    await other.close();
  }
});

/** An issuer whose answers a test writes itself. */
async function answering(
  metadata: (url: string) => object,
  introspection: string,
  path = '/.well-known/openid-configuration',
) {
  const server = createServer((request, response) => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    if (request.method === 'POST') response.setHeader('content-type', 'application/json').end(introspection);
    else if (request.url === path)
      response.setHeader('content-type', 'application/json').end(JSON.stringify(metadata(url)));
    else response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    connection: connectIssuer({ issuer: url, client_id: 'payments', client_secret: 'secret' }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const usual = (url: string) => ({ issuer: url, introspection_endpoint: `${url}/introspect` });
const active = { active: true, client_id: 'developer', scope: 'admin:refunds.read' };

for (const [what, answer] of [
  ['is not JSON', '<html>'],
  ['does not say whether it is active', '{"client_id":"developer"}'],
  ['says active in words', '{"active":"true"}'],
  ['has an expiry that is no number', JSON.stringify({ ...active, exp: 'tomorrow' })],
] as const) {
  test(`an answer that ${what} is never a good token`, async () => {
    await using issuer = await answering(usual, answer);
    const outcome = await issuer.connection.check('a').catch((error: unknown) => {
      assert.ok(error instanceof IssuerUnavailable);
      return undefined;
    });
    assert.equal(outcome, undefined);
  });
}

test('an active token whose expiry is past is not good, whatever the issuer says', async () => {
  await using issuer = await answering(usual, JSON.stringify({ ...active, exp: 1_700_000_000 }));
  assert.equal(await issuer.connection.check('a'), undefined);
});

test('a token that is bound to a key (RFC 9449, RFC 8705) is no bearer token', async () => {
  await using issuer = await answering(usual, JSON.stringify({ ...active, cnf: { jkt: 'thumbprint' } }));
  assert.equal(await issuer.connection.check('a'), undefined);
});

test('a token that does not say to which client it was given is not taken for a service’s own', async () => {
  const answer = { active: true, sub: 'customer_1', scope: 'write:refunds' };
  await using issuer = await answering(usual, JSON.stringify(answer));
  const facts = await issuer.connection.check('a');
  assert.deepEqual([facts?.sub, facts?.client_id], ['customer_1', 'unknown']);
  await using other = await answering(usual, JSON.stringify({ ...answer, azp: 'app' }));
  assert.equal((await other.connection.check('a'))?.client_id, 'app');
});

test('a token of nobody, as far as the issuer says, is not good', async () => {
  await using issuer = await answering(usual, JSON.stringify({ active: true, scope: 'write:refunds' }));
  assert.equal(await issuer.connection.check('a'), undefined);
});

for (const [what, answer] of [
  ['is a refresh token in the issuer’s words', { ...active, token_use: 'refresh_token' }],
  ['is a refresh token by its type', { ...active, typ: 'Refresh' }],
  ['is bound to a key by its type (RFC 9449)', { ...active, token_type: 'DPoP' }],
] as const) {
  test(`a token that ${what} is no bearer token`, async () => {
    await using issuer = await answering(usual, JSON.stringify(answer));
    assert.equal(await issuer.connection.check('a'), undefined);
  });
}

test('an issuer that only has the metadata of RFC 8414 is found too', async () => {
  await using issuer = await answering(
    usual,
    JSON.stringify(active),
    '/.well-known/oauth-authorization-server',
  );
  assert.equal((await issuer.connection.check('a'))?.client_id, 'developer');
});

test('metadata that names another issuer is not believed', async () => {
  await using issuer = await answering(
    (url) => ({ ...usual(url), issuer: 'https://issuer.example' }),
    JSON.stringify(active),
  );
  await assert.rejects(issuer.connection.check('a'), IssuerUnavailable);
});

test('our credentials are never sent in the clear to another machine, even where the metadata says so', async () => {
  await using issuer = await answering(
    (url) => ({ issuer: url, introspection_endpoint: 'http://issuer.example/introspect' }),
    JSON.stringify(active),
  );
  await assert.rejects(issuer.connection.check('a'), (error) => {
    assert.ok(error instanceof IssuerUnavailable && error.cause instanceof Error);
    // Refused before any connection was tried; a look-up of the name would have failed differently.
    assert.match(error.cause.message, /https/i);
    return true;
  });
});

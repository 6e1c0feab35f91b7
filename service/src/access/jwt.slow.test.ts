import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { exportJWK, exportSPKI, type GenerateKeyPairResult, generateKeyPair, SignJWT } from 'jose';
import { OAuth2Server } from 'oauth2-mock-server';
import { Provider } from 'oidc-provider';
import { connectIssuer, type Issuer, IssuerUnavailable } from './issuer.ts';

const AUDIENCE = 'urn:payments:api';
const credentials = { client_id: 'payments-service', client_secret: 'a secret of the test' };

const verifying = (url: string): Issuer =>
  connectIssuer({
    issuer: url,
    ...credentials,
    audience: AUDIENCE,
    roles_claim: 'roles',
    verifies_jwt: true,
  });

/** An issuer of our own making: its keys and its ways to fail are the test's. */
async function startOwnIssuer() {
  const keys = new Map<string, GenerateKeyPairResult>();
  let fault: 'none' | 'error_500' | 'not_json' | 'hang' = 'none';
  let asked = 0;
  const addKey = async (kid: string, alg = 'RS256') => {
    keys.set(kid, await generateKeyPair(alg, { extractable: true }));
  };
  const server = createServer(async (request, response) => {
    response.setHeader('content-type', 'application/json');
    if (request.url === '/.well-known/openid-configuration') {
      return response.end(JSON.stringify({ issuer: url, jwks_uri: `${url}/keys` }));
    }
    asked += 1;
    if (fault === 'hang') return;
    if (fault === 'error_500') return response.writeHead(500).end('{}');
    if (fault === 'not_json') return response.end('<html>');
    const published = [...keys].map(async ([kid, { publicKey }]) => ({
      ...(await exportJWK(publicKey)),
      kid,
    }));
    return response.end(JSON.stringify({ keys: await Promise.all(published) }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await addKey('first');
  return {
    url,
    keys,
    addKey,
    asked: () => asked,
    fail(how: typeof fault) {
      fault = how;
      if (how === 'none') server.closeAllConnections();
    },
    /** A token as the issuer would make it, changed in what the test is about. */
    async token(claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}, kid = 'first') {
      const key = keys.get(kid)?.privateKey;
      assert.ok(key);
      const now_s = Math.floor(Date.now() / 1_000);
      const usual = {
        iss: url,
        aud: AUDIENCE,
        sub: 'ann',
        client_id: 'console',
        jti: 'token_1',
        iat: now_s,
        exp: now_s + 3_600,
        scope: 'admin:refunds.read',
      };
      return await new SignJWT({ ...usual, ...claims })
        .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid, ...header })
        .sign(key);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const own = await startOwnIssuer();
after(() => own[Symbol.asyncDispose]());
const issuer = verifying(own.url);

/** The same token with its header and signature written anew. */
function forge(token: string, header: object, sign: (input: string) => string): string {
  const input = `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${token.split('.')[1]}`;
  return `${input}.${sign(input)}`;
}

test('a token of oidc-provider, as a plain set-up of it issues JWTs, is good, and says whose it is and what it opens', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const provider = new Provider(url, {
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig' }] },
    clients: [
      {
        client_id: 'back-office',
        client_secret: 'its secret',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        getResourceServerInfo: () => ({
          scope: 'admin:refunds.read',
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
  server.on('request', provider.callback());
  try {
    const response = await fetch(`${url}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('back-office:its secret')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'admin:refunds.read' }),
    });
    const { access_token } = (await response.json()) as { access_token: string };
    assert.equal(access_token.split('.').length, 3);
    const facts = await verifying(url).check(access_token);
    assert.equal(facts?.client_id, 'back-office');
    assert.deepEqual(facts?.scopes, new Set(['admin:refunds.read']));
    const [head, payload, signature = ''] = access_token.split('.');
    assert.equal(
      await verifying(url).check(`${head}.${payload}.${signature.split('').reverse().join('')}`),
      undefined,
    );
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

test('a token of oauth2-mock-server is good if it is typed as an access token, and not as it comes, which could be an ID token', async () => {
  const mock = new OAuth2Server();
  await mock.issuer.keys.generate('ES256');
  await mock.start(0, '127.0.0.1');
  try {
    const url = `http://127.0.0.1:${mock.address().port}`;
    mock.issuer.url = url;
    const build = (typ: string) =>
      mock.issuer.buildToken({
        scopesOrTransform(header, payload) {
          header.typ = typ;
          Object.assign(payload, {
            aud: [AUDIENCE, 'urn:other'],
            sub: 'ann',
            client_id: 'console',
            jti: 'token_1',
            scope: 'admin:refunds.read admin:payments.read',
            roles: ['agent'],
            brand: 'acme',
            auth_time: 1_700_000_000,
          });
        },
      });
    const facts = await verifying(url).check(await build('at+jwt'));
    assert.deepEqual(facts && { ...facts, expires_at_ms: 0 }, {
      sub: 'ann',
      client_id: 'console',
      scopes: new Set(['admin:refunds.read', 'admin:payments.read']),
      brand: 'acme',
      roles: ['agent'],
      signed_in_at_ms: 1_700_000_000_000,
      expires_at_ms: 0,
    });
    assert.ok(await verifying(url).check(await build('application/at+jwt')));
    assert.equal(await verifying(url).check(await build('JWT')), undefined);
  } finally {
    await mock.stop();
  }
});

test('the untouched token is good: what the tests below refuse is refused for what they change', async () => {
  assert.equal((await issuer.check(await own.token()))?.sub, 'ann');
});

const past_s = Math.floor(Date.now() / 1_000) - 60;
for (const [what, claims] of [
  ['of another issuer', { iss: 'https://issuer.example' }],
  ['for another audience', { aud: 'urn:other' }],
  ['that has expired', { exp: past_s }],
  ['that is not valid yet', { nbf: past_s + 3_600 }],
  ['without an expiry', { exp: undefined }],
  ['without a subject', { sub: undefined }],
  ['without a client', { client_id: undefined }],
  ['without an id', { jti: undefined }],
  ['without an audience', { aud: undefined }],
  ['that is bound to a key', { cnf: { jkt: 'thumbprint' } }],
] as const) {
  test(`a JWT ${what} is not good`, async () => {
    assert.equal(await issuer.check(await own.token(claims)), undefined);
  });
}

test('a JWT whose signature is another’s, is missing, or was made with our public key as a shared secret is not good', async () => {
  const token = await own.token();
  const stranger = await generateKeyPair('RS256');
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  const header = { alg: 'RS256', typ: 'at+jwt', kid: 'first' };
  const others = await new SignJWT(claims).setProtectedHeader(header).sign(stranger.privateKey);
  const key = own.keys.get('first')?.publicKey;
  assert.ok(key);
  const pem = await exportSPKI(key);
  for (const forged of [
    others,
    forge(token, { ...header, alg: 'none' }, () => ''),
    forge(token, { ...header, alg: 'none' }, () => token.split('.')[2] ?? ''),
    forge(token, { ...header, alg: 'HS256' }, (input) =>
      createHmac('sha256', pem).update(input).digest('base64url'),
    ),
    `${token.slice(0, -8)}AAAAAAAA`,
  ]) {
    assert.equal(await issuer.check(forged), undefined);
  }
});

test('a JWT cannot bring its own key, nor name where one is, nor ask for what is not understood', async () => {
  const stranger = await generateKeyPair('RS256', { extractable: true });
  const token = await own.token();
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  for (const header of [
    { jwk: await exportJWK(stranger.publicKey) },
    { jku: 'http://127.0.0.1:1/keys', kid: 'elsewhere' },
    { x5u: 'http://127.0.0.1:1/certificate' },
  ]) {
    const forged = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', ...header })
      .sign(stranger.privateKey);
    assert.equal(await issuer.check(forged), undefined);
  }
  const crit = forge(
    token,
    { alg: 'RS256', typ: 'at+jwt', kid: 'first', crit: ['exp'] },
    () => token.split('.')[2] ?? '',
  );
  assert.equal(await issuer.check(crit), undefined);
});

for (const nonsense of [
  'a.b.c',
  '..',
  'e30.e30.',
  'eyJhbGciOiJSUzI1NiJ9..',
  `${'A'.repeat(4_000)}.${'A'.repeat(4_000)}.A`,
]) {
  test(`${nonsense.slice(0, 24)} is not good, and no alarm`, async () => {
    assert.equal(await issuer.check(nonsense), undefined);
  });
}

test('a token that names no key is tried with each of the issuer’s', async () => {
  await using several = await startOwnIssuer();
  await several.addKey('second');
  const here = verifying(several.url);
  assert.ok(await here.check(await several.token({}, { kid: undefined }, 'second')));
  const stranger = await startOwnIssuer();
  try {
    assert.equal(await here.check(await stranger.token({ iss: several.url }, { kid: undefined })), undefined);
  } finally {
    await stranger[Symbol.asyncDispose]();
  }
});

test('a new key of the issuer’s is found without a restart; one that it has withdrawn is good no longer once keys are asked for anew', async () => {
  await using rotating = await startOwnIssuer();
  const here = verifying(rotating.url);
  const old = await rotating.token();
  assert.ok(await here.check(old));
  await rotating.addKey('second');
  const fresh = await rotating.token({}, {}, 'second');
  rotating.keys.delete('first');
  // Not more often than once a second, however many tokens name an unknown key.
  const deadline = Date.now() + 5_000;
  while ((await here.check(fresh)) === undefined) {
    assert.ok(Date.now() < deadline, 'the new key was never found');
    await new Promise(setImmediate);
  }
  assert.ok(rotating.asked() <= 7, String(rotating.asked()));
  assert.equal(await here.check(old), undefined);
});

test('a flood of tokens that name unknown keys asks the issuer once', async () => {
  await using calm = await startOwnIssuer();
  const here = verifying(calm.url);
  assert.ok(await here.check(await calm.token()));
  const before = calm.asked();
  const flood = await Promise.all(
    Array.from({ length: 50 }, (_, n) => calm.token({}, { kid: `made_up_${n}` })),
  );
  for (const answer of await Promise.all(flood.map((token) => here.check(token))))
    assert.equal(answer, undefined);
  assert.ok(calm.asked() - before <= 1, String(calm.asked() - before));
});

for (const fault of ['error_500', 'not_json', 'hang'] as const) {
  test(`keys that cannot be had (${fault}) mean unavailable, never a good token; and are had once the issuer is back`, async () => {
    await using broken = await startOwnIssuer();
    const here = verifying(broken.url);
    const token = await broken.token();
    broken.fail(fault);
    await assert.rejects(here.check(token), IssuerUnavailable);
    await assert.rejects(here.reach(), IssuerUnavailable);
    broken.fail('none');
    await here.reach();
    assert.ok(await here.check(token));
  });
}

test('keys that are known are enough while the issuer is away', async () => {
  await using away = await startOwnIssuer();
  const here = verifying(away.url);
  assert.ok(await here.check(await away.token()));
  away.fail('error_500');
  assert.ok(await here.check(await away.token()));
});

test('an issuer of nothing but JWTs has made no opaque token: that is not good, and no alarm', async () => {
  assert.equal(await issuer.check('lph_at_opaque'), undefined);
});

test('keys are never asked for in the clear from another machine', async () => {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ issuer: url, jwks_uri: 'http://issuer.example/keys' }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    await assert.rejects(verifying(url).check(await own.token({ iss: url })), (error) => {
      assert.ok(error instanceof IssuerUnavailable && error.cause instanceof Error);
      assert.match(error.cause.message, /https/);
      return true;
    });
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { createRelyingParty, SignInRefused } from './relying-party.ts';

const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
const stranger = await generateKeyPair('ES256');
const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');

/** An issuer whose ID tokens a test makes itself, of the claims that an untouched one would have. */
let idTokenOf: (claims: Record<string, unknown>) => Promise<string> | string;
const server = createServer(async (request, response) => {
  response.setHeader('content-type', 'application/json');
  if (request.url === '/keys') {
    return response.end(JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'first' }] }));
  }
  if (request.method !== 'POST') {
    return response.end(
      JSON.stringify({
        issuer: url,
        authorization_endpoint: `${url}/auth`,
        token_endpoint: `${url}/token`,
        jwks_uri: `${url}/keys`,
        id_token_signing_alg_values_supported: ['none', 'HS256', 'RS256', 'ES256'],
      }),
    );
  }
  const now_s = Math.floor(Date.now() / 1_000);
  const id_token = await idTokenOf({ iss: url, aud: 'console', sub: 'ann', iat: now_s, exp: now_s + 60 });
  return response.end(JSON.stringify({ access_token: 'a', token_type: 'Bearer', id_token }));
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
after(() => {
  server.closeAllConnections();
  server.close();
});

const options = {
  issuer: url,
  client_id: 'console',
  client_secret: 'secret',
  redirect_uri: 'http://127.0.0.1/auth/callback',
  scopes: [],
  audience: undefined,
};

const HEADER = { alg: 'ES256', kid: 'first' };
const sign = (
  claims: object,
  key: Parameters<SignJWT['sign']>[0] = privateKey,
  header: typeof HEADER = HEADER,
) => new SignJWT({ ...claims }).setProtectedHeader(header).sign(key);

type Make = (claims: Record<string, unknown>) => Promise<string> | string;

async function signInWith(make: Make, party = createRelyingParty(options)) {
  const { attempt } = await party.begin();
  idTokenOf = (claims) => make({ ...claims, nonce: attempt.nonce });
  return await party.finish(new URL(`http://127.0.0.1/auth/callback?code=c&state=${attempt.state}`), attempt);
}
const signIn = (more: object) => signInWith((claims) => sign({ ...claims, ...more }));

test('when somebody signed in is what the issuer says', async () => {
  const { signed_in_at } = await signIn({ auth_time: 1_700_000_000 });
  assert.equal(signed_in_at.getTime(), 1_700_000_000_000);
});

test('a sign-in of which the issuer does not say when it was is no recent one', async () => {
  const { sub, signed_in_at } = await signIn({});
  assert.deepEqual([sub, signed_in_at.getTime()], ['ann', 0]);
});

const past_s = Math.floor(Date.now() / 1_000) - 120;
const forgeries: [string, Make][] = [
  ['signed by somebody else', (claims) => sign(claims, stranger.privateKey)],
  [
    'signed by a key that the issuer does not publish',
    (claims) => sign(claims, stranger.privateKey, { ...HEADER, kid: 'other' }),
  ],
  ['without a signature', (claims) => `${encode({ alg: 'none' })}.${encode(claims)}.`],
  [
    'made with the issuer’s public key as a shared secret',
    async (claims) => sign(claims, Buffer.from(await exportSPKI(publicKey)), { ...HEADER, alg: 'HS256' }),
  ],
  [
    'whose claims were changed',
    async (claims) => {
      const [header, , signature] = (await sign(claims)).split('.');
      return `${header}.${encode({ ...claims, sub: 'bob' })}.${signature}`;
    },
  ],
  ['of another issuer', (claims) => sign({ ...claims, iss: 'https://issuer.example' })],
  ['for another client', (claims) => sign({ ...claims, aud: 'another' })],
  ['of another sign-in', (claims) => sign({ ...claims, nonce: 'another' })],
  ['that has expired', (claims) => sign({ ...claims, exp: past_s })],
];
for (const [what, make] of forgeries) {
  test(`an ID token ${what} signs nobody in`, async () => {
    await assert.rejects(signInWith(make), SignInRefused);
  });
}

test('an ID token that is signed in another way than was said signs nobody in', async () => {
  const onlyBy = (signature: 'ES256' | 'EdDSA') =>
    createRelyingParty({ ...options, signatures: [signature] });
  assert.equal((await signInWith((claims) => sign(claims), onlyBy('ES256'))).sub, 'ann');
  await assert.rejects(
    signInWith((claims) => sign(claims), onlyBy('EdDSA')),
    SignInRefused,
  );
});

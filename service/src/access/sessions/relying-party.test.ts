import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { createRelyingParty } from './relying-party.ts';

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');

/** An issuer whose ID tokens a test writes itself; they come straight from it, so that their signatures are not looked at. */
let claims: object = {};
const server = createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  if (request.method !== 'POST') {
    return response.end(
      JSON.stringify({ issuer: url, authorization_endpoint: `${url}/auth`, token_endpoint: `${url}/token` }),
    );
  }
  const now_s = Math.floor(Date.now() / 1_000);
  const usual = { iss: url, aud: 'console', sub: 'ann', iat: now_s, exp: now_s + 60 };
  const id_token = `${encode({ alg: 'RS256' })}.${encode({ ...usual, ...claims })}.${encode({})}`;
  return response.end(JSON.stringify({ access_token: 'a', token_type: 'Bearer', id_token }));
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
after(() => {
  server.closeAllConnections();
  server.close();
});

const party = createRelyingParty({
  issuer: url,
  client_id: 'console',
  client_secret: 'secret',
  redirect_uri: 'http://127.0.0.1/auth/callback',
  scopes: [],
  audience: undefined,
});

async function signIn(more: object) {
  const { attempt } = await party.begin();
  claims = { nonce: attempt.nonce, ...more };
  return await party.finish(new URL(`http://127.0.0.1/auth/callback?code=c&state=${attempt.state}`), attempt);
}

test('when somebody signed in is what the issuer says', async () => {
  const { signed_in_at } = await signIn({ auth_time: 1_700_000_000 });
  assert.equal(signed_in_at.getTime(), 1_700_000_000_000);
});

test('a sign-in of which the issuer does not say when it was is no recent one', async () => {
  const { sub, signed_in_at } = await signIn({});
  assert.deepEqual([sub, signed_in_at.getTime()], ['ann', 0]);
});

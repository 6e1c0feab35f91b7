import assert from 'node:assert/strict';
import { createHash, createPublicKey, type JsonWebKey, randomBytes, verify } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { PEOPLE } from './people.ts';
import { type Issuer, startIssuer } from './start.ts';

type Json = Record<string, unknown>;

const CALLBACK = 'http://127.0.0.1:5173/auth/callback';

/** Follows nothing by itself and keeps cookies, as a person with a browser who looks at every step. */
function createBrowser(issuer: Issuer) {
  const cookies = new Map<string, string>();
  async function visit(address: string | URL, form?: Record<string, string>): Promise<Response> {
    const response = await fetch(new URL(address, issuer.url), {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  }
  /** Goes where it is sent until a page comes or it is sent away from the issuer. */
  async function follow(first: Response): Promise<{ page?: Response; url: URL }> {
    let response = first;
    let url = new URL(first.url);
    for (;;) {
      const location = response.headers.get('location');
      if (location === null) return { page: response, url };
      url = new URL(location, issuer.url);
      if (url.origin !== issuer.url) return { url };
      response = await visit(url);
    }
  }
  return { visit, follow };
}

interface Request {
  url: URL;
  verifier: string;
}

function authorization(issuer: Issuer, changes: Record<string, string | undefined> = {}): Request {
  const verifier = randomBytes(32).toString('base64url');
  const parameters = {
    client_id: 'console',
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope: 'openid admin:refunds.read admin:refunds.issue admin:refunds.approve admin:webhooks',
    state: 'where I was',
    nonce: 'once',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...changes,
  };
  const url = new URL('/auth', issuer.url);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return { url, verifier };
}

async function asConsole(issuer: Issuer, path: string, form: Record<string, string>): Promise<Json> {
  const response = await fetch(issuer.url + path, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`console:${issuer.clients.console}`)}` },
    body: new URLSearchParams(form),
  });
  return (await response.json()) as Json;
}

async function signIn(issuer: Issuer, person: string, changes: Record<string, string> = {}) {
  const browser = createBrowser(issuer);
  const { url, verifier } = authorization(issuer, changes);
  const { page, url: pageUrl } = await browser.follow(await browser.visit(url));
  assert.equal(page?.status, 200);
  const html = await page.text();
  const { url: callback } = await browser.follow(await browser.visit(pageUrl, { person }));
  return { browser, html, callback, verifier };
}

async function redeem(issuer: Issuer, callback: URL, verifier: string): Promise<Json> {
  return await asConsole(issuer, '/token', {
    grant_type: 'authorization_code',
    code: callback.searchParams.get('code') ?? '',
    redirect_uri: callback.origin + callback.pathname,
    code_verifier: verifier,
  });
}

async function readIdToken(issuer: Issuer, token: string): Promise<Json> {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const { keys } = (await (await fetch(`${issuer.url}/jwks`)).json()) as { keys: JsonWebKey[] };
  const key = createPublicKey({ key: keys[0] ?? {}, format: 'jwk' });
  const signed = Buffer.from(`${header}.${payload}`);
  const good = verify(
    'sha256',
    signed,
    { key, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  );
  assert.ok(good, 'signed with the published key');
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Json;
}

async function start(t: TestContext): Promise<Issuer> {
  const issuer = await startIssuer();
  t.after(() => issuer.close());
  return issuer;
}

test('one click on a person signs them in, without a question for consent, with no more than their role has', async (t) => {
  const issuer = await start(t);
  const { html, callback, verifier } = await signIn(issuer, 'agent');
  for (const { name } of PEOPLE) assert.ok(html.includes(name), `${name} is on the page`);
  assert.equal(callback.origin + callback.pathname, CALLBACK);
  assert.equal(callback.searchParams.get('state'), 'where I was');
  assert.equal(callback.searchParams.get('iss'), issuer.url);

  const tokens = await redeem(issuer, callback, verifier);
  assert.equal(tokens.scope, 'admin:refunds.read admin:refunds.issue');
  assert.match(String(tokens.access_token), /^lph_at_/);
  assert.match(String(tokens.refresh_token), /^lph_rt_/);
  const { sub, name, role, aud, iss, nonce } = await readIdToken(issuer, String(tokens.id_token));
  assert.deepEqual([sub, name, role], ['agent', 'Amina Yusuf', 'agent']);
  assert.deepEqual([aud, iss, nonce], ['console', issuer.url, 'once']);
});

test('somebody without any role is signed in and may do nothing', async (t) => {
  const issuer = await start(t);
  const { callback, verifier } = await signIn(issuer, 'nobody');
  const tokens = await redeem(issuer, callback, verifier);
  assert.equal(tokens.scope ?? '', '');
  assert.ok(tokens.id_token);
});

test('a code works once, only with the verifier that its challenge was made from', async (t) => {
  const issuer = await start(t);
  const stolen = await signIn(issuer, 'agent');
  assert.equal((await redeem(issuer, stolen.callback, 'x'.repeat(43))).error, 'invalid_grant');

  const { callback, verifier } = await signIn(issuer, 'agent');
  assert.ok((await redeem(issuer, callback, verifier)).access_token);
  assert.equal((await redeem(issuer, callback, verifier)).error, 'invalid_grant');
});

test('without PKCE, or with a challenge in the clear, nobody signs in', async (t) => {
  const issuer = await start(t);
  for (const changes of [
    { code_challenge: undefined, code_challenge_method: undefined },
    { code_challenge_method: 'plain' },
  ]) {
    const browser = createBrowser(issuer);
    const { url } = await browser.follow(await browser.visit(authorization(issuer, changes).url));
    assert.equal(url.searchParams.get('error'), 'invalid_request');
  }
});

test('the console may come back on any loopback port, and nowhere else', async (t) => {
  const issuer = await start(t);
  for (const redirect_uri of ['http://localhost:8080/auth/callback', 'http://[::1]:9/auth/callback']) {
    const { callback } = await signIn(issuer, 'agent', { redirect_uri });
    assert.equal(callback.origin + callback.pathname, redirect_uri);
  }
  for (const redirect_uri of ['http://attacker.example/auth/callback', 'http://127.0.0.1:8080/elsewhere']) {
    const response = await createBrowser(issuer).visit(authorization(issuer, { redirect_uri }).url);
    assert.equal(response.status, 400);
    assert.match(await response.text(), /redirect_uri/);
  }
});

test('a refresh token gives a new access token and is used up', async (t) => {
  const issuer = await start(t);
  const { callback, verifier } = await signIn(issuer, 'approver', {
    scope: 'openid offline_access admin:refunds.read admin:refunds.approve',
    prompt: 'consent',
  });
  const first = await redeem(issuer, callback, verifier);
  const refresh = () =>
    asConsole(issuer, '/token', {
      grant_type: 'refresh_token',
      refresh_token: String(first.refresh_token),
    });
  const second = await refresh();
  assert.equal(second.scope, 'admin:refunds.read admin:refunds.approve');
  assert.notEqual(second.access_token, first.access_token);
  assert.equal((await refresh()).error, 'invalid_grant');
});

test('who is signed in already is not asked again, unless the console wants them to be', async (t) => {
  const issuer = await start(t);
  const { browser } = await signIn(issuer, 'agent');
  const again = await browser.follow(await browser.visit(authorization(issuer).url));
  assert.ok(again.url.searchParams.get('code'));

  const switching = authorization(issuer, { prompt: 'login' });
  const { page, url } = await browser.follow(await browser.visit(switching.url));
  assert.equal(page?.status, 200);
  // Another person than before: the provider first ends the old session, by a form that a browser sends by itself.
  const leaving = await browser.follow(await browser.visit(url, { person: 'auditor' }));
  const form = (await leaving.page?.text()) ?? '';
  const [, action = ''] = /action="([^"]+)"/.exec(form) ?? [];
  const [, xsrf = ''] = /name="xsrf" value="([^"]+)"/.exec(form) ?? [];
  const { url: callback } = await browser.follow(await browser.visit(action, { xsrf, logout: 'yes' }));
  const tokens = await redeem(issuer, callback, switching.verifier);
  assert.equal((await readIdToken(issuer, String(tokens.id_token))).sub, 'auditor');
  assert.equal(tokens.scope, 'admin:refunds.read');
});

test('signing out ends the session and the tokens that belong to it, and leads back to the console', async (t) => {
  const issuer = await start(t);
  const { browser, callback, verifier } = await signIn(issuer, 'agent');
  const tokens = await redeem(issuer, callback, verifier);
  const url = new URL('/session/end', issuer.url);
  url.searchParams.set('id_token_hint', String(tokens.id_token));
  url.searchParams.set('post_logout_redirect_uri', 'http://127.0.0.1:5173/');
  const html = await (await browser.visit(url)).text();
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(html)?.[1] ?? '';
  const left = await browser.follow(await browser.visit('/session/end/confirm', { xsrf, logout: 'yes' }));
  assert.equal(left.url.href, 'http://127.0.0.1:5173/');

  const token = String(tokens.access_token);
  assert.deepEqual(await asConsole(issuer, '/token/introspection', { token }), { active: false });
  const { page } = await browser.follow(await browser.visit(authorization(issuer).url));
  assert.match((await page?.text()) ?? '', /Who are you today/);
});

test('an unknown person is not signed in, and a sign-in that is over says so', async (t) => {
  const issuer = await start(t);
  const browser = createBrowser(issuer);
  const { url } = await browser.follow(await browser.visit(authorization(issuer).url));
  const again = await browser.visit(url, { person: 'root' });
  assert.equal(again.status, 200);
  assert.match(await again.text(), /Who are you today/);

  const stranger = await createBrowser(issuer).visit(url);
  assert.equal(stranger.status, 400);
  assert.match(await stranger.text(), /This sign-in is over/);
});

test('the pages run no scripts, load nothing and cannot be framed', async (t) => {
  const issuer = await start(t);
  const browser = createBrowser(issuer);
  const { page } = await browser.follow(await browser.visit(authorization(issuer).url));
  const policy = page?.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch((await page?.text()) ?? '', /<script|<link|https?:\/\/(?!127\.0\.0\.1)/);
});

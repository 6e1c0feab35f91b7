import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { API_AUDIENCE } from '../../../../local/issuer/scopes.ts';
import { startIssuer } from '../../../../local/issuer/start.ts';
import { startTestApp, type TestApp } from '../../../../test/support/app.ts';
import { Browser, signInWith } from '../../../../test/support/browser.ts';
import { createTestDatabase } from '../../../../test/support/database.ts';
import { UNLIMITED } from '../../../../test/support/limits.ts';
import { addRefunds } from '../../../../test/support/rows.ts';
import { type Connections, createPool } from '../../database/pool.ts';
import { createSeal } from '../../seal.ts';
import { IssuerUnavailable } from '../issuer.ts';
import { SCOPES } from '../scopes.ts';
import { cookiesFor } from './cookies.ts';
import { createRelyingParty } from './relying-party.ts';
import type { SignInDeps } from './routes.ts';
import { createSessions } from './sessions.ts';

const IDLE_s = 1_800;
const SECRETS = ['the session secret of this test'];
let service: TestApp;
let pool: Connections;

const running = new AsyncDisposableStack();

before(async () => {
  const database = running.use(await createTestDatabase());
  pool = createPool({ connectionString: database.url, max: 4 });
  running.defer(() => pool.end());
  const issuer = await startIssuer();
  running.defer(() => issuer.close());
  service = running.use(
    await startTestApp({
      beside: { databaseUrl: database.url, issuer },
      signIn: signInTo(issuer, 'http://127.0.0.1'),
    }),
  );
});
after(() => running.disposeAsync());

/** The parts by which an instance signs people in; where it listens is known later, and matters to the issuer only by its host. */
function signInTo(
  issuer: TestApp['issuer'],
  public_url: string,
  secrets: readonly string[] = SECRETS,
): SignInDeps {
  const party = createRelyingParty({
    issuer: issuer.url,
    client_id: 'console',
    client_secret: issuer.clients.console,
    redirect_uri: `${public_url}/auth/callback`,
    scopes: Object.keys(SCOPES).filter((scope) => scope.startsWith('admin:')),
    audience: API_AUDIENCE,
  });
  const seal = createSeal(secrets, 'session');
  return {
    party,
    sessions: createSessions({ pool, party, seal, lifetime_s: 43_200, idle_s: IDLE_s }),
    seal: createSeal(secrets, 'sign-in'),
    cookies: cookiesFor(public_url),
    public_url,
  };
}

/** Signs a person in. Returns the last answer of the service. */
const signIn = (
  as: string,
  { path = '/auth/sign-in', here = new Browser(service.url), there = new Browser(service.issuer.url) } = {},
) => signInWith({ here, there }, as, path);

const SESSION = 'payments_session';
const LIST = '/v1/admin/refunds';

test('somebody who signs in with the browser may do what they are allowed to, and the browser holds no token', async () => {
  const { here, returned, address } = await signIn('agent', {
    path: '/auth/sign-in?return_to=/console/refunds%3Fstatus%3Dfailed',
  });
  assert.equal(returned.status, 303);
  assert.equal(returned.headers.get('location'), '/console/refunds?status=failed');
  assert.equal(address.searchParams.get('code_challenge_method'), 'S256');
  assert.equal(address.searchParams.get('response_type'), 'code');
  assert.deepEqual([...here.cookies.keys()], [SESSION]);
  assert.match(here.cookies.get(SESSION) ?? '', /^[\w-]{43}$/);
  const list = await here.go(LIST);
  assert.equal(list.status, 200);
  const me = (await (await here.go('/auth/session')).json()) as Record<string, unknown>;
  assert.equal(me.actor_id, 'agent');
  assert.equal(me.name, 'Amina Yusuf');
  assert.deepEqual(me.scopes, [
    'admin:disputes.read',
    'admin:payments.read',
    'admin:refunds.issue',
    'admin:refunds.read',
  ]);
  const { rows } = await pool.query('SELECT * FROM sessions WHERE actor_id = $1', ['agent']);
  const kept = JSON.stringify(rows);
  assert.ok(!kept.includes('lph_'), 'tokens are sealed');
  assert.ok(!kept.includes(here.cookies.get(SESSION) ?? ''), 'the session’s name is hashed');
});

test('whoever has just signed in has a recent sign-in: the issuer is asked to say when it was', async () => {
  const before = Date.now();
  const { here } = await signIn('agent');
  const { signed_in_at } = (await (await here.go('/auth/session')).json()) as { signed_in_at: string };
  // The issuer says it in whole seconds.
  assert.ok(Date.parse(signed_in_at) >= before - 1_000, signed_in_at);
});

test('the cookie is for TLS, this host and requests of its own pages only', () => {
  const { session, options } = cookiesFor('https://payments.example');
  assert.equal(session, '__Host-payments_session');
  assert.deepEqual(options, { path: '/', httpOnly: true, sameSite: 'lax', secure: true });
});

for (const [what, headers] of [
  ['of another site', { origin: 'https://evil.example' }],
  ['that does not say where it is from', { origin: '' }],
  ['of a page without an origin', { origin: 'null' }],
] as const) {
  test(`a request ${what} changes nothing, whatever cookie the browser sends along`, async () => {
    const { here } = await signIn('agent');
    const response = await here.post(LIST, { payment_id: 'payment_1', amount_cents: 1 }, headers);
    assert.equal(response.status, 403);
    assert.equal(((await response.json()) as { error: string }).error, 'forbidden');
  });
}

test('a page of the service itself may change what its person may', async () => {
  const { here } = await signIn('agent');
  const response = await here.post(LIST, { payment_id: 'payment_unknown', amount_cents: 1 });
  assert.equal(response.status, 404);
  const { here: auditor } = await signIn('auditor');
  assert.equal((await auditor.post(LIST, { payment_id: 'payment_unknown', amount_cents: 1 })).status, 403);
});

test('a page of another site begins no sign-in', async () => {
  const response = await fetch(`${service.url}/auth/sign-in?return_to=/console/refunds`, {
    headers: { 'sec-fetch-site': 'cross-site' },
    redirect: 'manual',
  });
  assert.deepEqual([response.status, response.headers.get('location')], [303, '/console']);
  assert.equal(response.headers.get('set-cookie'), null);
});

test('a sign-in that was begun in another browser, changed on the way or finished once signs nobody in', async () => {
  const stranger = new Browser(service.url);
  const { here, callback } = await signIn('agent');
  const path = `${callback.pathname}${callback.search}`;
  assert.equal((await stranger.go(path)).status, 400);
  assert.equal((await here.go(path)).status, 400, 'what the browser remembered is gone');
  // The attacker's own attempt does not fit the victim's answer.
  await stranger.go('/auth/sign-in');
  assert.equal((await stranger.go(path)).status, 401);
  await stranger.go('/auth/sign-in');
  assert.equal((await stranger.go('/auth/callback?error=access_denied&state=x')).status, 401);
  stranger.cookies.set('payments_sign_in', 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAA.AAAA.AAAA');
  assert.equal((await stranger.go(path)).status, 400);
  assert.equal(stranger.cookies.has(SESSION), false);
});

for (const return_to of [
  'https://evil.example/',
  '//evil.example',
  '/\\evil.example',
  'evil',
  '/\t/evil.example',
  '/.//evil.example',
  '/console/..//evil.example',
]) {
  test(`nobody is sent to ${JSON.stringify(return_to)} after signing in`, async () => {
    const response = await fetch(`${service.url}/auth/sign-in?return_to=${encodeURIComponent(return_to)}`, {
      redirect: 'manual',
    });
    assert.equal(response.status, 400);
    assert.equal(((await response.json()) as { field: string }).field, 'return_to');
  });
}

test('signing in makes a session of a new name, also over an old one, which ends', async () => {
  const { here, there } = await signIn('agent');
  const old = here.cookies.get(SESSION) ?? '';
  await signIn('agent', { here, there });
  assert.notEqual(here.cookies.get(SESSION), old);
  const thief = new Browser(service.url);
  thief.cookies.set(SESSION, old);
  assert.equal((await thief.go(LIST)).status, 401);
});

test('signing out ends the session here and its tokens at the issuer, and says where the rest is ended', async () => {
  const { here } = await signIn('agent');
  const name = here.cookies.get(SESSION) ?? '';
  const { rows } = await pool.query('SELECT access_token FROM sessions ORDER BY created_at DESC LIMIT 1');
  const token = String((await createSeal(SECRETS, 'session').open(rows[0].access_token))?.token);
  assert.match(token, /^lph_at_/);
  const response = await here.post('/auth/sign-out');
  assert.equal(response.status, 200);
  assert.match(((await response.json()) as { location: string }).location, /\/session\/end\?/);
  assert.equal(here.cookies.has(SESSION), false);
  here.cookies.set(SESSION, name);
  assert.equal((await here.go(LIST)).status, 401);
  const facts = await fetch(`${service.issuer.url}/token/introspection`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${btoa(`payments-service:${service.issuer.clients['payments-service']}`)}`,
    },
    body: new URLSearchParams({ token }),
  });
  assert.deepEqual(await facts.json(), { active: false });
});

test('who signs in and out, and a sign-in that comes to nothing, is logged with from where', async () => {
  const { here } = await signIn('agent');
  await here.post('/auth/sign-out');
  await here.go('/auth/callback?error=access_denied&state=x');
  const said = service
    .logged()
    .split('\n')
    .filter((line) => /signed|sign-in came/.test(line))
    .map((line) => JSON.parse(line))
    .map(({ msg, address, actor_id, error }) => ({ msg, address, actor_id, error }));
  const address = '127.0.0.1';
  assert.deepEqual(said.slice(-3), [
    { msg: 'signed in', address, actor_id: 'agent', error: undefined },
    { msg: 'signed out', address, actor_id: undefined, error: undefined },
    { msg: 'a sign-in came to nothing', address, actor_id: undefined, error: 'validation_error' },
  ]);
});

test('nobody is signed out by a page of another site', async () => {
  const { here } = await signIn('agent');
  const response = await here.post('/auth/sign-out', undefined, { origin: 'https://evil.example' });
  assert.equal(response.status, 403);
  assert.equal((await here.go(LIST)).status, 200);
});

test('guesses of sessions are cut off by address before the database is asked, and whoever works there goes on', async () => {
  const asked: unknown[] = [];
  const watched = new Proxy(pool, {
    get(target, name, receiver) {
      if (name !== 'query') return Reflect.get(target, name, receiver);
      return (...query: [never]) => {
        asked.push(query[0]);
        return target.query(...query);
      };
    },
  });
  const connected = signInTo(service.issuer, 'http://127.0.0.1');
  const sessions = createSessions({
    pool: watched,
    party: connected.party,
    seal: createSeal(SECRETS, 'session'),
    lifetime_s: 43_200,
    idle_s: IDLE_s,
  });
  await using guessed = await startTestApp({
    beside: { databaseUrl: service.databaseUrl, issuer: service.issuer },
    signIn: { ...connected, sessions },
    limits: { ...UNLIMITED, failures_per_minute: 3 },
  });
  const { here } = await signIn('agent', { here: new Browser(guessed.url) });
  const guess = async (path: string, init: RequestInit = {}) => {
    const name = randomBytes(32).toString('base64url');
    const headers = { ...Object(init.headers), cookie: `${SESSION}=${name}` };
    return (await fetch(`${guessed.url}${path}`, { ...init, headers })).status;
  };
  const signOut = { method: 'POST', headers: { origin: 'http://127.0.0.1' } };
  assert.deepEqual(
    [await guess(LIST), await guess('/auth/session'), await guess('/auth/sign-out', signOut)],
    [401, 401, 200],
  );
  const before = asked.length;
  assert.deepEqual(
    [await guess(LIST), await guess('/auth/session'), await guess('/auth/sign-out', signOut)],
    [429, 429, 429],
  );
  assert.equal(asked.length, before);
  assert.equal((await here.go(LIST)).status, 200);
});

test('what is no name of a session is not looked for', async () => {
  const response = await fetch(`${service.url}${LIST}`, {
    headers: { cookie: `${SESSION}=${'x'.repeat(4_000)}` },
  });
  assert.equal(response.status, 401);
});

test('a session that was left alone for too long is over, and so is one that is too old', async () => {
  for (const column of ['last_seen_at', 'expires_at']) {
    const { here } = await signIn('agent');
    assert.equal((await here.go(LIST)).status, 200);
    await pool.query(`UPDATE sessions SET ${column} = clock_timestamp() - make_interval(secs => $1)`, [
      IDLE_s + 1,
    ]);
    const response = await here.go(LIST);
    assert.equal(response.status, 401);
    assert.match(((await response.json()) as { message: string }).message, /session is over/);
  }
});

test('a token that is about to expire is renewed once, however many requests come at the same time', async () => {
  const { here } = await signIn('agent');
  await pool.query(
    `UPDATE sessions SET access_expires_at = clock_timestamp() - interval '1 minute' WHERE actor_id = 'agent'`,
  );
  const answers = await Promise.all(Array.from({ length: 12 }, () => here.go(LIST)));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  const { rows } = await pool.query(
    `SELECT refresh_token, access_expires_at > clock_timestamp() + interval '30 minutes' AS renewed FROM sessions
     WHERE actor_id = 'agent' ORDER BY created_at DESC LIMIT 1`,
  );
  assert.equal(rows[0].renewed, true);
  assert.match(String((await createSeal(SECRETS, 'session').open(rows[0].refresh_token))?.token), /^lph_rt_/);
});

test('while the issuer is away a session goes on as long as its token is good, and nobody is let in by a token that is not', async () => {
  const { here } = await signIn('agent');
  assert.equal((await here.go(LIST)).status, 200);
  await service.issuer.outage('refuse');
  try {
    await pool.query(`UPDATE sessions SET access_expires_at = clock_timestamp() + interval '20 seconds'`);
    assert.equal((await here.go(LIST)).status, 200);
    await pool.query(`UPDATE sessions SET access_expires_at = clock_timestamp() - interval '1 second'`);
    const response = await here.go(LIST);
    assert.equal(response.status, 503);
    assert.ok(response.headers.get('retry-after'));
    assert.equal((await new Browser(service.url).go('/auth/sign-in')).status, 303, 'its addresses are known');
  } finally {
    await service.issuer.restore();
  }
  assert.equal((await here.go(LIST)).status, 200);
});

test('the secret of sessions is rotated without signing anybody out; with the old one gone, what it sealed is over', async () => {
  const { here } = await signIn('agent');
  const rotated = async (secrets: readonly string[]) => {
    await using other = await startTestApp({
      beside: service,
      signIn: signInTo(service.issuer, 'http://127.0.0.1', secrets),
    });
    const browser = new Browser(other.url);
    browser.cookies.set(SESSION, here.cookies.get(SESSION) ?? '');
    return (await browser.go(LIST)).status;
  };
  assert.equal(await rotated(['a new secret', ...SECRETS]), 200);
  assert.equal(await rotated(['a new secret']), 401);
});

test('a session that ends while its token is renewed leaves no token that is good, and lets nobody in', async () => {
  const revoked: string[] = [];
  const session = {
    access_token: 'old-access',
    refresh_token: 'old-refresh',
    access_expires_at: new Date(0),
    sub: 'agent',
    name: undefined,
    signed_in_at: new Date(),
  };
  let name = '';
  const sessions = createSessions({
    pool,
    party: {
      async refresh() {
        await assert.rejects(sessions.end(name), IssuerUnavailable);
        return { access_token: 'new-access', refresh_token: 'new-refresh', access_expires_at: undefined };
      },
      async revoke(token) {
        revoked.push(token);
        // What the issuer does not do for one token is no reason not to ask for the next.
        if (token === 'old-refresh') throw new IssuerUnavailable('The issuer did not answer');
      },
    },
    seal: createSeal(SECRETS, 'session'),
    lifetime_s: 600,
    idle_s: IDLE_s,
  });
  name = await sessions.begin(session);
  assert.equal(await sessions.find(name), undefined);
  assert.deepEqual(revoked.sort(), ['new-access', 'new-refresh', 'old-access', 'old-refresh']);
});

test('a token in the header goes before the session’s', async () => {
  const { here } = await signIn('agent');
  const { access_token } = await service.issuer.mintToken({ scope: 'admin:payments.read' });
  const response = await here.go(LIST, { headers: { authorization: `Bearer ${access_token}` } });
  assert.equal(response.status, 403);
});

test('a session sees its brand only, as a token does', async () => {
  const { here } = await signIn('agent');
  const [theirs] = await addRefunds(pool, { customer_id: 'c', brand_id: 'globex', count: 1 });
  assert.equal((await here.go(`${LIST}/${theirs}`)).status, 404);
});

test('without a session there is nobody to be told of, and a token is no session', async () => {
  assert.equal((await fetch(`${service.url}/auth/session`)).status, 401);
  const { access_token } = await service.issuer.mintToken({ scope: 'admin:refunds.read' });
  const headers = { authorization: `Bearer ${access_token}` };
  assert.equal((await fetch(`${service.url}/auth/session`, { headers })).status, 404);
});

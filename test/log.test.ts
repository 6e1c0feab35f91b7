import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { type Issuer, startIssuer } from '../local/issuer/start.ts';
import { createPaymentIntent } from '../local/stripe/resources/payment_intents.ts';
import { createWebhookEndpoint } from '../local/stripe/resources/webhook_endpoints.ts';
import { type StripeStandIn, startStripe } from '../local/stripe/server.ts';
import { TEST_KEY } from '../local/stripe/testing.ts';
import { createPool } from '../service/src/database/pool.ts';
import { createTestDatabase, type TestDatabase } from './support/database.ts';
import { runProgram } from './support/program.ts';
import { Service, settingsOf } from './support/service.ts';

/** What people write and what must be known to nobody: each once, so that it is found wherever it turns up. */
const WORDS = {
  reason: 'the ointment for the rash did not help',
  note: 'told me about the biopsy, call grete.sample@patients.example',
  decision: 'fine, poor soul has shingles',
  reference: 'paid out in cash at the psychiatric ward',
  email: 'someone.private@mail.example',
  body: 'a body that mentions an abortion',
  query: 'a-query-about-insulin',
  agent: 'Agent-With-Epilepsy/1.0',
  event: 'an event about depression',
};
const SECRETS = {
  webhook: 'whsec_never_to_be_read_anywhere',
  cursor: 'a cursor secret never to be read',
  session: 'a session secret never to be read',
};

const running = new AsyncDisposableStack();
let issuer: Issuer;
let standIn: StripeStandIn;
let database: TestDatabase;
let env: Record<string, string>;
/** Tokens and cookies that were used. */
const credentials: string[] = [];

before(async () => {
  issuer = await startIssuer();
  running.defer(() => issuer.close());
  standIn = await startStripe({ databaseFile: ':memory:', apiKey: TEST_KEY });
  running.defer(() => standIn.close());
  database = running.use(await createTestDatabase());
  env = {
    ...settingsOf({ databaseUrl: database.url, standIn, issuer, webhookSecret: SECRETS.webhook }),
    LOG_LEVEL: 'trace',
    CURSOR_SECRET: SECRETS.cursor,
    SESSION_SECRET: SECRETS.session,
    PUBLIC_URL: 'http://127.0.0.1',
    CONSOLE_CLIENT_ID: 'console',
    CONSOLE_CLIENT_SECRET: issuer.clients.console,
    APPROVAL_LIMITS: 'agent:usd=5000',
  };
});
after(() => running.disposeAsync());

/** Everything of `marks` that is in a text. */
const found = (text: string, marks: Iterable<string>): string[] =>
  [...marks].filter((mark) => text.includes(mark));

test('the search finds a word, a token and a secret that were let out', () => {
  const marks = [...Object.values(WORDS), ...Object.values(SECRETS)];
  for (const mark of marks) assert.deepEqual(found(`{"msg":"x","reason":"${mark}"}`, marks), [mark]);
});

/** A day of use, with words and secrets wherever somebody can put them. */
async function use(url: string): Promise<void> {
  const mint = async (request: Parameters<Issuer['mintToken']>[0]) => {
    const { access_token } = await issuer.mintToken(request);
    credentials.push(access_token);
    return access_token;
  };
  const agent = await mint({ as: 'agent' });
  const approver = await mint({ as: 'approver' });
  const robot = await mint({
    scope: 'admin:refunds admin:payments admin:disputes admin:audit.read admin:webhooks',
  });
  const send = async (path: string, token: string | undefined, init: RequestInit = {}) => {
    const headers = {
      'user-agent': WORDS.agent,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(typeof init.body === 'string' ? { 'content-type': 'application/json' } : {}),
      ...(init.headers as Record<string, string>),
    };
    const response = await fetch(`${url}${path}`, { redirect: 'manual', ...init, headers });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: text.startsWith('{') ? JSON.parse(text) : {},
    };
  };
  const post = (
    path: string,
    token: string | undefined,
    body: unknown,
    headers: Record<string, string> = {},
  ) =>
    send(path, token, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers,
    });
  const pay = (payment_method = 'pm_card_visa') => {
    const { intent } = createPaymentIntent(standIn.world, {
      amount: 10_000,
      currency: 'usd',
      payment_method,
      confirm: true,
      metadata: { customer_id: WORDS.email },
    });
    return String(intent.latest_charge);
  };

  // Refunds with everything that a person can write.
  const charge_id = pay();
  const issued = await post('/v1/admin/refunds', agent, {
    charge_id,
    amount_cents: 700,
    reason: WORDS.reason,
    note: WORDS.note,
  });
  assert.equal(issued.status, 201, issued.text);
  const waits = await post('/v1/admin/refunds', agent, {
    charge_id,
    amount_cents: 6_000,
    reason: WORDS.reason,
    note: WORDS.note,
  });
  assert.equal(waits.status, 202, waits.text);
  const decided = await post(`/v1/admin/refunds/${waits.body.refund_id}/reject`, approver, {
    note: WORDS.decision,
  });
  assert.equal(decided.status, 200, decided.text);
  await post(`/v1/admin/refunds/${issued.body.refund_id}/resolve`, agent, {
    resolution: 'not_owed',
    reference: WORDS.reference,
  });
  await post('/v1/admin/refunds', agent, { charge_id, amount_cents: 999_999, note: WORDS.note });
  await post('/v1/admin/refunds', agent, { charge_id, amount_cents: WORDS.body, [WORDS.body]: 1 });
  await post('/v1/admin/refunds', agent, `{"note": "${WORDS.body}`);
  await post('/v1/admin/refunds', agent, { charge_id: WORDS.body, note: WORDS.note });
  for (const kind of ['error_500_after', 'reset_before', 'timeout_before'] as const) {
    standIn.faults.add({ kind, method: 'POST', route: '/v1/refunds', times: 1 });
    await post(
      '/v1/admin/refunds',
      robot,
      { charge_id, amount_cents: 1, reason: WORDS.reason, note: WORDS.note },
      { 'idempotency-key': randomUUID() },
    );
  }
  // What is asked, and how one may say who one is.
  for (const path of [
    `/v1/admin/refunds?customer_id=${encodeURIComponent(WORDS.email)}`,
    `/v1/admin/refunds?reason=${encodeURIComponent(WORDS.reason)}`,
    `/v1/admin/refunds?${WORDS.query}=1`,
    `/v1/admin/refunds?cursor=${WORDS.query}`,
    `/v1/admin/refunds/${encodeURIComponent(WORDS.query)}`,
    `/${WORDS.query}?access_token=${robot}`,
    `/v1/admin/payments?customer_id=${encodeURIComponent(WORDS.email)}`,
    '/v1/admin/audit',
    '/readyz',
    '/%zz',
  ]) {
    await send(path, robot);
  }
  for (const authorization of [
    'Bearer lph_at_a_token_of_nobody',
    `Bearer ${WORDS.query} twice`,
    `Basic ${btoa(WORDS.email)}`,
  ]) {
    credentials.push(authorization.replace(/^\w+ /, ''));
    await send('/v1/admin/refunds', undefined, { headers: { authorization } });
  }
  await send('/v1/admin/refunds', robot, {
    headers: {
      'x-request-id': WORDS.query.repeat(20),
      'x-brand-id': `${WORDS.query} ${WORDS.query}`,
      cookie: `payments_session=${WORDS.query}`,
    },
  });
  // Events: signed, badly signed, and none at all.
  const payload = JSON.stringify({
    id: 'evt_1log',
    object: 'event',
    api_version: '2026-01-01',
    created: Math.floor(Date.now() / 1_000),
    livemode: false,
    type: 'customer.created',
    data: { object: { id: 'cus_1', object: 'customer', email: WORDS.email, description: WORDS.event } },
  });
  const at = Math.floor(Date.now() / 1_000);
  const v1 = createHmac('sha256', SECRETS.webhook).update(`${at}.${payload}`).digest('hex');
  const signed = await post('/v1/webhooks/stripe', undefined, payload, {
    'stripe-signature': `t=${at},v1=${v1}`,
  });
  assert.equal(signed.status, 200, signed.text);
  await post('/v1/webhooks/stripe', undefined, payload, {
    'stripe-signature': `t=${at},v1=${'0'.repeat(64)}`,
  });
  await post('/v1/webhooks/stripe', undefined, WORDS.event);
  // Signing in: begun, refused, made up.
  const begun = await send('/auth/sign-in', undefined);
  assert.equal(begun.status, 303);
  const [cookie = ''] = begun.headers.getSetCookie();
  const [, sealed = ''] = /=([^;]+)/.exec(cookie) ?? [];
  const address = new URL(begun.headers.get('location') ?? '');
  credentials.push(sealed, address.searchParams.get('state') ?? '', address.searchParams.get('nonce') ?? '');
  await send(`/auth/callback?code=${WORDS.query}&state=${address.searchParams.get('state')}`, undefined, {
    headers: { cookie: `payments_sign_in=${sealed}` },
  });
  await send(
    `/auth/callback?error=${WORDS.query}&error_description=${encodeURIComponent(WORDS.body)}`,
    undefined,
  );
  // Neighbours that are away.
  await issuer.outage('error_500');
  await send('/v1/admin/refunds', await mintWhileAway());
  await issuer.restore();
}

const mintWhileAway = async () => {
  credentials.push('lph_at_asked_about_while_away');
  return 'lph_at_asked_about_while_away';
};

test('after a day of use no token, secret, e-mail address, reason or note is in what is logged, counted, told to others or kept of who did what', async () => {
  await using service = new Service(env);
  const url = await service.ready();
  createWebhookEndpoint(standIn.world, {
    url: `${url}/v1/webhooks/stripe`,
    enabled_events: ['*'],
    secret: SECRETS.webhook,
  });
  await use(url);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.equal(await service.stop(), 0, service.output);

  const since = new Date(Date.now() - 3_600_000).toISOString();
  const commands = [
    ['backfill', '--since', since],
    ['reconcile', '--from', since],
    ['verify'],
    ['verify', '--audit'],
    ['inbox'],
    ['erase', '--customer', 'nobody_by_that_name', '--yes'],
    ['backfill', '--since', WORDS.query],
  ];
  const said: string[] = [];
  for (const command of commands) {
    const { stdout, stderr } = await runProgram(process.execPath, ['cli/src/main.ts', ...command], env);
    said.push(stdout, stderr);
  }
  await using pool = Object.assign(createPool({ connectionString: database.url, max: 1 }), {
    [Symbol.asyncDispose]: () => pool.end(),
  });
  const kept: string[] = [];
  for (const table of [
    'outbox',
    'audit_log',
    'audit_seals',
    'refund_transitions',
    'sessions',
    'stripe_events',
  ]) {
    const { rows } = await pool.query(`SELECT * FROM ${table}`);
    kept.push(JSON.stringify(rows));
  }
  const { rows: written } = await pool.query('SELECT reason, note FROM refunds WHERE note IS NOT NULL');
  assert.ok(written.length >= 2, 'the words are where they belong');
  assert.ok(service.stdout.split('\n').length > 30, 'a day of use leaves lines');

  const { password } = new URL(database.url);
  const marks = new Set(
    [
      ...Object.values(WORDS),
      ...Object.values(SECRETS),
      ...Object.values(issuer.clients),
      ...credentials,
      TEST_KEY,
      ...(password === '' ? [] : [password]),
    ].filter((mark) => mark.length > 7),
  );
  assert.deepEqual(found(service.output, marks), [], 'the service’s log');
  assert.deepEqual(found(metrics, marks), [], 'metrics');
  assert.deepEqual(found(said.slice(0, -2).join('\n'), marks), [], 'commands');
  assert.deepEqual(found(kept.join('\n'), marks), [], 'events, audit rows and histories');
  assert.doesNotMatch(
    service.output,
    /@[a-z]+\.example|lph_[ar]t_|eyJ[\w-]+\./,
    'nor anything that looks like one',
  );
  for (const line of service.stdout.split('\n').filter(Boolean)) {
    const entry = JSON.parse(line) as Record<string, unknown>;
    assert.equal(typeof entry.msg, 'string', line);
    assert.ok(!/\?|%[0-9a-f]{2}/i.test(String(entry.route ?? '')), line);
  }
});

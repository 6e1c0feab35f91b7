import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type Stripe from 'stripe';
import { type Issuer, startIssuer } from '../local/issuer/start.ts';
import { createPaymentIntent } from '../local/stripe/resources/payment_intents.ts';
import { createRefund, failRefund } from '../local/stripe/resources/refunds.ts';
import { createWebhookEndpoint } from '../local/stripe/resources/webhook_endpoints.ts';
import { type StripeStandIn, startStripe } from '../local/stripe/server.ts';
import { TEST_KEY } from '../local/stripe/testing.ts';
import { createPool, type Pool } from '../service/src/database/pool.ts';
import { until } from '../service/src/stripe/test-world.ts';
import { Browser, signInWith } from './support/browser.ts';
import { createTestDatabase, execute, withDatabase } from './support/database.ts';
import { runProgram } from './support/program.ts';
import { exchangeRaw } from './support/raw.ts';
import { Service, settingsOf } from './support/service.ts';

/** What a person might write where it does not belong, and what is known of a customer. */
const MARKS = {
  email: 'marked.person@clinic.example',
  health: 'was told of a marked diagnosis of gout',
  name: 'Marked Personsson',
  agent: 'MarkedBrowser',
};
const WEBHOOK_SECRET = 'whsec_a_marked_secret_of_webhooks';
const CURSOR_SECRET = 'a-marked-secret-of-cursors-by-chance';
const SESSION_SECRET = 'a-marked-secret-of-sessions-by-chance';
const PASSWORD = 'a-marked-password';

/** An answer that was no success, with all that its caller had sent. */
interface Refusal {
  sent: string;
  text: string;
}

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());

let issuer: Issuer;
let standIn: StripeStandIn;
let databaseUrl: string;
let pool: Pool;
let service: Service;
let url: string;
let settings: Record<string, string>;
/** Everything by which somebody is let in. */
const secrets: string[] = [];
const refusals: Refusal[] = [];
/** What the commands said. */
const said: string[] = [];
let metrics = '';
const statuses: number[] = [];

before(async () => {
  const database = stack.use(await createTestDatabase());
  databaseUrl = database.url;
  const opened = createPool({ connectionString: databaseUrl, max: 2, onError: () => {} });
  pool = opened;
  stack.defer(() => opened.end());
  issuer = await startIssuer();
  stack.defer(() => issuer.close());
  standIn = await startStripe({ databaseFile: ':memory:', apiKey: TEST_KEY });
  stack.defer(() => standIn.close());
  settings = {
    ...settingsOf({ databaseUrl, standIn, issuer, webhookSecret: WEBHOOK_SECRET }),
    LOG_LEVEL: 'trace',
    CURSOR_SECRET,
    SESSION_SECRET,
    PUBLIC_URL: 'http://127.0.0.1',
    CONSOLE_CLIENT_ID: 'console',
    CONSOLE_CLIENT_SECRET: issuer.clients.console,
    OAUTH_ROLES_CLAIM: 'roles',
    APPROVAL_LIMITS: 'agent:usd=50000',
  };
  service = stack.use(new Service(settings));
  url = await service.ready();
  createWebhookEndpoint(standIn.world, {
    url: `${url}/v1/webhooks/stripe`,
    enabled_events: ['*'],
    secret: WEBHOOK_SECRET,
  });
  secrets.push(
    ...[TEST_KEY, WEBHOOK_SECRET, CURSOR_SECRET, SESSION_SECRET],
    ...[issuer.clients.console, issuer.clients['payments-service']],
  );
  const { password } = new URL(databaseUrl);
  if (password !== '') secrets.push(password);
  await liveThroughADay();
});

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** A request, with everything in it that may be marked. */
async function send(
  token: string,
  path: string,
  { body, headers = {}, raw }: { body?: unknown; raw?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(`${url}${path}`, {
    method: payload === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'user-agent': MARKS.agent,
      referer: `https://console.example/?email=${MARKS.email}`,
      cookie: `name=${MARKS.email}`,
      ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(payload === undefined ? {} : { body: payload }),
  });
  const text = await response.text();
  statuses.push(response.status);
  if (response.status >= 400) {
    refusals.push({ sent: decodeURIComponent(`${path} ${payload} ${JSON.stringify(headers)}`), text });
  }
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  return { status: response.status, body: isJson ? (JSON.parse(text) as Record<string, unknown>) : {} };
}

/** A charge whose customer Stripe knows a lot about. */
function charge(customer_id: string): Stripe.PaymentIntent {
  const { intent } = createPaymentIntent(standIn.world, {
    amount: 100_000,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
    receipt_email: MARKS.email,
    description: `${MARKS.name} ${MARKS.health}`,
    metadata: { customer_id, email: MARKS.email, note: MARKS.health },
  });
  return intent;
}

const chargeOf = (intent: Stripe.PaymentIntent) => String(intent.latest_charge);
const mint = async (request: Parameters<Issuer['mintToken']>[0]) => {
  const { access_token } = await issuer.mintToken(request);
  secrets.push(access_token);
  return access_token;
};
const settled = () =>
  until(async () => {
    await standIn.deliverer.idle();
    const { rows } = await pool.query(`SELECT count(*) AS open FROM stripe_events WHERE status = 'received'`);
    return rows[0].open === 0;
  });

/** What people and programs do in a day, and what goes wrong in it. */
async function liveThroughADay(): Promise<void> {
  const agent = await mint({ as: 'agent' });
  const approver = await mint({ as: 'approver' });
  const auditor = await mint({ as: 'auditor' });
  const nobody = await mint({ as: 'nobody' });
  const operator = await mint({ scope: 'admin:webhooks admin:refunds admin:payments write:refunds' });
  const dead = await mint({ scope: 'admin:refunds', expires_in_s: -1 });

  // Webhooks bring in what Stripe knows.
  const intents = Array.from({ length: 8 }, (_, index) => charge(`customer_${index}`));
  await settled();
  await workAtTheDesk({ agent, approver, auditor }, intents);
  await knockWithNonsense({ agent, nobody, dead });
  await signInAndOut();
  await letStripeFail(agent, intents);
  await runCommands(operator);
  await loseTheDatabase(agent);
  await letTheIssuerFail();
  metrics = await (await fetch(`${url}/metrics`)).text();
  assert.equal(await service.stop(), 0);
}

const about = (index: number) => ({
  reason: `${MARKS.health} ${index}`,
  note: `${MARKS.name}, ${MARKS.email}: ${MARKS.health}`,
});

async function workAtTheDesk(
  { agent, approver, auditor }: Record<'agent' | 'approver' | 'auditor', string>,
  intents: Stripe.PaymentIntent[],
): Promise<void> {
  for (const [index, intent] of intents.slice(0, 4).entries()) {
    const key = { 'idempotency-key': `${MARKS.email}-${index}` };
    const amount_cents = index < 2 ? 1_000 : 60_000;
    const command = { body: { charge_id: chargeOf(intent), amount_cents, ...about(index) }, headers: key };
    const issued = await send(agent, '/v1/admin/refunds', command);
    assert.ok(issued.status === 201 || issued.status === 202, JSON.stringify(issued.body));
    assert.equal((await send(agent, '/v1/admin/refunds', command)).status, issued.status);
    await send(agent, '/v1/admin/refunds', {
      ...command,
      body: { ...command.body, note: `${MARKS.health}, as was said` },
    });
    const path = `/v1/admin/refunds/${issued.body.refund_id}`;
    assert.equal((await send(agent, path)).status, 200);
    if (index === 2)
      assert.equal((await send(approver, `${path}/approve`, { body: { note: MARKS.health } })).status, 200);
    if (index === 3)
      assert.equal((await send(approver, `${path}/reject`, { body: { note: MARKS.health } })).status, 200);
    if (index === 0) {
      failRefund(standIn.world, String(issued.body.stripe_refund_id), 'lost_or_stolen_card');
      await settled();
      const resolution = { resolution: 'paid_otherwise', reference: `to ${MARKS.email}` };
      assert.equal((await send(agent, `${path}/resolve`, { body: resolution })).status, 200);
    }
  }
  // In the dashboard, too.
  createRefund(standIn.world, {
    payment_intent: String(intents[4]?.id),
    amount: 700,
    metadata: { note: MARKS.health },
  });
  await settled();
  const words = encodeURIComponent(MARKS.email);
  for (const path of [
    `/v1/admin/refunds?customer_id=${words}`,
    `/v1/admin/refunds?reason=${encodeURIComponent(MARKS.health)}`,
    `/v1/admin/refunds?limit=1`,
    `/v1/admin/payments?customer_id=${words}&order_id=${words}`,
    `/v1/payments/${words}`,
    `/v1/admin/refunds/${words}`,
    `/v1/admin/disputes?brand_id=default&status=${words}`,
  ]) {
    const { status } = await send(agent, path);
    assert.ok(status === 200 || status === 404, path);
  }
  for (const path of [
    '/v1/admin/audit?limit=100',
    '/v1/admin/audit/export',
    `/v1/admin/audit?actor_id=${words}`,
  ]) {
    assert.equal((await send(auditor, path)).status, 200, path);
  }
}

async function knockWithNonsense({
  agent,
  nobody,
  dead,
}: Record<'agent' | 'nobody' | 'dead', string>): Promise<void> {
  for (const token of [nobody, dead, `${MARKS.agent}-made-up`, `${agent} ${agent}`]) {
    secrets.push(token);
    await send(token, `/v1/admin/refunds?customer_id=${MARKS.email}`);
    await send(token, '/v1/admin/refunds', { body: about(1) });
  }
  const words = encodeURIComponent(MARKS.email);
  await send(agent, `/v1/admin/refunds?access_token=${agent}`);
  await send(agent, `/v1/admin/refunds?${words}=${words}`);
  await send(agent, `/v1/admin/refunds?created_at_gte=${words}&cursor=${words}`);
  await send(agent, `/v1/${words}?${words}`);
  await send(agent, '/v1/admin/refunds', { raw: `{"note": "${MARKS.health}"` });
  await send(agent, '/v1/admin/refunds', {
    raw: MARKS.health,
    headers: { 'content-type': `text/${MARKS.agent}` },
  });
  await send(agent, '/v1/admin/refunds', { body: { [MARKS.email]: MARKS.health } });
  await send(agent, '/v1/admin/refunds', {
    body: { charge_id: MARKS.health, reason: `\u0000${MARKS.email}` },
  });
  await send(agent, '/v1/admin/refunds', { body: { charge_id: MARKS.email, amount_cents: MARKS.email } });
  await send(agent, '/v1/admin/refunds', {
    headers: { 'x-brand-id': MARKS.email, 'x-request-id': MARKS.email },
  });
  // What is not even HTTP, and an event that Stripe has not signed.
  const { port } = new URL(url);
  await exchangeRaw(Number(port), `GET /${MARKS.email} HTTP/9\r\nAuthorization: Bearer ${agent}\r\n\r\n`);
  await exchangeRaw(
    Number(port),
    `POST /v1/refunds HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${agent}\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n${MARKS.health}`,
  );
  await send(agent, '/v1/webhooks/stripe', {
    body: { id: MARKS.email, object: 'event', data: { object: about(1) } },
    headers: { 'stripe-signature': `t=1,v1=${MARKS.email}` },
  });
}

async function signInAndOut(): Promise<void> {
  const here = new Browser(url);
  const there = new Browser(issuer.url);
  const { callback } = await signInWith(
    { here, there },
    'agent',
    `/auth/sign-in?return_to=/console?for=${MARKS.email}`,
  );
  const session = [...here.cookies.values()];
  assert.ok(session.length > 0);
  secrets.push(...session, String(callback.searchParams.get('code')));
  assert.equal((await here.go(`/v1/admin/refunds?customer_id=${MARKS.email}`)).status, 200);
  assert.equal((await here.post('/v1/admin/refunds', about(1))).status, 422);
  const again = await here.go(`${callback.pathname}${callback.search}`);
  assert.ok(again.status >= 400);
  await again.text();
  assert.equal((await here.post('/auth/sign-out')).status, 200);
}

async function letStripeFail(agent: string, intents: Stripe.PaymentIntent[]): Promise<void> {
  const [, , , , , fifth, sixth, seventh] = intents;
  for (const [intent, kind] of [
    [fifth, 'error_500_before'],
    [sixth, 'reset_after'],
    [seventh, 'rate_limit_429'],
  ] as const) {
    assert.ok(intent);
    const fault = standIn.faults.add({ kind, method: 'POST', route: '/v1/refunds', times: 1 });
    const body = { charge_id: chargeOf(intent), amount_cents: 1_000, ...about(1) };
    const { status } = await send(agent, '/v1/admin/refunds', { body });
    assert.ok(status === 201 || status === 202, String(status));
    standIn.faults.clear(fault.id);
  }
  // Refused in words: the stand-in's own amounts.
  const refused = {
    charge_id: chargeOf(intents[4] as Stripe.PaymentIntent),
    amount_cents: 6_607,
    ...about(2),
  };
  assert.equal((await send(agent, '/v1/admin/refunds', { body: refused })).status, 502);
}

async function runCommands(operator: string): Promise<void> {
  const { rows } = await pool.query('SELECT event_id FROM stripe_events ORDER BY received_at LIMIT 1');
  assert.equal((await send(operator, '/v1/admin/webhooks/replay', { body: rows[0] })).status, 200);
  await pool.query(`UPDATE stripe_events SET status = 'unmatched' WHERE event_id = $1`, [rows[0].event_id]);
  const since = '2020-01-01';
  for (const words of [
    ['backfill', '--since', since],
    ['reconcile', '--from', since],
    ['verify'],
    ['verify', '--audit'],
    ['inbox', 'list'],
    ['inbox', 'show', rows[0].event_id],
    ['backfill', '--since', MARKS.agent],
  ]) {
    const { code, stdout, stderr } = await runProgram(
      process.execPath,
      ['cli/src/main.ts', ...words],
      settings,
    );
    said.push(`${words.join(' ')}: ${code}\n${stdout}${stderr}`);
  }
}

/** As an administrator closes it; everybody is thrown out. */
async function loseTheDatabase(agent: string): Promise<void> {
  const name = new URL(databaseUrl).pathname.slice(1);
  const maintenance = withDatabase(databaseUrl, 'postgres');
  await execute(maintenance, `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  await execute(
    maintenance,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
  );
  try {
    for (let count = 0; count < 3; count += 1) {
      const { status } = await send(agent, `/v1/admin/refunds?customer_id=${MARKS.email}`);
      assert.equal(status, 503);
      assert.equal(
        (await send(agent, '/v1/admin/refunds', { body: { charge_id: 'ch_x', ...about(3) } })).status,
        503,
      );
    }
    const { stdout, stderr } = await runProgram(process.execPath, ['cli/src/main.ts', 'verify'], settings);
    said.push(stdout + stderr);
  } finally {
    await execute(maintenance, `ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
  }
  await until(async () => (await send(agent, '/v1/admin/refunds')).status === 200);
}

async function letTheIssuerFail(): Promise<void> {
  await issuer.outage('error_500');
  const unknown = `lph_at_${PASSWORD}`;
  secrets.push(unknown);
  assert.equal((await send(unknown, `/v1/admin/refunds?customer_id=${MARKS.email}`)).status, 503);
  await issuer.restore();
}

/** What of all this is in a text. */
const marksIn = (text: string) =>
  [...Object.values(MARKS), encodeURIComponent(MARKS.email), encodeURIComponent(MARKS.health)].filter(
    (mark) => text.includes(mark),
  );
const secretsIn = (text: string) => secrets.filter((secret) => text.includes(secret));

test('the day had all in it that it was to have', () => {
  const found = new Set(statuses);
  for (const status of [200, 201, 202, 400, 401, 403, 404, 415, 422, 502, 503])
    assert.ok(found.has(status), String(status));
  assert.ok(service.output.split('\n').length > 100);
  assert.match(metrics, /^# HELP /m);
  assert.ok(said.length >= 8);
  for (const [index, words] of ['backfill', 'reconcile', 'verify'].entries()) {
    assert.match(said[index] ?? '', new RegExp(`^${words}.*: 0\n`));
  }
});

test('no line of the log holds what a person wrote, who a customer is, a token, a secret, a header or a query', () => {
  for (const line of service.output.split('\n').filter((one) => one !== '')) {
    assert.deepEqual([marksIn(line), secretsIn(line)], [[], []], line);
    assert.doesNotMatch(
      line,
      /bearer [\w-]|"(authorization|cookie|user-agent|referer)"|\?[\w-]+=|postgres(ql)?:\/\//i,
      line,
    );
    assert.doesNotMatch(line, /[\w.]+@[\w-]+\.[a-z]/i, `an e-mail address: ${line}`);
    const entry: unknown = JSON.parse(line);
    assert.equal(typeof entry, 'object');
  }
});

test('no metric, no event and no row of the audit log holds it either', async () => {
  const { rows: events } = await pool.query('SELECT row_to_json(o)::text AS text FROM outbox o');
  const { rows: audit } = await pool.query('SELECT row_to_json(a)::text AS text FROM audit_log a');
  assert.ok(events.length > 10 && audit.length > 30);
  for (const text of [metrics, ...[...events, ...audit].map((row) => String(row.text))]) {
    assert.deepEqual([marksIn(text), secretsIn(text)], [[], []], text);
  }
});

test('what the commands say holds none of it, but what was said to them', () => {
  for (const text of said) {
    const [words = '', ...rest] = text.split('\n');
    const told = rest.join('\n');
    assert.deepEqual(secretsIn(text), [], text);
    assert.deepEqual(
      marksIn(told).filter((mark) => !words.includes(mark)),
      [],
      text,
    );
  }
});

test('an answer that refuses tells nobody what they have not sent themselves, and no token even then', () => {
  for (const { sent, text } of refusals) {
    assert.deepEqual(secretsIn(text), [], text);
    assert.deepEqual(
      marksIn(text).filter((mark) => !sent.includes(mark)),
      [],
      text,
    );
  }
});

test('of what Stripe knows of customers, nothing but their id is in the books', async () => {
  for (const table of [
    'payments',
    'stripe_events',
    'disputes',
    'anomalies',
    'refund_transitions',
    'sessions',
  ]) {
    const { rows } = await pool.query(`SELECT row_to_json(t)::text AS text FROM ${table} t`);
    for (const { text } of rows)
      assert.deepEqual([marksIn(text), secretsIn(text)], [[], []], `${table}: ${text}`);
  }
});

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { APP_CONNECTIONS, startTestApp } from '../../../test/support/app.ts';
import { createPool } from '../database/pool.ts';
import type { Status } from './probes.ts';

const outside: Record<'issuer' | 'stripe', Status> = { issuer: 'pass', stripe: 'pass' };
const probe = (name: 'issuer' | 'stripe') => ({ check: () => ({ status: outside[name] }), stop() {} });
const service = await startTestApp({ probes: { issuer: probe('issuer'), stripe: probe('stripe') } });
after(() => service[Symbol.asyncDispose]());

interface Health {
  status: Status;
  checks: Record<string, { status: Status; output?: string }>;
}

async function readiness(url = service.url): Promise<{ status: number; type: string | null; body: Health }> {
  const response = await fetch(`${url}/readyz`);
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    body: (await response.json()) as Health,
  };
}

test('ready means that the database answers, is migrated, and issuer and Stripe were reached; no token is asked for', async () => {
  const { status, type, body } = await readiness();
  assert.equal(status, 200);
  assert.match(type ?? '', /^application\/health\+json/);
  assert.deepEqual(body, {
    status: 'pass',
    checks: {
      database: { status: 'pass' },
      migrations: { status: 'pass' },
      refunds: { status: 'pass' },
      issuer: { status: 'pass' },
      stripe: { status: 'pass' },
    },
  });
});

for (const [issuer, stripe, status, overall] of [
  ['warn', 'pass', 200, 'warn'],
  ['pass', 'warn', 200, 'warn'],
  ['fail', 'warn', 503, 'fail'],
  ['pass', 'fail', 503, 'fail'],
] as const) {
  test(`issuer ${issuer} and Stripe ${stripe} make ${status} ${overall}`, async () => {
    Object.assign(outside, { issuer, stripe });
    const { status: answered, body } = await readiness();
    Object.assign(outside, { issuer: 'pass', stripe: 'pass' });
    assert.equal(answered, status);
    assert.equal(body.status, overall);
    assert.equal(body.checks.issuer?.status, issuer);
  });
}

test('a database that lacks a migration is not ready, and the migration is named', async () => {
  const { rows } = await service.pool.query<{ id: number; name: string; run_on: Date }>(
    'DELETE FROM schema_migrations WHERE id = (SELECT max(id) FROM schema_migrations) RETURNING *',
  );
  const [taken] = rows;
  assert.ok(taken);
  const { status, body } = await readiness();
  await service.pool.query('INSERT INTO schema_migrations (id, name, run_on) VALUES ($1, $2, $3)', [
    taken.id,
    taken.name,
    taken.run_on,
  ]);
  assert.equal(status, 503);
  assert.equal(body.checks.database?.status, 'pass');
  assert.equal(body.checks.migrations?.status, 'fail');
  assert.match(body.checks.migrations?.output ?? '', new RegExp(taken.name));
  assert.equal((await readiness()).status, 200);
});

test('a database that newer versions have migrated further is ready for this one', async () => {
  await service.pool.query(
    `INSERT INTO schema_migrations (name, run_on) VALUES ('9999_from_the_future', now())`,
  );
  const { status } = await readiness();
  await service.pool.query(`DELETE FROM schema_migrations WHERE name = '9999_from_the_future'`);
  assert.equal(status, 200);
});

test('a database that is not there: alive, not ready, and lists are a 503 that says when to come back', async () => {
  const pool = createPool({ connectionString: 'postgres://payments@127.0.0.1:1/payments', max: 1 });
  await using lost = await startTestApp({ pool });
  try {
    assert.equal((await fetch(`${lost.url}/healthz`)).status, 200);
    const { status, body } = await readiness(lost.url);
    assert.equal(status, 503);
    assert.equal(body.checks.database?.status, 'fail');
    const response = await lost.get('/v1/admin/refunds');
    assert.equal(response.status, 503);
    assert.match(response.headers.get('retry-after') ?? '', /^\d+$/);
    assert.equal(((await response.json()) as { error: string }).error, 'service_unavailable');
  } finally {
    await pool.end();
  }
});

test('connections that the database cuts off cost at most one 503; the next call is answered, without a restart', async () => {
  assert.equal((await service.get('/v1/admin/refunds')).status, 200);
  await service.pool.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE datname = current_database() AND pid <> pg_backend_pid()`);
  const statuses: number[] = [];
  while (statuses.at(-1) !== 200 && statuses.length < 10)
    statuses.push((await service.get('/v1/admin/refunds')).status);
  assert.equal(statuses.at(-1), 200, statuses.join());
  assert.ok(
    statuses.slice(0, -1).every((status) => status === 503),
    statuses.join(),
  );
  assert.equal((await readiness()).status, 200);
});

test('when every connection is taken, readiness says so within three seconds instead of waiting for one', async () => {
  const taken = await Promise.all(Array.from({ length: APP_CONNECTIONS }, () => service.pool.connect()));
  try {
    const started = performance.now();
    const { status } = await readiness();
    assert.equal(status, 503);
    assert.ok(performance.now() - started < 3_000);
  } finally {
    for (const client of taken) client.release();
  }
  assert.equal((await readiness()).status, 200);
});

test('liveness looks at nothing else', async () => {
  const response = await fetch(`${service.url}/healthz`);
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { status: 'pass' });
});

test('metrics count requests by method, route as declared, and status; addresses and customers never become labels', async () => {
  await (await service.get('/v1/admin/refunds?customer_id=ada')).arrayBuffer();
  await (await service.get('/v1/admin/refunds/refund_secret')).arrayBuffer();
  await (await service.get('/v1/secret-address')).arrayBuffer();
  const response = await fetch(`${service.url}/metrics`);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain/);
  const text = await response.text();
  assert.match(
    text,
    /http_request_duration_seconds_count\{method="GET",route="\/v1\/admin\/refunds",status="200"\} \d+/,
  );
  assert.match(
    text,
    /http_request_duration_seconds_count\{method="GET",route="\/v1\/admin\/refunds\/:refund_id",status="404"\} 1/,
  );
  assert.match(text, /process_resident_memory_bytes/);
  assert.doesNotMatch(text, /secret|ada/);
});

test('metrics are in the text format of Prometheus, and their labels are of the declared kind only, whatever was called', async () => {
  const { access_token } = await service.issuer.mintToken({
    scope: 'admin:refunds.read',
    brand: 'brand_hidden',
  });
  for (const [path, init] of [
    ['/v1/admin/refunds?customer_id=hidden', {}],
    ['/v1/admin/refunds?limit=hidden', {}],
    ['/v1/admin/refunds/hidden?x="hidden"', {}],
    ['/v1/admin/refunds/%22hidden%0a%7d', {}],
    ['/v1/admin/disputes/hidden', {}],
    ['/v1/payments/hidden', { method: 'DELETE' }],
    ['/v1/payments/hidden', { method: 'PROPFIND' }],
    ['/hidden%0a', {}],
    ['/v1/webhooks/stripe', { method: 'POST', body: 'hidden' }],
  ] as const) {
    const headers = { authorization: `Bearer ${access_token}`, 'x-request-id': 'hidden' };
    await (await fetch(`${service.url}${path}`, { headers, ...init })).arrayBuffer();
    await (await fetch(`${service.url}${path}`, init)).arrayBuffer();
  }
  const text = await (await fetch(`${service.url}/metrics`)).text();
  assert.ok(text.endsWith('\n'));
  assert.doesNotMatch(text, /hidden/);
  const types = new Map<string, string>();
  const label = String.raw`[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\n"])*"`;
  const sample = new RegExp(
    String.raw`^([a-zA-Z_:][\w:]*)(?:\{(${label}(?:,${label})*)\})? (?:[-+]?(?:\d+(?:\.\d+)?(?:e[-+]?\d+)?|Inf)|NaN|Nan)$`,
  );
  const known = {
    method: /^[A-Z]+$/,
    status: /^[1-5]\d\d$/,
    route:
      /^(unknown|\/healthz|\/readyz|\/metrics|\/openapi\.json|\/reference.*|\/v1(\/[a-z]+)+(\/:[a-z_]+)?)$/,
  };
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [, declared, type] = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line) ?? [];
    if (declared !== undefined && type !== undefined) {
      assert.ok(!types.has(declared), line);
      types.set(declared, type);
    }
    if (/^# (TYPE|HELP) \S+ \S/.test(line)) continue;
    const [, name = '', labels = ''] = sample.exec(line) ?? assert.fail(line);
    assert.ok(types.has(name) || types.get(name.replace(/_(bucket|sum|count)$/, '')) === 'histogram', line);
    if (!name.startsWith('http_request_duration_seconds')) continue;
    for (const [, key = '', value = ''] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
      if (key !== 'le') assert.match(value, known[key as keyof typeof known] ?? assert.fail(line));
    }
  }
  assert.equal(types.get('http_request_duration_seconds'), 'histogram');
});

test('two apps in one process measure apart', async () => {
  await using other = await startTestApp();
  const text = await (await fetch(`${other.url}/metrics`)).text();
  assert.doesNotMatch(text, /route="\/v1\/admin\/refunds"/);
});

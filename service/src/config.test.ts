import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULT_ROLES } from './access/roles.ts';
import { ConfigError, describeSettings, readConfig } from './config.ts';

const REQUIRED = {
  DATABASE_URL: 'postgres://payments:hunter2@127.0.0.1:5432/payments',
  STRIPE_API_KEY: 'sk_test_hidden',
  STRIPE_WEBHOOK_SECRET: 'whsec_hidden',
  OAUTH_ISSUER: 'https://issuer.example',
  OAUTH_CLIENT_ID: 'payments-service',
  OAUTH_CLIENT_SECRET: 'client-secret-hidden',
};

/** What is said of an environment that is refused. */
function refusal(env: NodeJS.ProcessEnv): string {
  try {
    readConfig(env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  assert.fail('the settings were accepted');
}

test('an environment with only what is required starts with the documented defaults', () => {
  const config = readConfig(REQUIRED);
  assert.equal(config.port, 8080);
  assert.equal(config.host, '0.0.0.0');
  assert.equal(config.database_pool_size, 16);
  assert.equal(config.stripe_api_base, 'https://api.stripe.com');
  assert.equal(config.default_brand, 'default');
  assert.equal(config.role, 'all');
  assert.equal(config.log_level, 'info');
  assert.equal(config.oauth_audience, undefined);
});

test('everything that is missing is named at once, a sentence each', () => {
  const message = refusal({});
  for (const name of Object.keys(REQUIRED)) {
    const lines = message.split('\n').filter((line) => line.startsWith(`- ${name} `));
    assert.equal(lines.length, 1, `${name} in ${message}`);
    assert.match(lines[0] ?? '', /missing.*[.]$/);
  }
});

test('a setting of nothing but spaces is a missing one', () => {
  assert.match(refusal({ ...REQUIRED, STRIPE_API_KEY: '  ' }), /STRIPE_API_KEY is missing/);
});

for (const [name, wrong] of [
  ['REDIS_URL', 'https://redis.example'],
  ['TRUST_PROXY', 'true'],
  ['TRUST_PROXY', '1'],
  ['TRUST_PROXY', 'everybody.example'],
  ['TRUST_PROXY', '10.0.0.0/33'],
  ['TRUST_PROXY', '10.0.0.1, '],
  ['RATE_LIMIT_FAILURES_PER_MINUTE', '0'],
  ['PORT', '80 80'],
  ['PORT', '-1'],
  ['PORT', '65536'],
  ['PORT', '8e3'],
  ['DATABASE_POOL_SIZE', '0'],
  ['DATABASE_POOL_SIZE', '1.5'],
  ['DATABASE_URL', 'mysql://127.0.0.1/payments'],
  ['DATABASE_URL', 'payments'],
  ['STRIPE_API_BASE', 'http://stripe.example'],
  ['STRIPE_API_BASE', 'ftp://127.0.0.1'],
  ['STRIPE_WEBHOOK_SECRET', 'whsec_a,,whsec_b'],
  ['OAUTH_ISSUER', 'http://issuer.example'],
  ['OAUTH_ISSUER', 'http://127.0.0.1.issuer.example'],
  ['OAUTH_ISSUER', 'issuer'],
  ['OAUTH_INTROSPECTION_URL', 'http://10.0.0.1/introspect'],
  ['DEFAULT_BRAND', 'a brand'],
  ['ROLE', 'both'],
  ['OAUTH_JWT', 'trust'],
  ['OAUTH_SIGNING_ALGORITHMS', 'ES256,none'],
  ['OAUTH_SIGNING_ALGORITHMS', 'HS256'],
  ['CURSOR_SECRET', 'a-secret-of-thirty-one-letters-'],
  ['SESSION_SECRET', 'a-secret-of-many-characters-by-chance,short'],
  ['ROLE_SCOPES', 'agent'],
  ['ROLE_SCOPES', 'agent='],
  ['ROLE_SCOPES', 'agent=admin:refunds.everything'],
  ['ROLE_SCOPES', 'agent=*'],
  ['LOG_LEVEL', 'loud'],
] as const) {
  test(`${name}=${wrong} stops the start with one sentence that names it`, () => {
    const lines = refusal({ ...REQUIRED, [name]: wrong })
      .split('\n')
      .slice(1);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', new RegExp(`^- ${name} has .*[.)]$`));
  });
}

test('no value of a setting is repeated in a refusal, not even in part', () => {
  const message = refusal({
    ...REQUIRED,
    DATABASE_URL: 'mysql://payments:hunter2@127.0.0.1/payments',
    STRIPE_WEBHOOK_SECRET: 'whsec_hidden,',
    OAUTH_CLIENT_ID: '',
    CURSOR_SECRET: 'cursor-hidden,,',
  });
  assert.doesNotMatch(message, /hunter2|hidden/);
});

for (const host of ['127.0.0.1:4010', 'localhost:4010', '[::1]:4010']) {
  test(`plain http is taken for this machine itself: ${host}`, () => {
    const env = { ...REQUIRED, OAUTH_ISSUER: `http://${host}`, STRIPE_API_BASE: `http://${host}` };
    assert.equal(readConfig(env).oauth_issuer, `http://${host}`);
  });
}

test('an introspection address is enough where the issuer has no discovery', () => {
  const { OAUTH_ISSUER: _, ...others } = REQUIRED;
  const config = readConfig({ ...others, OAUTH_INTROSPECTION_URL: 'https://issuer.example/introspect' });
  assert.equal(config.oauth_issuer, undefined);
  assert.equal(config.oauth_introspection_url, 'https://issuer.example/introspect');
});

test('several webhook and cursor secrets are told apart by commas, in order', () => {
  const config = readConfig({
    ...REQUIRED,
    STRIPE_WEBHOOK_SECRET: 'whsec_new, whsec_old',
    CURSOR_SECRET: 'a-new-secret-of-many-characters-by-chance, an-old-secret-of-many-characters-by-chance',
  });
  assert.deepEqual(config.stripe_webhook_secrets, ['whsec_new', 'whsec_old']);
  assert.deepEqual(config.cursor_secrets, [
    'a-new-secret-of-many-characters-by-chance',
    'an-old-secret-of-many-characters-by-chance',
  ]);
});

test('without CURSOR_SECRET all instances derive the same secret from the client secret, which it does not show', () => {
  const [one] = readConfig(REQUIRED).cursor_secrets;
  assert.deepEqual(readConfig({ ...REQUIRED, PORT: '0' }).cursor_secrets, [one]);
  assert.notDeepEqual(readConfig({ ...REQUIRED, OAUTH_CLIENT_SECRET: 'another' }).cursor_secrets, [one]);
  assert.doesNotMatch(String(one), /hidden/);
});

test('the table of settings has one line for every setting, with no bar that would break it', () => {
  const [head, rule, ...rows] = describeSettings()
    .split('\n')
    .filter((line) => line.startsWith('|'));
  assert.equal(head, '| setting | type | default | meaning |');
  assert.equal(rule, '|---|---|---|---|');
  assert.equal(new Set(rows.map((row) => row.split('|')[1])).size, rows.length);
  for (const row of rows) assert.equal(row.match(/(?<!\\)\|/g)?.length, 5, row);
  for (const name of Object.keys(REQUIRED))
    assert.ok(
      rows.some((row) => row.startsWith(`| \`${name}\` |`)),
      name,
    );
});

test('what a role may do is read from the setting', () => {
  const { role_scopes } = readConfig({
    ...REQUIRED,
    ROLE_SCOPES: 'Refund-Desk=admin:refunds.read admin:refunds.issue, https://idp.example/lead=admin:refunds',
  });
  assert.deepEqual(role_scopes, {
    'Refund-Desk': ['admin:refunds.read', 'admin:refunds.issue'],
    'https://idp.example/lead': ['admin:refunds'],
  });
  assert.deepEqual(readConfig(REQUIRED).role_scopes, DEFAULT_ROLES);
});

test('JWTs are not verified without knowing whose they have to be and for whom', () => {
  assert.match(refusal({ ...REQUIRED, OAUTH_JWT: 'verify' }), /OAUTH_AUDIENCE is missing/);
  const { OAUTH_ISSUER, ...rest } = { ...REQUIRED, OAUTH_AUDIENCE: 'urn:payments:api' };
  assert.ok(OAUTH_ISSUER);
  const asking = {
    ...rest,
    OAUTH_INTROSPECTION_URL: 'https://issuer.example/introspect',
    OAUTH_JWT: 'verify',
  };
  assert.match(refusal(asking), /OAUTH_ISSUER is missing/);
});

test('any setting may come from a file, whose end of line does not count', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'payments-config-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'secret');
  writeFileSync(file, 'sk_test_from_a_file\n');
  const { STRIPE_API_KEY, ...rest } = REQUIRED;
  assert.ok(STRIPE_API_KEY);
  assert.equal(readConfig({ ...rest, STRIPE_API_KEY_FILE: file }).stripe_api_key, 'sk_test_from_a_file');
  assert.match(refusal({ ...REQUIRED, STRIPE_API_KEY_FILE: file }), /STRIPE_API_KEY is given twice/);
  const missing = refusal({ ...rest, STRIPE_API_KEY_FILE: join(folder, 'nothing') });
  assert.match(
    missing,
    /STRIPE_API_KEY cannot be read from the file that STRIPE_API_KEY_FILE names \(ENOENT\)/,
  );
  assert.ok(!missing.includes(folder));
});

test('an address may do as much as a client, unless it is said how much', () => {
  const { limits } = readConfig({
    ...REQUIRED,
    RATE_LIMIT_READS_PER_MINUTE: '5000',
    RATE_LIMIT_ADDRESS_WRITES_PER_MINUTE: '300',
  });
  assert.deepEqual(limits.client, { reads_per_minute: 5_000, writes_per_minute: 200 });
  assert.deepEqual(limits.address, { reads_per_minute: 5_000, writes_per_minute: 300 });
});

test('no proxy is believed unless it is said where it stands', () => {
  assert.equal(readConfig(REQUIRED).trust_proxy, undefined);
  const given = readConfig({ ...REQUIRED, TRUST_PROXY: 'loopback, 10.0.0.0/8, fd00::/8, 192.0.2.7' });
  assert.deepEqual(given.trust_proxy, ['loopback', '10.0.0.0/8', 'fd00::/8', '192.0.2.7']);
});

test('there is one listener, with its bounds, also where the address is a name for two', () => {
  assert.equal(readConfig({ ...REQUIRED, HOST: 'localhost' }).host, '127.0.0.1');
  assert.equal(readConfig({ ...REQUIRED, HOST: '::' }).host, '::');
});

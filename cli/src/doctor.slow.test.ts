import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TEST_KEY } from '../../local/stripe/testing.ts';
import { createStripe } from '../../service/src/stripe/client.ts';
import { type IssuingWorld, startIssuing } from '../../test/support/issuing.ts';
import { runProgram } from '../../test/support/program.ts';
import { settingsOf } from '../../test/support/service.ts';

let world: IssuingWorld;
let settings: Record<string, string>;
before(async () => {
  world = await startIssuing();
  settings = {
    ...settingsOf({ databaseUrl: world.databaseUrl, standIn: world.standIn, issuer: world.issuer }),
    EVENT_SECRET: 'a secret of a test which is long enough',
    OAUTH_AUDIENCE: 'urn:payments:api',
  };
});
after(() => world[Symbol.asyncDispose]());

interface Finding {
  what: string;
  state: string;
  sentence: string;
  mend: string | null;
}

async function examine(change: Record<string, string> = {}) {
  const args = ['cli/src/main.ts', 'doctor', '--json'];
  const { code, stdout, stderr } = await runProgram(process.execPath, args, { ...settings, ...change });
  const findings =
    stdout === ''
      ? []
      : stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Finding);
  // The tests' own database is quick rather than durable, which the doctor notices.
  const isDurable = ({ sentence }: Finding) => !/may be lost when it crashes/.test(sentence);
  return {
    code,
    stderr,
    findings,
    durable: findings.every(isDurable),
    wrong: findings.filter((finding) => finding.state !== 'ok' && isDurable(finding)),
  };
}

test('where nobody tells the service of anything, that is wrong and nothing else; then nothing is', async () => {
  const before = await examine();
  assert.equal(before.code, 1, before.stderr);
  assert.deepEqual(
    before.wrong.map(({ what }) => what),
    ['webhook endpoint'],
  );
  assert.match(before.wrong[0]?.mend ?? '', /STRIPE_WEBHOOK_SECRET/);
  const stripe = createStripe({ api_key: TEST_KEY, api_base: world.standIn.url });
  await stripe.webhookEndpoints.create({ url: `${world.url}/v1/webhooks/stripe`, enabled_events: ['*'] });
  const { code, wrong, findings, durable } = await examine();
  assert.deepEqual(wrong, []);
  assert.equal(code, durable ? 0 : 1);
  assert.deepEqual(
    [...new Set(findings.map(({ what }) => what))],
    ['settings', 'database', 'issuer', 'stripe', 'webhook endpoint'],
  );
});

for (const [name, what, change, sentence] of [
  [
    'a database that cannot be reached',
    'database',
    { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' },
    /cannot be used/,
  ],
  [
    'an issuer that does not take the client',
    'issuer',
    { OAUTH_CLIENT_SECRET: 'guessed' },
    /cannot be asked about tokens/,
  ],
  [
    'a key that Stripe does not take',
    'stripe',
    { STRIPE_API_KEY: 'sk_test_guessed' },
    /does not take STRIPE_API_KEY/,
  ],
  [
    'a Stripe that cannot be reached',
    'stripe',
    { STRIPE_API_BASE: 'http://127.0.0.1:1' },
    /cannot be reached/,
  ],
] as const) {
  test(`${name} is found, with how to mend it and without what is secret`, async () => {
    const { code, wrong, stderr } = await examine(change);
    assert.equal(code, 1, stderr);
    const found = wrong.find((one) => one.what === what);
    assert.match(found?.sentence ?? '', sentence);
    assert.ok(found?.mend);
    assert.doesNotMatch(JSON.stringify(wrong) + stderr, /guessed/);
  });
}

test('a setting that is missing ends it with 2 and the setting’s name', async () => {
  const { code, stderr } = await examine({ DATABASE_URL: '' });
  assert.equal(code, 2);
  assert.match(stderr, /DATABASE_URL is missing/);
});

test('for a person it says what is well, too', async () => {
  const { stdout } = await runProgram(process.execPath, ['cli/src/main.ts', 'doctor'], settings);
  assert.match(stdout, /^ok +database: PostgreSQL \d+/m);
  assert.match(stdout, /^ok +stripe: the key may make refunds/m);
});

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type IssuingWorld, startIssuing } from '../../test/support/issuing.ts';
import { runProgram } from '../../test/support/program.ts';
import { Service, settingsOf } from '../../test/support/service.ts';

let world: IssuingWorld;
let folder: string;
before(async () => {
  world = await startIssuing({ approvalLimits: { service: { usd: 50_000 } } });
  folder = await mkdtemp(join(tmpdir(), 'payments-cli-'));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
  await world[Symbol.asyncDispose]();
});

const SCOPE = 'admin:refunds admin:payments admin:events';

/** The command with the environment that a user of the API has. */
async function payments(args: string[], env: Record<string, string> = {}) {
  const { access_token } = await world.issuer.mintToken({ scope: SCOPE });
  return await runProgram(process.execPath, ['cli/src/main.ts', ...args], {
    PAYMENTS_URL: world.url,
    PAYMENTS_TOKEN: access_token,
    ...env,
  });
}

test('a refund is issued, shown, and listed; nothing moves without --yes where nobody can be asked', async () => {
  const { payment_id } = await world.pay({ customer_id: 'customer_of_cli' });
  const order = ['refunds', 'issue', '--payment', payment_id, '--amount', '12.50', '--reason', 'goodwill'];
  const asked = await payments(order);
  assert.equal(asked.code, 2);
  assert.match(
    asked.stderr,
    /^Refund 12\.50 USD of payment_\w+ \(customer_of_cli\), of which 100\.00 USD is left\?\nNobody can be asked/,
  );
  const { code, stdout, stderr } = await payments([...order, '--yes', '--json']);
  assert.equal(code, 0, stderr);
  const issued = JSON.parse(stdout) as { refund_id: string; amount_cents: number };
  assert.equal(issued.amount_cents, 1_250);
  const shown = await payments(['refunds', 'show', issued.refund_id]);
  assert.match(shown.stdout, /^amount +12\.50 USD$/m);
  assert.match(shown.stdout, /^status +succeeded$/m);
  assert.match(shown.stdout, /^left of it +87\.50 USD$/m);
  const listed = await payments(['refunds', 'list', '--customer', 'customer_of_cli']);
  assert.match(listed.stdout, /^REFUND +AMOUNT +STATUS/);
  assert.ok(listed.stdout.includes(issued.refund_id));
  const rows = await payments(['refunds', 'list', '--customer', 'customer_of_cli', '--json']);
  assert.deepEqual(
    rows.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).refund_id),
    [issued.refund_id],
  );
  const payment = await payments(['payments', 'show', payment_id]);
  assert.match(payment.stdout, /^went back +12\.50 USD$/m);
  assert.ok(payment.stdout.includes(issued.refund_id));
});

test('the same key refunds once', async () => {
  const paid = await world.pay();
  const order = [
    'refunds',
    'issue',
    '--payment',
    paid.payment_id,
    '--amount',
    '1',
    '--reason',
    'goodwill',
    '--yes',
    '--json',
  ];
  const key = ['--idempotency-key', 'once'];
  const first = await payments([...order, ...key]);
  assert.equal(first.code, 0, first.stderr);
  const again = await payments([...order, ...key]);
  assert.equal(world.refundsAtStripe(paid).length, 1, again.stderr);
});

test('what is wrong is a sentence and an exit code, and never a stack', async () => {
  for (const [args, env, code, sentence] of [
    [['refunds', 'show', 'refund_of_nobody'], {}, 1, /There is no such refund/],
    [['refunds', 'list'], { PAYMENTS_TOKEN: '' }, 2, /PAYMENTS_TOKEN is missing/],
    [['refunds', 'list'], { PAYMENTS_URL: 'nowhere' }, 2, /PAYMENTS_URL has to be/],
    [['refunds', 'list'], { PAYMENTS_TOKEN: 'nobodys' }, 1, /access token is unknown/],
    [['refunds', 'list'], { PAYMENTS_ISSUER: world.issuer.url }, 2, /belong together/],
    [['refunds', 'list', '--status', 'lost'], {}, 2, /Allowed choices are/],
    [['refunds', 'list', '--since', 'yesterday'], {}, 2, /Write a day like/],
    [['refunds', 'issue', '--payment', 'p', '--reason', 'x'], {}, 2, /--amount or --full/],
    [['refunds', 'export', '--resume'], {}, 2, /--resume needs --output/],
    [['events', 'resend', 'endpoint_1'], {}, 2, /which event, or --since/],
    [['refunds', 'explode'], {}, 2, /unknown command/],
  ] as const) {
    const run = await payments([...args], env);
    assert.equal(run.code, code, `${args.join(' ')}: ${run.stderr}`);
    assert.match(run.stderr, sentence);
    assert.doesNotMatch(run.stderr, /\bat .*\.[jt]s:\d/, 'a sentence, not a stack');
  }
  const { payment_id } = await world.pay({ currency: 'jpy' });
  const decimals = await payments([
    'refunds',
    'issue',
    '--payment',
    payment_id,
    '--amount',
    '1.50',
    '--reason',
    'x',
    '--yes',
  ]);
  assert.equal(decimals.code, 2);
  assert.match(decimals.stderr, /an amount of JPY such as 1250/);
});

test('what waits for approval is approved by somebody else, or rejected', async () => {
  const ask = async () => {
    const { payment_id } = await world.pay({ amount_cents: 100_000 });
    const { body } = await (await world.caller({ scope: SCOPE })).post('/v1/admin/refunds', {
      payment_id,
      amount_cents: 60_000,
    });
    assert.equal(body.status, 'awaiting_approval');
    return body.refund_id;
  };
  const approver = (await world.issuer.mintToken({ as: 'approver' })).access_token;
  const one = await ask();
  const approved = await payments(['refunds', 'approve', one, '--yes'], { PAYMENTS_TOKEN: approver });
  assert.equal(approved.code, 0, approved.stderr);
  assert.match(approved.stdout, new RegExp(`^${one} +succeeded$`, 'm'));
  const rejected = await payments(['refunds', 'reject', await ask(), '--yes', '--note', 'no', '--json'], {
    PAYMENTS_TOKEN: approver,
  });
  assert.equal(JSON.parse(rejected.stdout).status, 'rejected');
});

test('an export goes on with a file that was cut off in the middle of a line', async () => {
  for (let n = 0; n < 3; n += 1) {
    const { payment_id } = await world.pay({ currency: 'eur' });
    await (await world.caller({ scope: SCOPE })).post('/v1/admin/refunds', { payment_id, amount_cents: 100 });
  }
  for (const format of ['csv', 'ndjson']) {
    const file = join(folder, `all.${format}`);
    const args = ['refunds', 'export', '--currency', 'eur', '--format', format, '-o', file];
    assert.equal((await payments(args)).code, 0);
    const whole = await readFile(file, 'utf8');
    assert.equal(whole.split('\n').length - 1, format === 'csv' ? 4 : 3);
    const piped = await payments(args.slice(0, -2));
    assert.equal(piped.stdout, whole);
    await writeFile(file, whole.slice(0, -20));
    const resumed = await payments([...args, '--resume']);
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.equal(await readFile(file, 'utf8'), whole);
  }
});

test('a CSV is checked, then issued by the service, and what was refused is said row by row', async () => {
  const paid = [await world.pay(), await world.pay()];
  const file = join(folder, 'refunds.csv');
  const rows = [
    ...paid.map(({ payment_id }) => `${payment_id},500,canceled_order`),
    'payment_of_nobody,500,canceled_order',
  ];
  await writeFile(file, `payment_id,amount_cents,reason\r\n${rows.join('\r\n')}\r\n`);
  const dry = await payments(['refunds', 'import', file, '--dry-run']);
  assert.equal(dry.code, 3, dry.stderr);
  assert.match(dry.stdout, /draft: 2 to be issued, 0 issued, 0 refused, 1 cannot be/);
  assert.match(dry.stdout, /^3 +payment_of_nobody +There is no such payment/m);
  assert.equal(world.refundsAtStripe(paid[0] ?? assert.fail()).length, 0);
  const settings = settingsOf({
    databaseUrl: world.databaseUrl,
    standIn: world.standIn,
    issuer: world.issuer,
  });
  await using worker = new Service({ ...settings, ROLE: 'worker', BATCH_REFUNDS_PER_SECOND: '100' });
  const { code, stdout, stderr } = await payments(['refunds', 'import', file, '--yes', '--json']);
  assert.equal(code, 3, stderr);
  assert.equal(JSON.parse(stdout).counts.issued, 2);
  for (const one of paid) assert.equal(world.refundsAtStripe(one).length, 1);
  assert.equal(await worker.stop(), 0);
});

test('a token comes from the issuer by a client’s credentials, alone or for each command', async () => {
  const client = {
    PAYMENTS_TOKEN: '',
    PAYMENTS_ISSUER: world.issuer.url,
    PAYMENTS_CLIENT_ID: 'developer',
    PAYMENTS_CLIENT_SECRET: world.issuer.clients.developer,
    PAYMENTS_AUDIENCE: 'urn:payments:api',
    PAYMENTS_SCOPE: 'admin:refunds.read',
  };
  const token = await payments(['token'], client);
  assert.equal(token.code, 0, token.stderr);
  assert.match(token.stdout, /^\S{20,}\n$/);
  assert.equal((await payments(['refunds', 'list', '--json'], client)).code, 0);
  const wrong = await payments(['token'], { ...client, PAYMENTS_CLIENT_SECRET: 'guessed' });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /The issuer gives no token/);
  assert.doesNotMatch(wrong.stderr, /guessed/);
});

test('the completion of every shell names the commands, and --help of each has an example or its settings', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await payments(['completion', shell]);
    assert.equal(code, 0);
    assert.ok(stdout.length > 500, shell);
  }
  const suggested = await payments(['complete', '--', 'refunds', '']);
  assert.match(suggested.stdout, /^issue\b/m);
  for (const command of ['list', 'show', 'issue', 'approve', 'reject', 'cancel', 'export', 'import']) {
    const { stdout } = await payments(['refunds', command, '--help']);
    assert.match(stdout, /Examples?:\n {2}\$ payments refunds/, command);
  }
});

test('events: where they go, what became of them, and one to try it with', async () => {
  const operator = await world.caller({ scope: SCOPE });
  const { body } = await operator.post<{ endpoint_id: string }>('/v1/admin/event-endpoints', {
    url: 'https://shop.example/events',
    event_types: ['refund.*'],
  });
  const endpoints = await payments(['events', 'endpoints']);
  assert.match(endpoints.stdout, new RegExp(`^${body.endpoint_id} +enabled +refund`, 'm'));
  const tried = await payments(['events', 'test', body.endpoint_id]);
  const [eventId = ''] = /event_\w+/.exec(tried.stdout) ?? [];
  const deliveries = await payments(['events', 'deliveries', '--endpoint', body.endpoint_id, '--json']);
  assert.equal(JSON.parse(deliveries.stdout).event_id, eventId);
  assert.equal((await payments(['events', 'resend', body.endpoint_id, eventId])).code, 0);
  const since = await payments(['events', 'resend', body.endpoint_id, '--since', '2026-01-01']);
  assert.match(since.stdout, /^0 events are sent again/);
});

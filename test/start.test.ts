import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { isRunning } from '../local/postgres/processes.ts';
import { lastWorld } from '../local/running.ts';
import { until } from '../service/src/stripe/test-world.ts';
import { execute } from './support/database.ts';
import { assertBooksComplete, isUp, makeWorldFolder } from './support/local-world.ts';
import { kill, Program, runProgram } from './support/program.ts';

/** In the middle of the first fill: the service is up, Stripe has its sample, and the books have a part of it. */
async function isHalfFilled(
  folder: { env(): Promise<Record<string, string>> },
  program: Program,
): Promise<void> {
  await program.says(/90 days of business at Stripe/);
  const { DATABASE_URL = '' } = await folder.env();
  await until(async () => {
    const { rows } = await execute(DATABASE_URL, 'SELECT count(*)::int AS n FROM payments');
    return rows[0]?.n > 300;
  });
  const { rows } = await execute(DATABASE_URL, 'SELECT finished_at FROM backfills');
  assert.deepEqual(rows, [{ finished_at: null }], 'it is still being filled');
}

async function isListening(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

const list = (env: Record<string, string>, token: string, query = 'limit=100') =>
  fetch(`${env.SERVICE_URL}/v1/admin/refunds?${query}`, { headers: { authorization: `Bearer ${token}` } });

test('a world is filled, answers, lets its commands be used, and is found again after Ctrl-C', async (t) => {
  await using folder = await makeWorldFolder();
  await using start = new Program('npm', ['start'], { PORT: '0', LOCAL_DIR: folder.directory });
  await isUp(start);
  const env = await folder.env();
  const { DATABASE_URL = '', SERVICE_URL = '' } = env;
  const [, printed = ''] = await start.says(/^ {4}export ACCESS_TOKEN=(\S+)$/m);

  await t.test(
    'what Stripe has is in the books, each payment and refund once and in its status',
    async () => {
      await assertBooksComplete(env);
    },
  );

  await t.test(
    'the books were filled by a backfill and by signed webhooks, and nothing is on the shelf',
    async () => {
      const { rows: backfills } = await execute(
        DATABASE_URL,
        'SELECT counts FROM backfills WHERE finished_at IS NOT NULL',
      );
      assert.equal(backfills.length, 1);
      assert.ok(backfills[0]?.counts.charges > 2_900 && backfills[0]?.counts.invoice_payments > 150);
      const { rows: events } = await execute(
        DATABASE_URL,
        'SELECT status, count(*)::int AS n FROM stripe_events GROUP BY 1',
      );
      const byStatus = new Map(events.map(({ status, n }) => [status, n]));
      assert.ok(byStatus.get('processed') > 20, 'events were processed');
      assert.deepEqual(
        new Set([...byStatus.keys()]).difference(new Set(['processed', 'ignored'])),
        new Set(),
      );
      const { rows } = await execute(
        DATABASE_URL,
        `SELECT count(*)::int AS n FROM payments WHERE mode = 'subscription' AND subscription_id LIKE 'sub_%'`,
      );
      assert.ok(rows[0]?.n > 300, 'payments of subscriptions, by metadata and by invoice');
    },
  );

  await t.test('refunds were asked for here, and some wait for somebody else to approve them', async () => {
    const { rows } = await execute(
      DATABASE_URL,
      `SELECT status, count(*)::int AS n FROM refunds WHERE origin = 'api' GROUP BY 1`,
    );
    const byStatus = new Map(rows.map(({ status, n }) => [status, n]));
    for (const status of ['succeeded', 'awaiting_approval', 'rejected']) {
      assert.ok(byStatus.get(status) > 0, `${status}: ${JSON.stringify(rows)}`);
    }
  });

  await t.test('the lines printed work when pasted into a shell', async () => {
    const lines = start.stdout.match(/^ {4}(export|curl) .*$/gm) ?? [];
    assert.equal(lines.length, 4);
    const [exported, ...curls] = lines;
    const run = async (curl: string | undefined) => {
      const { code, stdout } = await runProgram('sh', ['-c', `${exported}\n${curl}`]);
      assert.equal(code, 0);
      return JSON.parse(stdout) as { refunds: unknown[]; status: string; amount_cents: number };
    };
    for (const curl of curls.slice(0, 2)) assert.ok((await run(curl)).refunds.length > 1);
    const { status, amount_cents } = await run(curls[2]);
    assert.deepEqual([status, amount_cents], ['succeeded', 500]);
    for (const [, address = ''] of start.stdout.matchAll(/^ {2}(?:Reference|Health|Metrics) +(\S+)$/gm))
      assert.equal((await fetch(address)).status, 200, address);
  });

  await t.test('`token` prints a token and nothing else, bound to its person and brand', async () => {
    const { stdout, stderr } = await runProgram(
      'npm',
      'run -s token -- --scope admin:refunds.read --as agent --brand aurora'.split(' '),
      { LOCAL_DIR: folder.directory },
    );
    assert.match(stdout, /^\S+\n$/);
    assert.doesNotMatch(stderr, /error/i);
    const response = await list(env, stdout.trim());
    assert.equal(response.status, 200);
    const { refunds } = (await response.json()) as { refunds: { refund_id: string }[] };
    assert.ok(refunds.length > 0);
    const { rows } = await execute(
      DATABASE_URL,
      `SELECT DISTINCT brand_id FROM refunds WHERE refund_id IN (${refunds.map((one) => `'${one.refund_id}'`)})`,
    );
    assert.deepEqual(rows, [{ brand_id: 'aurora' }]);
  });

  for (const [what, words] of [
    ['a scope that does not exist', ['--scope', 'admin:everything']],
    ['a person who does not exist', ['--scope', 'admin:refunds.read', '--as', 'zaphod']],
  ] as const) {
    await t.test(`\`token\` refuses ${what} with a sentence`, async () => {
      const { code, stdout, stderr } = await folder.run('token', ...words);
      assert.equal(code, 1);
      assert.equal(stdout, '');
      assert.match(stderr, /^[A-Z][^\n]+[.]\n$/);
    });
  }

  await t.test('`local env` prints lines of KEY=value and nothing else', async () => {
    const { code, stdout, stderr } = await folder.run('env');
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^([A-Z][A-Z_]*=\S+\n)+$/);
    for (const key of ['DATABASE_URL', 'STRIPE_API_BASE', 'OAUTH_ISSUER', 'STRIPE_WEBHOOK_SECRET'])
      assert.ok(env[key], key);
  });

  await t.test('a second start in the same folder is refused with a sentence', async () => {
    await using second = folder.start(['--fresh']);
    assert.equal(await second.ended, 1);
    assert.match(second.stderr, /already running in .* \(process \d+\): http/);
    assert.doesNotMatch(second.stderr, /\bat .*\.ts/);
  });

  await t.test('a port that is taken is refused with a sentence, and nothing is left running', async () => {
    await using other = await makeWorldFolder();
    await using second = other.start([], { PORT: new URL(SERVICE_URL).port });
    assert.equal(await second.ended, 1);
    assert.match(second.stderr, /Port \d+ is taken by another program[.]/);
    assert.equal((await other.run('env')).code, 1);
  });

  await t.test(
    'a second world runs beside it, and stops in the middle of its first fill where told to',
    async () => {
      await using other = await makeWorldFolder();
      await using second = other.start();
      await isHalfFilled(other, second);
      const family = second.family();
      const told_at = Date.now();
      assert.equal(await second.interrupt(), 0);
      assert.ok(Date.now() - told_at < 10_000, 'promptly');
      assert.equal(second.stderr, '');
      assert.match(second.stdout, /Stopped[.]/);
      assert.deepEqual(family.filter(isRunning), []);
    },
  );

  await t.test('none of this has harmed it', async () => {
    assert.equal((await list(env, printed)).status, 200);
  });

  await t.test('Ctrl-C takes everything down: no process is left, every port is free', async () => {
    const family = start.family();
    assert.ok(family.length >= 4, 'npm, the start, PostgreSQL, the service');
    await start.interrupt();
    assert.equal(start.stderr.replaceAll(/^npm .*\n/gm, ''), '');
    assert.deepEqual(family.filter(isRunning), []);
    for (const address of [SERVICE_URL, env.STRIPE_URL, env.OAUTH_ISSUER, DATABASE_URL])
      assert.equal(await isListening(String(address)), false, address);
    const { code, stderr } = await folder.run('env');
    assert.equal(code, 1);
    assert.match(stderr, /^Nothing is running in /);
  });

  await t.test('the second start is quick and finds the data; an earlier token is still good', async () => {
    const begun_at = Date.now();
    await using again = folder.start();
    await isUp(again);
    t.diagnostic(`second start: ${((Date.now() - begun_at) / 1000).toFixed(1)} s`);
    assert.doesNotMatch(again.stdout, /read into the books/);
    const env = await folder.env();
    assert.equal((await list(env, printed)).status, 200);
    await assertBooksComplete(env);
    assert.equal(await again.interrupt('SIGTERM'), 0);
  });
});

test('killed at any moment, a world starts again, and its books are complete with nothing twice', async (t) => {
  await using folder = await makeWorldFolder();
  let token = '';

  await t.test('all of it, in the middle of its first fill', async () => {
    await using start = folder.start();
    await isHalfFilled(folder, start);
    kill(start.family());
    await start.ended;
  });

  await t.test('the start alone, in the middle of going on: nothing of it keeps the port', async () => {
    await using start = folder.start();
    await start.says(/Service/);
    const family = start.family();
    kill(family.slice(0, 1));
    await start.ended;
    assert.equal((await folder.run('env')).code, 1);
    await using again = folder.start();
    await isUp(again);
    assert.deepEqual(family.filter(isRunning), [], 'what the first had started has ended');
    await assertBooksComplete(await folder.env());
    kill(again.family());
    await again.ended;
  });

  await t.test('all of it, when it was filled: the next start has nothing to fill', async () => {
    await using start = folder.start();
    await isUp(start);
    assert.doesNotMatch(start.stdout, /read into the books/);
    await assertBooksComplete(await folder.env());
    const family = start.family();
    token = (await folder.run('token', '--scope', 'admin:refunds.read')).stdout.trim();
    assert.equal((await list(await folder.env(), token)).status, 200);
    const service = lastWorld(folder.directory)?.service;
    assert.ok(service !== undefined && isRunning(service));
    kill([service]);
    assert.equal(await start.ended, 1, 'a world without its service is none');
    assert.match(start.stderr, /The service has ended/);
    assert.deepEqual(family.filter(isRunning), []);
  });

  await t.test('--fresh begins anew, and --live lets the lists move', async () => {
    await using start = folder.start(['--fresh', '--live']);
    await isUp(start);
    assert.match(start.stdout, /90 days of business at Stripe/);
    assert.match(start.stdout, /and more every few seconds/);
    const env = await folder.env();
    assert.equal((await list(env, token)).status, 401, 'a token of before is unknown');
    const count = async (): Promise<number> => {
      const { rows } = await execute(
        String(env.DATABASE_URL),
        'SELECT ((SELECT count(*) FROM refunds) + (SELECT count(*) FROM payments))::int AS n',
      );
      return rows[0]?.n;
    };
    const before = await count();
    await until(async () => (await count()) > before + 1);
    assert.equal(await start.interrupt(), 0);
  });
});

test('--help says what there is, and an option that does not exist is refused with it', async () => {
  const start = (...options: string[]) => runProgram(process.execPath, ['local/start.ts', ...options]);
  const help = await start('--help');
  assert.equal(help.code, 0);
  for (const word of ['--fresh', '--live', 'PORT', 'LOCAL_DIR']) assert.ok(help.stdout.includes(word), word);
  const wrong = await start('--frehs');
  assert.equal(wrong.code, 2);
  assert.equal(wrong.stdout, '');
  assert.match(wrong.stderr, /--frehs[\s\S]*--fresh/);
});

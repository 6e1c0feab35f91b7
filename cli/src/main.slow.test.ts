import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createPaymentIntent } from '../../local/stripe/resources/payment_intents.ts';
import { createRefund } from '../../local/stripe/resources/refunds.ts';
import { type StripeStandIn, startStripe } from '../../local/stripe/server.ts';
import { resetClock, setClock } from '../../local/stripe/time.ts';
import { transact } from '../../local/stripe/world.ts';
import { createPool, type Pool } from '../../service/src/database/pool.ts';
import { assertBooksBalance, countTraces } from '../../test/support/books.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const API_KEY = 'sk_test_a_key_of_a_test';
const PAYMENTS = 450;
const since = new Date(Date.now() - 20 * 86_400_000).toISOString();

let standIn: StripeStandIn;
before(async () => {
  standIn = await startStripe({ databaseFile: ':memory:', apiKey: API_KEY });
  const { world } = standIn;
  const start_s = Math.floor(Date.now() / 1000) - 19 * 86_400;
  for (let index = 0; index < PAYMENTS; index += 1) {
    setClock(world, start_s + index * 3_000);
    transact(world, () => {
      const { intent } = createPaymentIntent(world, {
        amount: 5_000,
        currency: 'usd',
        payment_method: 'pm_card_visa',
        confirm: true,
      });
      if (index % 3 === 0) createRefund(world, { payment_intent: intent.id, amount: 500 });
    });
  }
  resetClock(world);
});
after(async () => {
  await standIn.close();
});

interface Run {
  child: ChildProcess;
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

function payments(args: string[], env: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return { child, ended };
}

const settings = (database: TestDatabase) => ({
  DATABASE_URL: database.url,
  STRIPE_API_KEY: API_KEY,
  STRIPE_API_BASE: standIn.url,
});

async function withDatabase(work: (database: TestDatabase, pool: Pool) => Promise<void>): Promise<void> {
  const database = await createTestDatabase();
  const pool = createPool({ connectionString: database.url, max: 2 });
  try {
    await work(database, pool);
    await assertBooksBalance(pool);
  } finally {
    await pool.end();
    await database.drop();
  }
}

/** Makes Stripe slow while it runs, and waits until the first page is safely in the books. */
async function halfWay(run: Run, pool: Pool): Promise<void> {
  for (;;) {
    const { rows } = await pool.query('SELECT 1 FROM backfills WHERE starting_after IS NOT NULL');
    if (rows.length > 0) return;
    assert.equal(run.child.exitCode, null, 'it is still running');
    await wait(5);
  }
}

test('a backfill reads everything, says what it read, and ends with 0; again, it finds nothing new', async () => {
  await withDatabase(async (database, pool) => {
    const first = await payments(['backfill', '--since', since], settings(database)).ended;
    assert.equal(first.code, 0, first.stderr);
    assert.match(
      first.stdout,
      new RegExp(`^Read 600 objects: ${PAYMENTS} charges, 0 invoice payments, 150 refunds`),
    );
    assert.match(first.stdout, /In the books: 600 new, 0 changed/);
    // Not on a terminal: plain lines, without a bar or control characters.
    assert.match(first.stderr, /^Reading what was created from .* to /);
    assert.doesNotMatch(first.stderr, /█/);
    assert.ok(!first.stderr.includes('\u001b'));
    const before = await countTraces(pool);
    const second = await payments(['backfill', '--since', since, '--json'], settings(database)).ended;
    assert.equal(second.code, 0);
    assert.equal(second.stderr, '');
    const result = JSON.parse(second.stdout);
    assert.deepEqual([result.status, result.counts.imported, result.counts.updated], ['finished', 0, 0]);
    assert.deepEqual(await countTraces(pool), before);
  });
});

test('a backfill that was killed goes on where it was, and ends in the same books', async () => {
  await withDatabase(async (database, pool) => {
    const slow = standIn.faults.add({ kind: 'slow', ms: 150 });
    try {
      const run = payments(['backfill', '--since', since], settings(database));
      await halfWay(run, pool);
      run.child.kill('SIGKILL');
      assert.equal((await run.ended).code, null);
    } finally {
      standIn.faults.clear(slow.id);
    }
    const partly = await countTraces(pool);
    assert.ok(partly.payments > 0 && partly.payments < PAYMENTS, `${partly.payments} payments were read`);
    await assertBooksBalance(pool);
    // The lock of a process that was killed is let go as soon as the server notices.
    let second = await payments(['backfill', '--since', since, '--json'], settings(database)).ended;
    while (second.code === 1 && /Another backfill/.test(second.stderr)) {
      second = await payments(['backfill', '--since', since, '--json'], settings(database)).ended;
    }
    assert.equal(second.code, 0, second.stderr);
    const result = JSON.parse(second.stdout);
    assert.equal(result.resumed, true);
    assert.equal(result.counts.charges, PAYMENTS);
    const { payments: known, refunds } = await countTraces(pool);
    assert.deepEqual({ known, refunds }, { known: PAYMENTS, refunds: 150 });
  });
});

test('Ctrl-C stops after the page under way, says how to go on, and ends with 130', async () => {
  await withDatabase(async (database, pool) => {
    const slow = standIn.faults.add({ kind: 'slow', ms: 150 });
    const run = payments(['backfill', '--since', since], settings(database));
    await halfWay(run, pool);
    run.child.kill('SIGINT');
    const stopped = await run.ended;
    standIn.faults.clear(slow.id);
    assert.equal(stopped.code, 130, stopped.stderr);
    assert.match(stopped.stderr, /Stopping after this page/);
    assert.match(stopped.stdout, /The same command goes on from here\.\n$/);
    const { rows } = await pool.query(`SELECT (counts->>'charges')::int AS charges FROM backfills`);
    assert.ok(rows[0]?.charges > 0 && rows[0]?.charges < PAYMENTS);
    const again = await payments(['backfill', '--since', since], settings(database)).ended;
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stderr, /^Going on with/);
  });
});

test('what is called wrongly is refused with 2 and a sentence, before anything is touched', async () => {
  for (const [args, sentence] of [
    [[], /Usage: payments/],
    [['backfill'], /required option '--since <date>'/],
    [['backfill', '--since', 'yesterday'], /Write a day like/],
    [['backfill', '--since', '2999-01-01'], /lies in the future/],
    [['backfill', '--since', since, '--fast'], /unknown option '--fast'/],
    [['refund'], /unknown command 'refund'/],
    [['backfill', '--since', since], /- DATABASE_URL is missing\..*- STRIPE_API_KEY is missing\./s],
  ] as [string[], RegExp][]) {
    const { code, stderr, stdout } = await payments(args).ended;
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, sentence);
    assert.equal(stdout, '');
  }
});

test('a Stripe that does not take the key, or is not there, and a database that is not there, are told of in a sentence', async () => {
  await withDatabase(async (database) => {
    for (const [env, sentence] of [
      [{ STRIPE_API_KEY: 'sk_test_wrong' }, /^Stripe does not take STRIPE_API_KEY/m],
      [{ STRIPE_API_BASE: 'http://127.0.0.1:1' }, /^Stripe cannot be reached: look at STRIPE_API_BASE/m],
      [
        { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' },
        /^The database cannot be reached: look at DATABASE_URL/m,
      ],
    ] as [Record<string, string>, RegExp][]) {
      const { code, stderr } = await payments(['backfill', '--since', since], {
        ...settings(database),
        ...env,
      }).ended;
      assert.equal(code, 1);
      assert.match(stderr, sentence);
      assert.doesNotMatch(stderr, /\n {4}at /, 'no stack trace');
    }
  });
});

test('--help explains itself with examples and exit codes', async () => {
  const { code, stdout } = await payments(['backfill', '--help']).ended;
  assert.equal(code, 0);
  assert.match(stdout, /Examples:\n {2}\$ payments backfill --since/);
  assert.match(stdout, /Exit codes: 0 done/);
});

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { deleteObject } from '../../local/stripe/control.ts';
import { createPaymentIntent } from '../../local/stripe/resources/payment_intents.ts';
import { createRefund } from '../../local/stripe/resources/refunds.ts';
import { type StripeStandIn, startStripe } from '../../local/stripe/server.ts';
import { type Connections, createPool } from '../../service/src/database/pool.ts';
import { assertBooksBalance } from '../../test/support/books.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { Program, runProgram } from '../../test/support/program.ts';

const API_KEY = 'sk_test_a_key_of_a_test';
const PAYMENTS = 250;
const today = new Date().toISOString().slice(0, 10);

let standIn: StripeStandIn;
let intent: string;
before(async () => {
  standIn = await startStripe({ databaseFile: ':memory:', apiKey: API_KEY });
  for (let index = 0; index < PAYMENTS; index += 1) {
    ({ id: intent } = createPaymentIntent(standIn.world, {
      amount: 5_000,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
    }).intent);
  }
});
after(() => standIn.close());

let database: TestDatabase;
let pool: Connections;
beforeEach(async () => {
  database = await createTestDatabase();
  pool = createPool({ connectionString: database.url, max: 2 });
});
afterEach(async () => {
  await assertBooksBalance(pool);
  await pool.end();
  await database.drop();
});

const call = (...args: string[]) => [process.execPath, ['cli/src/main.ts', 'reconcile', ...args]] as const;
const settings = () => ({
  DATABASE_URL: database.url,
  STRIPE_API_KEY: API_KEY,
  STRIPE_API_BASE: standIn.url,
});
const reconcile = (...args: string[]) => runProgram(...call(...args), settings());

test('it says what differed and what was done about it, ends with 0, and has nothing to say the next time', async () => {
  const first = await reconcile('--from', today, '--to', today);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stderr, /^Comparing what was created from .*\n +\d+% charges, 0 objects/);
  assert.match(first.stdout, new RegExp(`^Compared ${PAYMENTS} objects of Stripe's: ${PAYMENTS} charges,`));
  assert.match(first.stdout, /^250 differences: 250 imported, 0 repaired, 0 left for a person\.$/m);
  assert.match(
    first.stdout,
    /^ {2}imported {2}payment pi_\w+: missing here; nothing here, amount_cents 5000 /m,
  );
  assert.match(first.stdout, /^ {2}… and 200 more /m);
  const second = await reconcile('--from', today, '--to', today);
  assert.equal(second.code, 0);
  assert.match(second.stdout, /^No differences\.$/m);
});

test('what is left for a person is told of with both sides and the exit code 3, also as JSON', async () => {
  const { id } = createRefund(standIn.world, { payment_intent: intent, amount: 500 });
  await reconcile('--from', today);
  deleteObject(standIn.world, id);
  const plain = await reconcile('--from', today);
  assert.equal(plain.code, 3, plain.stderr);
  assert.match(plain.stdout, /^1 difference: 0 imported, 0 repaired, 1 left for a person\.$/m);
  assert.match(
    plain.stdout,
    /^ {2}left {6}refund re_\w+ = refund_\w+: not at stripe; .*status succeeded.* here, nothing at Stripe$/m,
  );
  const json = await reconcile('--from', today, '--json');
  assert.equal(json.code, 3);
  assert.equal(json.stderr, '');
  const { done, differences } = JSON.parse(json.stdout);
  assert.deepEqual(done, { repaired: 0, imported: 0, left: 1 });
  assert.deepEqual([differences[0].kind, differences[0].at_stripe], ['not_at_stripe', null]);
});

/** Waits until the first page is done with. */
async function firstPage(run: Program): Promise<void> {
  for (;;) {
    const { rows } = await pool.query('SELECT 1 FROM reconcile_runs WHERE starting_after IS NOT NULL');
    if (rows.length > 0) return;
    assert.equal(run.child.exitCode, null, run.output);
    await wait(5);
  }
}

for (const signal of ['SIGINT', 'SIGKILL'] as const) {
  test(`a run that ${signal} ended goes on where it was, and each difference is told of once`, async () => {
    const slow = standIn.faults.add({ kind: 'slow', ms: 150 });
    {
      await using run = new Program(...call('--from', today), settings());
      await firstPage(run);
      const code = await run.interrupt(signal);
      assert.equal(code, signal === 'SIGINT' ? 130 : null, run.output);
      if (signal === 'SIGINT') {
        assert.match(run.stderr, /Stopping after this page; again to stop at once\./);
        assert.match(run.stdout, /Stopped\. The same command goes on from here within a day\.\n$/);
      }
    }
    standIn.faults.clear(slow.id);
    const again = await reconcile('--from', today, '--json');
    assert.equal(again.code, 0, again.stderr);
    const { resumed, counts, done } = JSON.parse(again.stdout);
    assert.equal(resumed, true);
    assert.equal(counts.charges, PAYMENTS);
    assert.equal(done.imported, counts.charges + counts.refunds);
  });
}

test('what is called wrongly is refused with 2 and a sentence', async () => {
  for (const [args, sentence] of [
    [[], /required option '--from <date>'/],
    [['--from', 'yesterday'], /Write a day like/],
    [['--from', today, '--to', '2026-01-01'], /--to lies before --from\./],
  ] as [string[], RegExp][]) {
    const { code, stderr, stdout } = await reconcile(...args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, sentence);
    assert.equal(stdout, '');
  }
});

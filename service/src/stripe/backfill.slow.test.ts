import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openDispute } from '../../../local/stripe/resources/disputes.ts';
import { createInvoicePayment } from '../../../local/stripe/resources/invoice_payments.ts';
import { createPaymentIntent } from '../../../local/stripe/resources/payment_intents.ts';
import { createRefund, failRefund } from '../../../local/stripe/resources/refunds.ts';
import { resetClock, setClock } from '../../../local/stripe/time.ts';
import { transact } from '../../../local/stripe/world.ts';
import { assertBooksBalance, countTraces } from '../../../test/support/books.ts';
import { BackfillRunning, backfill, type Progress } from './backfill.ts';
import { createTestWorld, type TestWorld } from './test-world.ts';

const DAY_s = 86_400;
const PAYMENTS = 260;
const now_s = Math.floor(Date.now() / 1000);
const since = new Date((now_s - 30 * DAY_s) * 1000);

/** A month of history: payments, each fourth refunded, some disputed, some of a subscription, one older than the month. */
function makeHistory({ standIn }: TestWorld): { oldIntentId: string } {
  const { world } = standIn;
  const pay = (amount: number) =>
    createPaymentIntent(world, { amount, currency: 'usd', payment_method: 'pm_card_visa', confirm: true })
      .intent;
  setClock(world, now_s - 60 * DAY_s);
  const old = pay(10_000);
  for (let index = 0; index < PAYMENTS; index += 1) {
    setClock(world, now_s - 29 * DAY_s + index * 3_600);
    transact(world, () => {
      const intent = pay(1_000 + index);
      if (index % 4 === 0) {
        const refund = createRefund(world, { payment_intent: intent.id, amount: 300 });
        if (index % 8 === 0) failRefund(world, refund.id, 'declined');
        if (index % 16 === 0) createRefund(world, { payment_intent: intent.id, amount: 900 });
      }
      if (index % 50 === 0) openDispute(world, { charge: String(intent.latest_charge) });
      if (index % 60 === 0)
        createInvoicePayment(world, { payment_intent: intent.id, subscription: `sub_${index}` });
    });
  }
  createRefund(world, { payment_intent: old.id, amount: 4_000 });
  resetClock(world);
  return { oldIntentId: old.id };
}

/** What the books say, without our own ids and times: equal for equal histories. */
async function readBooks({ pool }: Pick<TestWorld, 'pool'>): Promise<unknown[]> {
  const { rows } = await pool.query(
    `SELECT p.stripe_payment_intent_id, p.status, p.captured_cents, p.reserved_cents, p.refunded_cents,
            p.subscription_id,
            (SELECT array_agg(r.stripe_refund_id || ' ' || r.status || ' ' || r.counted_cents ORDER BY r.stripe_refund_id)
             FROM refunds r WHERE r.payment_id = p.payment_id) AS refunds,
            (SELECT array_agg(d.stripe_dispute_id || ' ' || d.status ORDER BY d.stripe_dispute_id)
             FROM disputes d WHERE d.payment_id = p.payment_id) AS disputes
     FROM payments p ORDER BY p.stripe_payment_intent_id`,
  );
  return rows;
}

let world: TestWorld;
let oldIntentId: string;
before(async () => {
  world = await createTestWorld();
  ({ oldIntentId } = makeHistory(world));
});
after(async () => {
  await world.close();
});

test('a backfill brings in everything since its date, and the older payments of its refunds', async () => {
  const result = await backfill(world, { since });
  assert.equal(result.status, 'finished');
  assert.equal(result.resumed, false);
  assert.equal(result.counts.charges, PAYMENTS);
  assert.equal(result.counts.unmatched, 0);
  const { rows } = await world.pool.query(
    `SELECT (SELECT count(*) FROM payments) AS payments, (SELECT count(*) FROM refunds) AS refunds,
            (SELECT count(*) FROM disputes) AS disputes,
            (SELECT count(*) FROM payments WHERE mode = 'subscription') AS subscriptions`,
  );
  assert.deepEqual(rows, [
    {
      payments: PAYMENTS + 1,
      refunds: PAYMENTS / 4 + Math.ceil(PAYMENTS / 16) + 1,
      disputes: Math.ceil(PAYMENTS / 50),
      subscriptions: Math.ceil(PAYMENTS / 60),
    },
  ]);
  const old = await world.pool.query(
    'SELECT refunded_cents FROM payments WHERE stripe_payment_intent_id = $1',
    [oldIntentId],
  );
  assert.deepEqual(old.rows, [{ refunded_cents: 4_000 }]);
  await assertBooksBalance(world.pool);
});

test('a second backfill finds nothing new and writes nothing into the history', async () => {
  const before = await countTraces(world.pool);
  const result = await backfill(world, { since });
  assert.deepEqual([result.counts.imported, result.counts.updated], [0, 0]);
  assert.ok(result.counts.unchanged >= PAYMENTS);
  assert.deepEqual(await countTraces(world.pool), before);
});

test('progress goes from nothing to all of the window and never back within it', async () => {
  const seen: Progress[] = [];
  await backfill(world, { since, onProgress: (progress) => seen.push(progress) });
  const window = seen.filter(({ window_from }) => window_from.getTime() === since.getTime());
  const shares = window.map(({ done }) => done);
  assert.equal(shares[0], 0);
  assert.equal(shares.at(-1), 1);
  assert.deepEqual(
    shares,
    [...shares].sort((a, b) => a - b),
  );
  assert.ok(shares.length > 6, 'it is told of every page');
});

test('a backfill that is cut off anywhere goes on at its last checkpoint and ends in the same books', async () => {
  const other = await createTestWorld();
  try {
    makeHistory(other);
    let cutOffs = 0;
    let asked = 0;
    for (;;) {
      // A database that is lost in the middle of a page is what a kill looks like from Stripe and from the books.
      const { id } = other.standIn.faults.add({ kind: 'reset_before', nth: 3, times: 9 });
      const stopping = new AbortController();
      const attempt = backfill(other, {
        since,
        signal: stopping.signal,
        onProgress: ({ counts }) => {
          if (counts.charges + counts.refunds > asked + 100) stopping.abort();
        },
      });
      const result = await attempt.catch(() => null);
      other.standIn.faults.clear(id);
      asked = result === null ? asked : result.counts.charges + result.counts.refunds;
      if (result?.status === 'finished') {
        assert.equal(result.resumed, true);
        break;
      }
      cutOffs += 1;
      assert.ok(cutOffs < 20, 'it comes nearer to its end each time');
      await assertBooksBalance(other.pool);
    }
    assert.ok(cutOffs >= 2, `it was cut off ${cutOffs} times`);
    const whole = await createTestWorld({ databaseFile: ':memory:' });
    try {
      makeHistory(whole);
      await backfill(whole, { since });
      const shape = (rows: unknown[]) => rows.map((row) => Object.values(row as object).slice(1, 6)).sort();
      assert.deepEqual(shape(await readBooks(other)), shape(await readBooks(whole)));
    } finally {
      await whole.close();
    }
  } finally {
    await other.close();
  }
});

test('what is created while a backfill runs is brought in before it ends', async () => {
  const { standIn } = world;
  let created: string | undefined;
  await backfill(world, {
    since,
    onProgress: ({ step }) => {
      if (step !== 'disputes' || created !== undefined) return;
      const { intent } = createPaymentIntent(standIn.world, {
        amount: 777,
        currency: 'usd',
        payment_method: 'pm_card_visa',
        confirm: true,
      });
      createRefund(standIn.world, { payment_intent: intent.id, amount: 77 });
      created = intent.id;
    },
  });
  const { rows } = await world.pool.query(
    'SELECT refunded_cents FROM payments WHERE stripe_payment_intent_id = $1',
    [created],
  );
  assert.deepEqual(rows, [{ refunded_cents: 77 }]);
});

test('a second backfill beside the first is refused with a sentence, and the first goes on', async () => {
  const outcomes = await Promise.allSettled([backfill(world, { since }), backfill(world, { since })]);
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  assert.equal(refused.length, 1);
  assert.ok(refused[0]?.reason instanceof BackfillRunning);
  assert.match(refused[0].reason.message, /^Another backfill is running/);
});

test('beside live webhooks a backfill ends in the books that either of them alone would make', async () => {
  const other = await createTestWorld();
  try {
    other.listen();
    await other.work();
    const { intent } = createPaymentIntent(other.standIn.world, {
      amount: 10_000,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
    });
    const live = async () => {
      for (let round = 0; round < 40; round += 1) {
        const refund = createRefund(other.standIn.world, { payment_intent: intent.id, amount: 200 });
        if (round % 2 === 0) failRefund(other.standIn.world, refund.id, 'declined');
        await other.standIn.deliverer.idle();
      }
    };
    await Promise.all([
      live(),
      (async () => {
        for (let round = 0; round < 5; round += 1) await backfill(other, { since });
      })(),
    ]);
    await other.settled();
    const { rows } = await other.pool.query(
      `SELECT refunded_cents, reserved_cents, (SELECT count(*) FROM refunds) AS refunds,
              (SELECT count(*) FROM refund_transitions) AS transitions,
              (SELECT count(*) FROM anomalies) AS anomalies FROM payments`,
    );
    assert.equal(rows[0]?.refunded_cents, 20 * 200);
    assert.equal(rows[0]?.reserved_cents, 0);
    assert.equal(rows[0]?.refunds, 40);
    assert.equal(rows[0]?.anomalies, 0);
  } finally {
    await other.close();
  }
});

test('a payment whose brand and customer are longer than an index takes does not stop a backfill', async () => {
  const other = await createTestWorld();
  try {
    // Not of one character over and over: that would be compressed.
    const long = (seed: number) =>
      Array.from({ length: 500 }, (_, index) =>
        String.fromCodePoint(0x4e00 + ((index * seed) % 20_000)),
      ).join('');
    const pay = (metadata: Record<string, string>) =>
      createPaymentIntent(other.standIn.world, {
        amount: 500,
        currency: 'usd',
        payment_method: 'pm_card_visa',
        confirm: true,
        metadata,
      });
    pay({ brand_id: long(7_919), customer_id: long(6_101) });
    pay({ brand_id: 'b'.repeat(500), customer_id: 'customer_1' });
    const { status } = await backfill(other, { since });
    assert.equal(status, 'finished');
    const { rows } = await other.pool.query(
      'SELECT brand_id, left(customer_id, 6) AS customer FROM payments ORDER BY brand_id',
    );
    assert.deepEqual(rows, [
      { brand_id: 'b'.repeat(500), customer: 'custom' },
      { brand_id: 'house', customer: 'guest_' },
    ]);
  } finally {
    await other.close();
  }
});

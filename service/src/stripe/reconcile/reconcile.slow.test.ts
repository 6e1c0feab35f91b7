import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { deleteObject } from '../../../../local/stripe/control.ts';
import { openDispute } from '../../../../local/stripe/resources/disputes.ts';
import { createPaymentIntent } from '../../../../local/stripe/resources/payment_intents.ts';
import { createRefund, failRefund } from '../../../../local/stripe/resources/refunds.ts';
import { resetClock, setClock } from '../../../../local/stripe/time.ts';
import { assertBooksBalance, countTraces } from '../../../../test/support/books.ts';
import { backfill } from '../backfill.ts';
import { createTestWorld, type TestWorld } from '../test-world.ts';
import { type ReconcileResult, ReconcileRunning, reconcile } from './reconcile.ts';

const DAY_s = 86_400;
const now_s = Math.floor(Date.now() / 1000);
const from = new Date((now_s - 35 * DAY_s) * 1000);

let world: TestWorld;
beforeEach(async () => {
  world = await createTestWorld();
});
afterEach(async () => {
  await world.close();
});

const pay = (amount = 10_000) =>
  createPaymentIntent(world.standIn.world, {
    amount,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
  }).intent;

const refund = (payment_intent: string, amount: number) =>
  createRefund(world.standIn.world, { payment_intent, amount });

const told = ({ differences }: ReconcileResult) =>
  differences
    .map(({ kind, entity_type, stripe_id, done }) => `${entity_type} ${stripe_id} ${kind} ${done}`)
    .sort();

const rowOf = async (stripeRefundId: string) => {
  const { rows } = await world.pool.query('SELECT * FROM refunds WHERE stripe_refund_id = $1', [
    stripeRefundId,
  ]);
  return rows[0];
};

const openDifferences = async () => {
  const { rows } = await world.pool.query(
    'SELECT count(*) AS open FROM reconcile_differences WHERE closed_at IS NULL',
  );
  return rows[0].open;
};

/** Changes rows behind the back of everything that watches over them. */
const tamper = async (sql: string, values: unknown[] = []) => {
  const client = await world.pool.connect();
  try {
    await client.query('SET session_replication_role = replica');
    await client.query(sql, values);
    await client.query('RESET session_replication_role');
  } finally {
    client.release();
  }
};

/** A row that was put in by hand has no history, and the books are held to their rules at the end. */
const forgetRefundsMadeByHand = async () => {
  for (const table of ['audit_log', 'outbox', 'refund_transitions'])
    await tamper(`DELETE FROM ${table} WHERE transition_id IS NOT NULL`);
  await tamper('DELETE FROM refunds');
  await tamper('UPDATE payments SET reserved_cents = 0, refunded_cents = 0');
};

test('a refund made in the dashboard that no webhook told of is imported, and a second run finds nothing', async () => {
  const intent = pay();
  await backfill(world, { since: from });
  const missed = refund(intent.id, 1_500);
  const first = await reconcile(world, { from });
  assert.deepEqual(told(first), [`refund ${missed.id} missing_here imported`]);
  assert.deepEqual(first.done, { repaired: 0, imported: 1, left: 0 });
  assert.deepEqual(first.differences[0]?.at_stripe, {
    amount_cents: 1_500,
    counted_cents: 1_500,
    currency: 'usd',
    status: 'succeeded',
  });
  assert.equal((await rowOf(missed.id)).counted_cents, 1_500);

  const before = await countTraces(world.pool);
  const second = await reconcile(world, { from });
  assert.deepEqual(told(second), []);
  assert.deepEqual([second.counts.imported, second.counts.updated], [0, 0]);
  assert.deepEqual(await countTraces(world.pool), before);
});

test('a late failure that no webhook told of is repaired: the money is refundable again', async () => {
  const intent = pay();
  const late = refund(intent.id, 4_000);
  await backfill(world, { since: from });
  failRefund(world.standIn.world, late.id, 'lost_or_stolen_card');
  const result = await reconcile(world, { from });
  assert.deepEqual(told(result), [`refund ${late.id} status repaired`]);
  const { here, at_stripe } = result.differences[0] ?? {};
  assert.deepEqual([here?.status, at_stripe?.status], ['succeeded', 'failed']);
  const { rows } = await world.pool.query('SELECT refunded_cents FROM payments');
  assert.deepEqual(rows, [{ refunded_cents: 0 }]);
  assert.equal((await rowOf(late.id)).owed_cents, 4_000);
});

test('amounts that differ are left for a person, written once, and closed when they agree again', async () => {
  const intent = pay();
  const odd = refund(intent.id, 700);
  await backfill(world, { since: from });
  const set = (cents: number) =>
    tamper('UPDATE refunds SET amount_cents = $2, counted_cents = $2 WHERE stripe_refund_id = $1', [
      odd.id,
      cents,
    ]);
  await set(699);
  const first = await reconcile(world, { from });
  assert.deepEqual(told(first), [`refund ${odd.id} amount left`]);
  assert.equal(first.done.left, 1);
  const second = await reconcile(world, { from });
  assert.deepEqual(
    second.differences.map(({ difference_id }) => difference_id),
    first.differences.map(({ difference_id }) => difference_id),
  );
  assert.equal((await rowOf(odd.id)).amount_cents, 699);
  await set(700);
  assert.equal((await reconcile(world, { from })).done.left, 0);
  const { rows } = await world.pool.query(
    'SELECT closed_at IS NOT NULL AS closed FROM reconcile_differences',
  );
  assert.deepEqual(rows, [{ closed: true }]);
});

test('what the books have and Stripe does not is left for a person, payments and refunds alike', async () => {
  const intent = pay();
  const gone = refund(intent.id, 300);
  const lone = pay(2_000);
  await backfill(world, { since: from });
  deleteObject(world.standIn.world, gone.id);
  deleteObject(world.standIn.world, lone.id);
  deleteObject(world.standIn.world, String(lone.latest_charge));
  const result = await reconcile(world, { from });
  assert.deepEqual(
    told(result),
    [`payment ${lone.id} not_at_stripe left`, `refund ${gone.id} not_at_stripe left`].sort(),
  );
  assert.equal((await rowOf(gone.id)).status, 'succeeded');
  assert.equal((await reconcile(world, { from })).done.left, 2);
});

test('what the books cannot take is left for a person with what Stripe says of it, and the run goes on', async () => {
  const intent = pay();
  await backfill(world, { since: from });
  await world.pool.query('ALTER TABLE refunds ADD CHECK (amount_cents <> 666)');
  const [refused, taken] = [refund(intent.id, 666), refund(intent.id, 777)];
  const result = await reconcile(world, { from });
  assert.deepEqual(
    told(result),
    [`refund ${refused.id} cannot_be_stored left`, `refund ${taken.id} missing_here imported`].sort(),
  );
  assert.equal(
    result.differences.find(({ stripe_id }) => stripe_id === refused.id)?.at_stripe?.amount_cents,
    666,
  );
});

test('what Stripe refunded and the books have no room for is left as an overdraft, until there is room', async () => {
  const intent = pay(1_000);
  await backfill(world, { since: from });
  await tamper('UPDATE payments SET reserved_cents = 900');
  const over = refund(intent.id, 400);
  const result = await reconcile(world, { from });
  assert.deepEqual(told(result), [
    `refund ${over.id} missing_here imported`,
    `refund ${over.id} overdraft left`,
  ]);
  assert.equal((await rowOf(over.id)).counted_cents, 100);
  await tamper('UPDATE payments SET reserved_cents = 0');
  // Whoever looks at the payment next counts it.
  assert.deepEqual((await reconcile(world, { from })).done, { repaired: 0, imported: 0, left: 0 });
  assert.equal((await rowOf(over.id)).counted_cents, 400);
  assert.equal(await openDifferences(), 0);
});

test('a difference that was left for a person and can be put right now is the same one, closed', async () => {
  const intent = pay();
  await backfill(world, { since: from });
  await world.pool.query(
    'ALTER TABLE refunds ADD CONSTRAINT not_yet CHECK (NOT (amount_cents = 666 AND owed_cents > 0))',
  );
  const late = refund(intent.id, 666);
  await reconcile(world, { from });
  failRefund(world.standIn.world, late.id, 'declined');
  const first = await reconcile(world, { from });
  assert.deepEqual(told(first), [`refund ${late.id} cannot_be_stored left`]);
  await world.pool.query('ALTER TABLE refunds DROP CONSTRAINT not_yet');
  assert.deepEqual(told(await reconcile(world, { from })), [`refund ${late.id} status repaired`]);
  assert.equal(await openDifferences(), 0);
});

test('a refund whose caller still waits for the answer is no difference', async () => {
  const intent = pay();
  await backfill(world, { since: from });
  await tamper(
    `INSERT INTO refunds (refund_id, payment_id, brand_id, customer_id, amount_cents, currency, status, counted_cents,
                          origin, requested_by_type, requested_by_id, submitted_at, recover_at, created_at, updated_at)
     SELECT 'refund_sent', payment_id, brand_id, customer_id, 50, 'usd', 'pending', 50, 'api', 'user', 'ada',
            now(), now() + interval '1 minute', now(), now() FROM payments`,
  );
  await tamper('UPDATE payments SET reserved_cents = 50');
  createRefund(world.standIn.world, {
    payment_intent: intent.id,
    amount: 50,
    metadata: { refund_id: 'refund_sent' },
  });
  assert.deepEqual(told(await reconcile(world, { from })), []);
  await forgetRefundsMadeByHand();
});

test('what was written before the clock jumped back is mended, and the newer word stands', async () => {
  const intent = pay();
  const late = refund(intent.id, 4_000);
  await backfill(world, { since: from });
  for (const table of ['payments', 'refunds'])
    await tamper(`UPDATE ${table} SET observed_at = clock_timestamp() + interval '1 hour'`);
  failRefund(world.standIn.world, late.id, 'declined');
  const result = await reconcile(world, { from });
  assert.deepEqual(told(result), [`refund ${late.id} status repaired`]);
  assert.equal(result.counts.mended, 2);
  assert.equal((await rowOf(late.id)).status, 'failed');
});

test('only what Stripe created in the window is compared, its first and last second included', async () => {
  const start_s = now_s - 10 * DAY_s;
  const end_s = now_s - 5 * DAY_s;
  const made: string[] = [];
  for (const at_s of [start_s - 1, start_s, end_s, end_s + 1]) {
    setClock(world.standIn.world, at_s);
    made.push(pay().id);
  }
  resetClock(world.standIn.world);
  const result = await reconcile(world, { from: new Date(start_s * 1000), to: new Date(end_s * 1000) });
  assert.deepEqual(
    told(result),
    made
      .slice(1, 3)
      .map((id) => `payment ${id} missing_here imported`)
      .sort(),
  );
});

test('a payment that several refunds of a page tell of is one difference', async () => {
  setClock(world.standIn.world, now_s - 60 * DAY_s);
  const old = pay();
  resetClock(world.standIn.world);
  const refunds = [refund(old.id, 100), refund(old.id, 200), refund(old.id, 300)];
  openDispute(world.standIn.world, { charge: String(old.latest_charge) });
  const result = await reconcile(world, { from });
  const kinds = result.differences.map(({ entity_type }) => entity_type).sort();
  assert.deepEqual(kinds, ['dispute', 'payment', 'refund', 'refund', 'refund']);
  assert.equal(refunds.length, 3);
  await assertBooksBalance(world.pool);
});

test('a run that is cut off anywhere goes on at its last page, and each difference is recorded once', async () => {
  const missed: string[] = [];
  for (let index = 0; index < 260; index += 1) {
    const intent = pay(1_000 + index);
    if (index % 2 === 0) missed.push(refund(intent.id, 100).id);
  }
  let cutOffs = 0;
  let result: ReconcileResult | undefined;
  while (result?.status !== 'finished') {
    // Stripe is lost in the middle of a page, or the run is told to stop after one.
    const { id } = world.standIn.faults.add({ kind: 'reset_before', nth: 3, times: 9 });
    const stopping = new AbortController();
    let pages = 0;
    result = await reconcile(world, {
      from,
      signal: stopping.signal,
      onProgress: () => {
        pages += 1;
        if (pages === 3) stopping.abort();
      },
    }).catch(() => undefined);
    world.standIn.faults.clear(id);
    cutOffs += 1;
    assert.ok(cutOffs < 20, 'it comes nearer to its end each time');
  }
  assert.ok(cutOffs > 2, `it was cut off ${cutOffs - 1} times`);
  assert.equal(result.resumed, true);
  assert.deepEqual(result.done, { repaired: 0, imported: 260 + missed.length, left: 0 });
  assert.equal(new Set(told(result)).size, 260 + missed.length);
  assert.equal(result.counts.charges, 260);
});

test('a second run beside the first is refused with a sentence, and the first comes to its end', async () => {
  pay();
  const outcomes = await Promise.allSettled([reconcile(world, { from }), reconcile(world, { from })]);
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  assert.equal(refused.length, 1);
  assert.ok(refused[0]?.reason instanceof ReconcileRunning);
});

test('a refund of which nothing is known for too long is left to recovery, and closed when it has found out', async () => {
  const intent = pay();
  await backfill(world, { since: from });
  await tamper(
    `INSERT INTO refunds (refund_id, payment_id, brand_id, customer_id, amount_cents, currency, status, counted_cents,
                          origin, requested_by_type, requested_by_id, submitted_at, recover_at, created_at, updated_at)
     SELECT 'refund_unknown', payment_id, brand_id, customer_id, 50, 'usd', 'pending', 50, 'api', 'user', 'ada',
            now() - interval '1 hour', now(), now() - interval '1 hour', now() FROM payments`,
  );
  const first = await reconcile(world, { from });
  assert.deepEqual(told(first), ['refund null outcome_unknown left']);
  assert.equal(first.differences[0]?.entity_id, 'refund_unknown');
  // What was never there and then is: Stripe names it by our id.
  const found = createRefund(world.standIn.world, {
    payment_intent: intent.id,
    amount: 50,
    metadata: { refund_id: 'refund_unknown' },
  });
  await tamper('UPDATE payments SET reserved_cents = 50');
  const second = await reconcile(world, { from });
  assert.deepEqual(told(second), [`refund ${found.id} outcome_unknown repaired`]);
  assert.equal(await openDifferences(), 0);
  await forgetRefundsMadeByHand();
});

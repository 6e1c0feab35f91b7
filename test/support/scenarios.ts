import assert from 'node:assert/strict';
import { until } from '../../service/src/stripe/test-world.ts';
import type { Everywhere, Fleet } from './fleet.ts';
import type { AnswerBody, Caller, PaidCharge, Reply } from './issuing.ts';

let keys = 0;

/** A key that nobody has used before, as a header. */
export function newKey(): { 'idempotency-key': string } {
  keys += 1;
  return { 'idempotency-key': `a-key-of-its-own-${keys}` };
}

/** So many requests at once, each at another of the instances than the one before. */
export async function atOnce<T>(
  count: number,
  callers: Everywhere,
  ask: (caller: Caller, index: number) => Promise<T>,
): Promise<T[]> {
  return await Promise.all(
    Array.from({ length: count }, (_, index) => ask(callers[index % callers.length] ?? callers[0], index)),
  );
}

/** Splits answers into those that made a refund and those that refused. */
export function sortOut(answers: Reply<AnswerBody>[]): {
  won: Reply<AnswerBody>[];
  refused: Reply<AnswerBody>[];
} {
  return {
    won: answers.filter(({ status }) => status < 300),
    refused: answers.filter(({ status }) => status >= 300),
  };
}

/** So many callers at once each want $60 of a payment of $100: one gets it, the others are told what is left. */
export async function raceForSixty(fleet: Fleet, callers: Everywhere, count: number): Promise<void> {
  const paid = await fleet.pay({ amount_cents: 10_000 });
  const { payment_id } = paid;
  const answers = await atOnce(count, callers, (caller) =>
    caller.post('/v1/refunds', { payment_id, amount_cents: 6_000 }, newKey()),
  );
  const { won, refused } = sortOut(answers);
  assert.deepEqual(
    won.map(({ status }) => status),
    [201],
  );
  for (const { status, body } of refused) {
    assert.deepEqual(
      [status, body.error, body.refundable_cents, body.message],
      [409, 'conflict', 4_000, '60.00 USD is more than what is left to refund: 40.00 USD.'],
    );
  }
  assert.deepEqual(
    fleet.refundsAtStripe(paid).map(({ amount }) => amount),
    [6_000],
  );
}

/** Two clicks at once, without a key: one refund, and whoever came second is told how to mean it. */
export async function clickTwice(fleet: Fleet, callers: Everywhere): Promise<void> {
  const paid = await fleet.pay({ amount_cents: 10_000 });
  const { payment_id } = paid;
  const answers = await atOnce(2, callers, (caller) =>
    caller.post('/v1/admin/refunds', { payment_id, amount_cents: 2_500 }),
  );
  const { won, refused } = sortOut(answers);
  assert.deepEqual(
    [...won, ...refused].map(({ status }) => status),
    [201, 409],
  );
  const [first] = won;
  const [second] = refused;
  assert.deepEqual([second?.body.field, second?.body.refund_id], ['Idempotency-Key', first?.body.refund_id]);
  assert.match(second?.body.message ?? '', /another one is meant, send it with an Idempotency-Key/);
  assert.equal(fleet.refundsAtStripe(paid).length, 1);
}

/** A webhook of a refund is worked on while the service still waits for Stripe's answer: one refund, under one id. */
export async function tellBeforeAnswering(fleet: Fleet, caller: Caller): Promise<void> {
  const paid = await fleet.pay();
  const fault = fleet.standIn.faults.add({
    kind: 'slow_after',
    method: 'POST',
    route: '/v1/refunds',
    times: 1,
    ms: 1_200,
  });
  let answered = false;
  const asking = caller
    .post('/v1/admin/refunds', { payment_id: paid.payment_id, amount_cents: 1_500 })
    .finally(() => {
      answered = true;
    });
  await until(async () => (await rowsOf(fleet, paid)).some(({ status }) => status === 'succeeded'));
  assert.equal(answered, false, 'the webhook was first');
  const { status, body } = await asking;
  fleet.standIn.faults.clear(fault.id);
  await fleet.settled();
  const [made] = fleet.refundsAtStripe(paid);
  assert.deepEqual([status, body.status, body.stripe_refund_id], [201, 'succeeded', made?.id]);
  assert.deepEqual(await rowsOf(fleet, paid), [
    { refund_id: body.refund_id, stripe_refund_id: made?.id, status: 'succeeded', origin: 'api' },
  ]);
}

/** A payment's refunds as the books have them, in the order in which they were made. */
export async function rowsOf(
  { pool }: Pick<Fleet, 'pool'>,
  { payment_id }: Pick<PaidCharge, 'payment_id'>,
): Promise<
  { refund_id: string; stripe_refund_id: string | null; status: string; origin: 'api' | 'external' }[]
> {
  const { rows } = await pool.query(
    `SELECT refund_id, stripe_refund_id, status, origin FROM refunds WHERE payment_id = $1
     ORDER BY created_at, refund_id`,
    [payment_id],
  );
  return rows;
}

/** What has been refunded of a payment, what is on its way, and what is left. */
export async function amountsOf(
  { pool }: Pick<Fleet, 'pool'>,
  { payment_id }: Pick<PaidCharge, 'payment_id'>,
): Promise<{ refunded: number; reserved: number; left: number }> {
  const { rows } = await pool.query(
    `SELECT refunded_cents AS refunded, reserved_cents AS reserved,
            captured_cents - refunded_cents - reserved_cents AS left
     FROM payments WHERE payment_id = $1`,
    [payment_id],
  );
  return rows[0];
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertBooksBalance } from '../../../test/support/books.ts';
import { createTestDatabase } from '../../../test/support/database.ts';
import { makePayment } from '../../../test/support/make.ts';
import { createPool, type Pool, withTransaction } from '../database/pool.ts';
import { newId } from '../ids.ts';
import { lockPaymentById } from '../payments/observe.ts';
import { recordTransition } from './history.ts';
import { insertRequested, type Refund } from './queries.ts';
import { isProviderStatus, mayFollow, REFUND_STATUSES } from './refund.ts';
import { observeRefund, type Settlement } from './settle.ts';

const CAPTURED = 10_000;
const ASKER = { actor_type: 'service', actor_id: 'a service' } as const;
/** Refunds of ours on each payment: one that is sent, and one that awaits approval. Together they leave some room. */
const OURS = { pending: 3_000, awaiting_approval: 2_000 } as const;
/** What Stripe has refunded of each payment, which together is more than was paid; the first is of the amount of ours. */
const AT_STRIPE = [3_000, 1, 6_000, 4_500] as const;

/** A status in Stripe's words, in words of ours that are not Stripe's, or in words that nobody knows. */
const word = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('pending', 'requires_action', 'succeeded', 'failed', 'canceled') },
  { weight: 1, arbitrary: fc.constantFrom('awaiting_approval', 'rejected', '', '__proto__', 'constructor') },
  { weight: 1, arbitrary: fc.string() },
  { weight: 1, arbitrary: fc.constant(null) },
);

/** Something that Stripe says of one of its refunds. */
const said = fc.record({
  which: fc.nat({ max: AT_STRIPE.length - 1 }),
  status: word,
  /** Which of ours it says it is; metadata can be edited by hand. */
  names: fc.option(fc.constantFrom('pending', 'awaiting_approval'), { freq: 2 }),
  /** Mostly the same amount. */
  off_by: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 9 }) }),
  /** Asked for before what was asked for last. */
  late: fc.boolean(),
  overdraft: fc.constantFrom('refuse', 'record'),
});
type Said = typeof said extends fc.Arbitrary<infer T> ? T : never;

interface Books {
  reserved: number;
  refunded: number;
  refunds: Refund[];
}

test('whatever Stripe says of refunds, in any order, known words or not, the books balance after each of it', async () => {
  await using database = await createTestDatabase();
  const pool = createPool({ connectionString: database.url, max: 2 });
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(said, { minLength: 1, maxLength: 12 }), async (sequence) => {
        const told = await begin(pool);
        for (const [index, one] of sequence.entries()) {
          const before = await read(pool, told.payment_id);
          const settlement = await tell(pool, told, one, index);
          assertHeld(
            before,
            one,
            settlement,
            await read(pool, told.payment_id),
            `${told.payment_id}_re_${one.which}`,
          );
        }
      }),
      { numRuns: 60 },
    );
    await assertBooksBalance(pool);
  } finally {
    await pool.end();
  }
});

interface Told {
  payment_id: string;
  ours: Record<keyof typeof OURS, string>;
  /** When the first was asked for. */
  since_ms: number;
}

async function begin(pool: Pool): Promise<Told> {
  const { payment } = await makePayment(pool, { captured_cents: CAPTURED });
  const { payment_id, brand_id, customer_id, currency, stripe_charge_id } = payment;
  const ours = { pending: newId('refund'), awaiting_approval: newId('refund') };
  await withTransaction(pool, async (tx) => {
    await lockPaymentById(tx, payment_id);
    for (const status of ['pending', 'awaiting_approval'] as const) {
      const refund = {
        refund_id: ours[status],
        payment_id,
        brand_id,
        customer_id,
        charge_id: stripe_charge_id,
        amount_cents: OURS[status],
        counted_cents: OURS[status],
        currency,
        status,
        reason: null,
        note: null,
        provider_reason: null,
        origin: 'api',
        requested_by_type: ASKER.actor_type,
        requested_by_id: ASKER.actor_id,
        stripe_refund_id: null,
        failure_reason: null,
      } as const;
      await insertRequested(tx, refund, 60);
      await recordTransition(tx, null, refund, { actor: ASKER, cause: 'test' });
    }
  });
  return { payment_id, ours, since_ms: Date.now() };
}

async function tell(
  pool: Pool,
  { payment_id, ours, since_ms }: Told,
  one: Said,
  index: number,
): Promise<Settlement> {
  return await withTransaction(pool, async (tx) => {
    const payment = await lockPaymentById(tx, payment_id);
    assert.ok(payment);
    const observed_at = new Date(since_ms + (one.late ? -1_000 : 1_000) * (index + 1));
    return await observeRefund(
      tx,
      payment,
      {
        stripe_refund_id: `${payment_id}_re_${one.which}`,
        refund_id: one.names === null ? null : ours[one.names],
        charge_id: payment.stripe_charge_id,
        amount_cents: (AT_STRIPE[one.which] ?? 0) + one.off_by,
        currency: payment.currency,
        status: one.status,
        reason: null,
        failure_reason: null,
        pending_reason: null,
        bank_reference: null,
        created_at: new Date(since_ms),
        observed_at,
      },
      { cause: 'test', overdraft: one.overdraft },
    );
  });
}

async function read(pool: Pool, paymentId: string): Promise<Books> {
  const payments = await pool.query(
    'SELECT reserved_cents AS reserved, refunded_cents AS refunded FROM payments WHERE payment_id = $1',
    [paymentId],
  );
  const refunds = await pool.query<Refund>('SELECT * FROM refunds WHERE payment_id = $1 ORDER BY refund_id', [
    paymentId,
  ]);
  return { ...payments.rows[0], refunds: refunds.rows };
}

/** What must hold of any step, whatever was said. */
function assertHeld(
  before: Books,
  one: Said,
  settlement: Settlement,
  after: Books,
  stripeRefundId: string,
): void {
  const sum = (...statuses: string[]) =>
    after.refunds
      .filter(({ status }) => statuses.includes(status))
      .reduce((total, { counted_cents }) => total + counted_cents, 0);
  assert.equal(after.reserved, sum('awaiting_approval', 'pending', 'requires_action'));
  assert.equal(after.refunded, sum('succeeded'));
  assert.equal(sum('rejected', 'failed', 'canceled'), 0);
  assert.ok(after.reserved >= 0 && after.refunded >= 0 && after.reserved + after.refunded <= CAPTURED);

  const of = ({ refunds }: Books, id: string) => refunds.find(({ refund_id }) => refund_id === id);
  for (const { refund_id, status, amount_cents, counted_cents } of after.refunds) {
    const was = of(before, refund_id);
    assert.ok(REFUND_STATUSES.includes(status) && counted_cents >= 0 && counted_cents <= amount_cents);
    assert.ok(was === undefined || was.status === status || mayFollow(was.status, status), was?.status);
  }
  const moved = settlement === 'moved' || settlement === 'imported';
  if (!moved) {
    const holdings = ({ reserved, refunded, refunds }: Books) => ({
      reserved,
      refunded,
      refunds: refunds.map(({ refund_id, status, counted_cents }) => [refund_id, status, counted_cents]),
    });
    assert.deepEqual(holdings(after), holdings(before), settlement);
  }
  const known = before.refunds.find(({ stripe_refund_id }) => stripe_refund_id === stripeRefundId);
  if (known === undefined) return;
  assert.equal(after.refunds.length, before.refunds.length, 'one refund at Stripe is one here');
  if (!isProviderStatus(one.status)) assert.ok(!moved, 'a word that nobody knows moves nothing');
  else if (
    one.overdraft === 'record' &&
    one.off_by === 0 &&
    !one.late &&
    mayFollow(known.status, one.status) &&
    known.amount_cents === AT_STRIPE[one.which]
  ) {
    assert.equal(of(after, known.refund_id)?.status, one.status, 'what may be is so once it is said');
  }
}

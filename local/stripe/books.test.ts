import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RefundBehaviour } from './cards.ts';
import { StripeFailure } from './errors.ts';
import { balance } from './resources/balance.ts';
import { requireCharge } from './resources/charges.ts';
import { openDispute, setDisputeStatus } from './resources/disputes.ts';
import { createPaymentIntent } from './resources/payment_intents.ts';
import { cancelRefund, createRefund, failRefund, settleRefund } from './resources/refunds.ts';
import { advanceClock, setClock } from './time.ts';
import { openWorld, type World } from './world.ts';

const BEHAVIOURS: RefundBehaviour[] = [
  'succeeded',
  'pending_then_succeeded',
  'pending_then_failed',
  'pending',
  'failed',
  'succeeded_then_failed',
  'requires_action',
];

type Step =
  | { do: 'refund'; amount: number | undefined; behaviour: RefundBehaviour }
  | { do: 'settle' | 'fail' | 'cancel'; which: number }
  | { do: 'advance'; by_s: number }
  | { do: 'dispute'; inquiry: boolean; amount: number | undefined }
  | { do: 'close'; which: number; won: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('refund' as const),
      amount: fc.option(fc.integer({ min: 1, max: 700 }), { nil: undefined }),
      behaviour: fc.constantFrom(...BEHAVIOURS),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('settle' as const, 'fail' as const, 'cancel' as const),
      which: fc.nat(20),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('advance' as const), by_s: fc.integer({ min: 1, max: 300_000 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('dispute' as const),
      inquiry: fc.boolean(),
      amount: fc.option(fc.integer({ min: 1, max: 2_000 }), { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('close' as const), which: fc.nat(5), won: fc.boolean() }),
  },
);

/** Does a step; what Stripe would refuse is refused and must change nothing. */
function perform(world: World, charge: string, one: Step): void {
  const nth = (kind: 'refund' | 'dispute', which: number): string => {
    const rows = world.store.list(kind, { where: { charge }, created: {}, limit: 100 });
    return rows[which % Math.max(1, rows.length)]?.id ?? 'nobody';
  };
  switch (one.do) {
    case 'refund':
      createRefund(world, {
        charge,
        behaviour: one.behaviour,
        ...(one.amount === undefined ? {} : { amount: one.amount }),
      });
      break;
    case 'settle':
      settleRefund(world, nth('refund', one.which));
      break;
    case 'fail':
      failRefund(world, nth('refund', one.which));
      break;
    case 'cancel':
      cancelRefund(world, nth('refund', one.which));
      break;
    case 'advance':
      advanceClock(world, one.by_s);
      break;
    case 'dispute':
      openDispute(world, {
        charge,
        inquiry: one.inquiry,
        ...(one.amount === undefined ? {} : { amount: one.amount }),
      });
      break;
    case 'close':
      setDisputeStatus(world, nth('dispute', one.which), one.won ? 'won' : 'lost');
      break;
  }
}

function check(world: World, charge: string): void {
  const { amount_captured, amount_refunded, refunded } = requireCharge(world, charge);
  const refunds = world.store
    .list('refund', { where: { charge }, created: {}, limit: 1_000 })
    .map((row) => row.body);
  const counted = refunds.filter((refund) => refund.status !== 'failed' && refund.status !== 'canceled');
  assert.equal(
    amount_refunded,
    counted.reduce((sum, refund) => sum + refund.amount, 0),
  );
  assert.ok(amount_refunded <= amount_captured, `${amount_refunded} of ${amount_captured}`);
  assert.equal(refunded, amount_refunded === amount_captured);
  const booked = world.store.list('balance_transaction', { where: {}, created: {}, limit: 10_000 });
  assert.equal(
    balance(world).available[0]?.amount,
    booked.reduce((sum, row) => sum + row.body.net, 0),
  );
}

test('whatever happens, a charge gives back what its live refunds say and never more than was captured, and the balance adds up', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const world = openWorld({ databaseFile: ':memory:', seed: 3 });
      try {
        setClock(world, 1_800_000_000);
        const { intent } = createPaymentIntent(world, {
          amount: 1_000,
          currency: 'usd',
          payment_method: 'pm_card_visa',
          confirm: true,
        });
        const charge = String(intent.latest_charge);
        for (const one of steps) {
          try {
            perform(world, charge, one);
          } catch (error) {
            if (!(error instanceof StripeFailure)) throw error;
          }
          check(world, charge);
        }
      } finally {
        world.store.close();
      }
    }),
    { numRuns: 150 },
  );
});

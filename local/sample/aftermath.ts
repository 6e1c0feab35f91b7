import type { RefundBehaviour } from '../stripe/cards.ts';
import { type DisputeStatus, openDispute, setDisputeStatus } from '../stripe/resources/disputes.ts';
import {
  cancelRefund,
  createRefund,
  type FailureReason,
  failRefund,
  type RefundReason,
} from '../stripe/resources/refunds.ts';
import type { World } from '../stripe/world.ts';
import type { Chance } from './chance.ts';
import type { Schedule } from './schedule.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Paid {
  charge: string;
  /** In the currency's smallest unit. */
  amount: number;
  at_ms: number;
}

/** What comes after a payment: nothing, mostly; or refunds, all of it or in parts; or a dispute. */
export function planAftermath(chance: Chance, schedule: Schedule, world: World, paid: Paid): void {
  const what = chance.oneOf([
    [815, 'nothing'],
    [110, 'full'],
    [45, 'part'],
    [18, 'parts'],
    [8, 'disputed'],
    [4, 'part_then_disputed'],
  ]);
  if (what === 'full') planRefund(chance, schedule, world, paid, paid.amount);
  if (what === 'part' || what === 'part_then_disputed') {
    planRefund(
      chance,
      schedule,
      world,
      paid,
      Math.max(1, Math.round(paid.amount * chance.between(0.1, 0.7))),
    );
  }
  if (what === 'parts') {
    const count = chance.whole(2, 4);
    for (let part = 0; part < count; part += 1) {
      planRefund(
        chance,
        schedule,
        world,
        paid,
        Math.max(1, Math.floor((paid.amount * chance.between(0.4, 1)) / count)),
      );
    }
  }
  if (what === 'disputed' || what === 'part_then_disputed') planDispute(chance, schedule, world, paid);
}

/** How a refund goes on after it was made. */
type Course = RefundBehaviour | 'canceled' | 'fails_after_days';

function planRefund(chance: Chance, schedule: Schedule, world: World, paid: Paid, amount: number): void {
  // Soon after the purchase most of the time, rarely weeks later.
  const at_ms = paid.at_ms + HOUR_MS * 2 ** chance.between(-1, 9);
  const reason = chance.oneOf<RefundReason | null>([
    [70, 'requested_by_customer'],
    [12, 'duplicate'],
    [3, 'fraudulent'],
    [15, null],
  ]);
  const course = chance.oneOf<Course>([
    [76, 'succeeded'],
    [6, 'pending_then_succeeded'],
    [3, 'pending'],
    [3, 'pending_then_failed'],
    [3, 'failed'],
    [5, 'fails_after_days'],
    [2, 'requires_action'],
    [2, 'canceled'],
  ]);
  const failure = chance.oneOf<FailureReason>([
    [5, 'expired_or_canceled_card'],
    [3, 'lost_or_stolen_card'],
    [2, 'declined'],
    [1, 'unknown'],
  ]);
  const daysLater = chance.between(2, 20);
  schedule.plan(at_ms, () => {
    const refund = createRefund(world, {
      charge: paid.charge,
      amount,
      reason,
      behaviour:
        course === 'canceled' ? 'requires_action' : course === 'fails_after_days' ? 'succeeded' : course,
    });
    if (course === 'canceled') schedule.plan(at_ms + DAY_MS, () => cancelRefund(world, refund.id));
    if (course === 'fails_after_days') {
      schedule.plan(at_ms + daysLater * DAY_MS, () => failRefund(world, refund.id, failure));
    }
  });
}

function planDispute(chance: Chance, schedule: Schedule, world: World, paid: Paid): void {
  const at_ms = paid.at_ms + DAY_MS * chance.between(22, 40);
  const inquiry = chance.happens(0.25);
  const reason = chance.oneOf([
    [5, 'fraudulent'],
    [3, 'product_not_received'],
    [2, 'duplicate'],
    [1, 'credit_not_processed'],
  ]);
  // A bank may claim more than was paid: its own fees, another rate of exchange.
  const amount = chance.happens(0.1) ? Math.round(paid.amount * 1.1) : paid.amount;
  const end = inquiry
    ? chance.oneOf<DisputeStatus | null>([
        [2, 'warning_closed'],
        [1, null],
      ])
    : chance.oneOf<DisputeStatus | null>([
        [3, 'won'],
        [4, 'lost'],
        [2, 'under_review'],
        [3, null],
      ]);
  schedule.plan(at_ms, () => {
    const dispute = openDispute(world, { charge: paid.charge, amount, reason, inquiry });
    if (end !== null) {
      schedule.plan(at_ms + DAY_MS * chance.between(3, 20), () => setDisputeStatus(world, dispute.id, end));
    }
  });
}

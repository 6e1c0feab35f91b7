import { Counter, Gauge, type Registry } from 'prom-client';
import type { Pool } from '../database/pool.ts';
import { readOwed, readUnknown, readWaiting, type UnknownOutcomes, type Waiting } from './queries.ts';
import type { RefundStatus } from './refund.ts';

export { readUnknown };

/** An outcome that is unknown for longer than this is a warning: recovery does not get through. */
export const UNKNOWN_TOO_LONG_s = 15 * 60;

/** Shows how many outcomes are unknown and for how long, read from the database when it is asked for. */
export function measureUnknown(registry: Registry, pool: Pool): void {
  // Both gauges are collected in the same moment, and share one reading.
  let reading: Promise<UnknownOutcomes> | undefined;
  const show = async (gauge: Gauge, value: (unknown: UnknownOutcomes) => number) => {
    reading ??= readUnknown(pool).finally(() => {
      reading = undefined;
    });
    // Without the database there is nothing to show; that it is gone shows elsewhere.
    const unknown = await reading.catch(() => undefined);
    if (unknown === undefined) gauge.reset();
    else gauge.set(value(unknown));
  };
  new Gauge({
    name: 'refunds_unknown',
    help: 'Refunds that were sent to Stripe, or are about to be, and of which it is not known what has become.',
    registers: [registry],
    async collect() {
      await show(this, ({ refunds }) => refunds);
    },
  });
  new Gauge({
    name: 'refunds_unknown_oldest_seconds',
    help: 'For how long that has not been known of the oldest of them.',
    registers: [registry],
    async collect() {
      await show(this, ({ oldest_s }) => oldest_s);
    },
  });
}

/** One for all of the process: histories are written in many places, and counted in one. */
const transitions = new Counter({
  name: 'refund_transitions_total',
  help: 'Steps of refunds that this process has written, by where they lead: `pending` is issued, `succeeded` is settled.',
  labelNames: ['to_status', 'origin'],
  registers: [],
});

/** Counts a step of a refund. One that is rolled back was counted all the same. */
export const countTransition = (to_status: RefundStatus, origin: string): void =>
  transitions.inc({ to_status, origin });

/** Shows what waits for somebody, what is owed, and what has become of refunds. */
export function measureRefunds(registry: Registry, pool: Pool): void {
  registry.registerMetric(transitions);
  let reading: Promise<Waiting> | undefined;
  const show = async (gauge: Gauge, value: (waiting: Waiting) => number) => {
    reading ??= readWaiting(pool).finally(() => {
      reading = undefined;
    });
    const waiting = await reading.catch(() => undefined);
    if (waiting === undefined) gauge.reset();
    else gauge.set(value(waiting));
  };
  new Gauge({
    name: 'refunds_awaiting_approval',
    help: 'Refunds that wait for somebody else’s word.',
    registers: [registry],
    async collect() {
      await show(this, ({ refunds }) => refunds);
    },
  });
  new Gauge({
    name: 'refunds_awaiting_approval_oldest_seconds',
    help: 'For how long the oldest of them has.',
    registers: [registry],
    async collect() {
      await show(this, ({ oldest_s }) => oldest_s);
    },
  });
  const owed = new Gauge({
    name: 'refunds_owed',
    help: 'Refunds that failed after somebody was told of them, and left the customer owed.',
    labelNames: ['currency'],
    registers: [registry],
  });
  new Gauge({
    name: 'refunds_owed_cents',
    help: 'What that comes to, in the currency’s smallest unit.',
    labelNames: ['currency'],
    registers: [registry],
    async collect() {
      this.reset();
      owed.reset();
      for (const { currency, refunds, owed_cents } of await readOwed(pool).catch(() => [])) {
        owed.set({ currency }, refunds);
        this.set({ currency }, owed_cents);
      }
    },
  });
}

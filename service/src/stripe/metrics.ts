import { Gauge, Histogram, type Registry } from 'prom-client';
import type { Pool } from '../database/pool.ts';
import type { Outcome } from './inbox.ts';
import { type InboxDepth, readInboxDepth } from './queries.ts';

const STATUSES: readonly InboxDepth['status'][] = ['received', 'unmatched', 'failed'];

/**
 * Shows how deep the inbox is, read from the database when it is asked for, and returns the function that counts what
 * has become of an event.
 */
export function measureInbox(
  registry: Registry,
  pool: Pool,
): (outcome: Outcome, duration_ms: number) => void {
  const durations = new Histogram({
    name: 'stripe_event_duration_seconds',
    help: 'From taking up an event to its end or its next try, Stripe included.',
    labelNames: ['outcome'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers: [registry],
  });
  // Both gauges are collected in the same moment, and share one reading.
  let reading: Promise<InboxDepth[]> | undefined;
  const show = async (gauge: Gauge<'status'>, value: (depth: InboxDepth) => number) => {
    reading ??= readInboxDepth(pool).finally(() => {
      reading = undefined;
    });
    gauge.reset();
    // Without the database there is nothing to show; that it is gone shows elsewhere.
    const depths = await reading.catch(() => undefined);
    for (const status of depths === undefined ? [] : STATUSES) {
      const depth = depths?.find((one) => one.status === status);
      gauge.set({ status }, depth === undefined ? 0 : value(depth));
    }
  };
  new Gauge({
    name: 'stripe_inbox_events',
    help: 'Events in the inbox: to be worked on (received), on the shelf (unmatched), given up (failed).',
    labelNames: ['status'],
    registers: [registry],
    async collect() {
      await show(this, ({ events }) => events);
    },
  });
  new Gauge({
    name: 'stripe_inbox_oldest_seconds',
    help: 'How long the oldest event of this status has been in the inbox.',
    labelNames: ['status'],
    registers: [registry],
    async collect() {
      await show(this, ({ oldest_s }) => oldest_s);
    },
  });
  return (outcome, duration_ms) => durations.observe({ outcome }, duration_ms / 1000);
}

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
  const oldest = new Gauge({
    name: 'stripe_inbox_oldest_seconds',
    help: 'How long the oldest event of this status has been in the inbox.',
    labelNames: ['status'],
    registers: [registry],
  });
  new Gauge({
    name: 'stripe_inbox_events',
    help: 'Events in the inbox: to be worked on (received), on the shelf (unmatched), given up (failed).',
    labelNames: ['status'],
    registers: [registry],
    // The gauge above is of the same reading, and so is set here.
    async collect() {
      const depths = await readInboxDepth(pool).catch(() => undefined);
      this.reset();
      oldest.reset();
      for (const status of depths === undefined ? [] : STATUSES) {
        const depth = depths?.find((one) => one.status === status);
        this.set({ status }, depth?.events ?? 0);
        oldest.set({ status }, depth?.oldest_s ?? 0);
      }
    },
  });
  return (outcome, duration_ms) => durations.observe({ outcome }, duration_ms / 1000);
}

import { Gauge, type Registry } from 'prom-client';
import type { Pool } from '../database/pool.ts';
import { readUnknown, type UnknownOutcomes } from './queries.ts';

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

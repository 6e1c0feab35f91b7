import { Gauge, type Registry } from 'prom-client';
import type { Pool } from '../database/pool.ts';
import { countRunning } from './work-queries.ts';

/** Shows how many batches run, and how many of them do not get on, read from the database when it is asked for. */
export function measureBatches(registry: Registry, pool: Pool): void {
  const heldUp = new Gauge({
    name: 'refund_batches_held_up',
    help: 'Batches of refunds that run and do not get on at the moment.',
    registers: [registry],
  });
  new Gauge({
    name: 'refund_batches_running',
    help: 'Batches of refunds that run.',
    registers: [registry],
    async collect() {
      const counted = await countRunning(pool).catch(() => undefined);
      if (counted === undefined) {
        this.reset();
        heldUp.reset();
      } else {
        this.set(counted.running);
        heldUp.set(counted.held_up);
      }
    },
  });
}

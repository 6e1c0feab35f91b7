import { Gauge, type Registry } from 'prom-client';
import type { Pool } from '../../database/pool.ts';
import type { DifferenceKind } from './compare.ts';
import * as queries from './queries.ts';

const KINDS: Record<DifferenceKind, true> = {
  missing_here: true,
  outcome_unknown: true,
  amount: true,
  overdraft: true,
  status: true,
  charge: true,
  cannot_be_stored: true,
  not_at_stripe: true,
};

/** Shows what reconciliation has left for a person, and when it last came to its end; read when it is asked for. */
export function measureReconciliation(registry: Registry, pool: Pool): void {
  // Without the database there is nothing to show; that it is gone shows elsewhere.
  new Gauge({
    name: 'reconcile_differences_open',
    help: 'Differences between Stripe and the books that are left for a person.',
    labelNames: ['kind'],
    registers: [registry],
    async collect() {
      this.reset();
      const open = await queries.countOpen(pool).catch(() => undefined);
      if (open === undefined) return;
      for (const kind of Object.keys(KINDS)) this.set({ kind }, 0);
      for (const { kind, differences } of open) this.set({ kind }, differences);
    },
  });
  new Gauge({
    name: 'reconcile_last_finished_timestamp_seconds',
    help: 'When a reconciliation last came to its end, in seconds since 1970; 0 if none has.',
    registers: [registry],
    async collect() {
      this.reset();
      const finished = await queries.readLastFinished(pool).catch(() => undefined);
      if (finished !== undefined) this.set(finished === null ? 0 : finished.getTime() / 1_000);
    },
  });
}

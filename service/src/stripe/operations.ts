import { countOpenAnomalies } from '../audit/anomalies.ts';
import { readUnsealedFor_s } from '../audit/sealer.ts';
import { isUnderWay } from '../database/alone.ts';
import type { Pool } from '../database/pool.ts';
import { readUnknown } from '../refunds/metrics.ts';
import type { RefundProvider } from '../refunds/provider.ts';
import { readQueues } from './job-queries.ts';
import { readInboxDepth, readLatestBackfill } from './queries.ts';
import { readLatest } from './reconcile/list-queries.ts';
import { countOpen } from './reconcile/queries.ts';

const OPEN = ['received', 'unmatched', 'failed'] as const;

/** How the service is doing, of all brands, from the database; and what only this process knows: whether it sends. */
export async function readOperations({
  pool,
  provider,
}: {
  pool: Pool;
  provider: Pick<RefundProvider, 'pausedFor_ms'>;
}) {
  const [depths, unknown_outcomes, workers, backfill, latest, running, differences, anomalies, unsealed_s] =
    await Promise.all([
      readInboxDepth(pool),
      readUnknown(pool),
      readQueues(pool),
      readLatestBackfill(pool),
      readLatest(pool),
      isUnderWay(pool, 'reconcile'),
      countOpen(pool),
      countOpenAnomalies(pool),
      readUnsealedFor_s(pool),
    ]);
  const inbox = Object.fromEntries(
    OPEN.map((status) => {
      const depth = depths.find((one) => one.status === status);
      return [status, { events: depth?.events ?? 0, oldest_s: depth?.oldest_s ?? 0 }];
    }),
  );
  const paused_ms = provider.pausedFor_ms();
  return {
    inbox,
    unknown_outcomes,
    sending: { status: paused_ms === 0 ? 'open' : 'paused', paused_ms },
    workers,
    backfill,
    reconciliation: {
      under_way: running,
      last_started_at: latest.started_at,
      last_finished_at: latest.finished_at,
      differences_open: differences.reduce((sum, kind) => sum + kind.differences, 0),
    },
    anomalies_open: anomalies,
    audit: { unsealed_s },
  };
}

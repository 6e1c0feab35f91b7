import { type Actor, type Origin, recordAudit } from '../../audit/record.ts';
import { alone } from '../../database/alone.ts';
import { type Pool, withTransaction } from '../../database/pool.ts';
import { ServiceError } from '../../errors.ts';
import type { AskDeps } from '../ask.ts';
import * as queries from './list-queries.ts';
import { reconcile, takeRun } from './reconcile.ts';

/** Who asks for a run over the API. */
export interface Requester extends Actor {
  actor_type: 'user' | 'service';
  brand_id: string;
  origin: Origin;
}

/**
 * Has a worker compare a window with Stripe: the run, who has asked for it and its job are written together. A run over the same window
 * that was stopped less than a day ago goes on.
 *
 * @throws ServiceError where another one is running, or waits for a worker
 */
export async function requestRun(
  pool: Pool,
  { from, to }: { from: Date; to: Date | null },
  by: Requester,
): Promise<queries.ListedRun> {
  const requested = await alone(pool, 'reconcile', () =>
    withTransaction(pool, async (tx) => {
      if (await queries.isQueued(tx)) return 'taken';
      const { run } = await takeRun(tx, from, to);
      const listed = await queries.queueRun(tx, run, by);
      await recordAudit(tx, {
        actor_type: by.actor_type,
        actor_id: by.actor_id,
        brand_id: by.brand_id,
        event_type: 'reconcile_run.requested',
        entity_type: 'reconcile_run',
        entity_id: run.run_id,
        origin: by.origin,
        details: {
          cause: by.origin.request_id,
          before: null,
          window_from: run.window_from.toISOString(),
          window_until: run.window_until.toISOString(),
        },
      });
      return listed;
    }),
  );
  if (requested === 'taken') {
    throw new ServiceError('conflict', {
      message:
        'Another reconciliation is running, or about to: one runs at a time. Ask again when it has ended.',
    });
  }
  return requested;
}

/** What a job of such a run came to. */
export type Performed = 'finished' | 'stopped' | 'over_already';

/**
 * Does what such a job asks for. Killed or stopped at any moment, the next attempt goes on with it.
 *
 * @throws ReconcileRunning, and the errors of the SDK and the database
 */
export async function performRun(deps: AskDeps, payload: unknown, signal: AbortSignal): Promise<Performed> {
  const runId = (payload as { run_id?: unknown } | null)?.run_id;
  if (typeof runId !== 'string') throw new Error('A job names no run');
  const run = await queries.findRequested(deps.pool, runId);
  // Somebody at a command line may have brought it to its end.
  if (run === undefined) return 'over_already';
  const { window_from: from, asked_until: to } = run;
  const { status } = await reconcile(deps, { from, ...(to === null ? {} : { to }), signal });
  return status;
}

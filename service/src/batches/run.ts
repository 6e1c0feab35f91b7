import { refuseStaleSignIn } from '../access/recent.ts';
import { type Pool, withTransaction } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';
import type { Caller } from '../refunds/issue.ts';
import { type ApprovalLimits, needsApproval, readLimits, roleOf } from '../refunds/limits.ts';
import type { Batch } from './batch.ts';
import { causedBy, recordStep } from './history.ts';
import * as queries from './queries.ts';

interface RunDeps {
  pool: Pool;
  approvalLimits: ApprovalLimits;
  /** How long ago a person may have signed in who asks for what has to be approved; 0: however long. */
  recentSignIn_s: number;
}

/**
 * Hands a batch to the workers, from its first row or from where it was stopped: its rows are issued as whoever says so. One that runs
 * is left as it is.
 *
 * @throws ServiceError where there is nothing to be done of it, or somebody has to sign in again first
 */
export async function runBatch(
  { pool, approvalLimits, recentSignIn_s }: RunDeps,
  batchId: string,
  caller: Caller,
): Promise<Batch> {
  const { principal } = caller;
  return await withTransaction(pool, async (tx) => {
    const batch = await requireLocked(tx, principal.brand_id, batchId);
    if (batch.status === 'running') return batch;
    if (batch.status === 'finished') {
      throw new ServiceError('precondition_failed', { message: 'The batch has finished: no row is left.' });
    }
    const [open, limits] = await Promise.all([
      queries.findOpen(tx, batchId),
      readLimits(tx, approvalLimits, principal.brand_id, roleOf(principal)),
    ]);
    if (batch.status === 'draft' && open.length === 0) {
      throw new ServiceError('precondition_failed', {
        message: 'Nothing of the batch can be refunded: its rows say why.',
      });
    }
    // Asked here, once: the worker is nobody who could sign in.
    const awaits = open.some(({ currency, largest_cents }) => needsApproval(limits, currency, largest_cents));
    const stale = awaits ? refuseStaleSignIn(principal, recentSignIn_s) : undefined;
    if (stale !== undefined) throw stale;
    const started = await queries.start(tx, batchId, caller);
    const open_count = open.reduce((all, { row_count }) => all + row_count, 0);
    await recordStep(tx, 'started', batch.status, started, causedBy(caller), { open_count });
    return started;
  });
}

/** Stops a batch before its next row; one that is being issued still comes to its end. Stopped already, it stays so. */
export async function stopBatch({ pool }: { pool: Pool }, batchId: string, caller: Caller): Promise<Batch> {
  return await withTransaction(pool, async (tx) => {
    const batch = await requireLocked(tx, caller.principal.brand_id, batchId);
    if (batch.status === 'stopped') return batch;
    if (batch.status !== 'running') {
      throw new ServiceError('precondition_failed', {
        message:
          batch.status === 'draft'
            ? 'The batch does not run: nothing of it has been sent.'
            : 'The batch has finished: no row is left to be stopped.',
      });
    }
    const stopped = await queries.stop(tx, batchId);
    const open = await queries.findOpen(tx, batchId);
    const open_count = open.reduce((all, { row_count }) => all + row_count, 0);
    await recordStep(tx, 'stopped', batch.status, stopped, causedBy(caller), { open_count });
    return stopped;
  });
}

async function requireLocked(tx: Parameters<typeof queries.lock>[0], brandId: string, batchId: string) {
  const batch = await queries.lock(tx, brandId, batchId);
  if (batch === undefined) throw new ServiceError('not_found', { message: 'There is no such batch.' });
  return batch;
}

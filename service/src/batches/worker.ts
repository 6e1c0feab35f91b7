import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Principal } from '../access/principal.ts';
import { SERVICE } from '../audit/record.ts';
import { type Connections, withTransaction } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';
import { type Answer, HOLD_s } from '../idempotency/answer.ts';
import type { IdempotencyKey } from '../idempotency/key.ts';
import { type Caller, type IssueDeps, issueRefund } from '../refunds/issue.ts';
import { inSpan, NOWHERE } from '../tracing/spans.ts';
import { refuseErased } from './check.ts';
import { recordStep } from './history.ts';
import * as queries from './work-queries.ts';

export interface BatchWorkerDeps extends Omit<IssueDeps, 'pool' | 'recentSignIn_s'> {
  pool: Connections;
  /** How many refunds a batch issues in a second at the most. */
  refunds_per_second: number;
}

/** How long a worker has a batch for one row: a key that was claimed for the row is given up by then, whatever has become of the worker. */
const TAKEN_FOR_s = HOLD_s + 15;
/** Between looks for batches, where none is about to be due. */
const POLL_ms = 1_000;
/** Where one is due that another worker is just taking. */
const LOOK_AGAIN_ms = 10;
/** After what should not have happened. */
const TRY_AGAIN_IN_s = 5;

/**
 * Issues one row of the batch that has been due longest, beside any number of other workers. The batch is taken for that row, so that its
 * rows are issued one after another; should the worker die, another goes on with the same row under the same key, when the time for which
 * the batch was taken is over.
 *
 * @returns whether there was anything to do
 */
export async function runNextRow(deps: BatchWorkerDeps): Promise<boolean> {
  const taken = await takeRow(deps);
  if (taken === undefined) return false;
  const { batch, row } = taken;
  if (row === undefined) return true;
  try {
    const attributes = { 'refund_batch.id': batch.batch_id, 'refund_batch.row': row.row_no };
    const end = await inSpan('issue batch row', { attributes, within: NOWHERE }, () =>
      issue(deps, batch, row),
    );
    await settle(deps, batch, row, end);
  } catch (error) {
    await putOff(deps, batch, row, error);
  }
  return true;
}

async function takeRow({ pool, log }: BatchWorkerDeps) {
  return await withTransaction(pool, async (tx) => {
    const batch = await queries.takeDue(tx, TAKEN_FOR_s);
    if (batch === undefined) return undefined;
    const row = await queries.beginRow(tx, batch);
    if (row === undefined) {
      await queries.leave(tx, batch);
      if (batch.status === 'running') {
        const finished = { ...batch, status: 'finished' as const };
        const counts = await queries.countEnded(tx, batch.batch_id);
        await recordStep(
          tx,
          'finished',
          'running',
          finished,
          { actor: SERVICE, cause: 'batch' },
          { ...counts },
        );
        log.info({ batch_id: batch.batch_id, ...counts }, 'a batch of refunds has finished');
      }
    }
    return { batch, row };
  });
}

/** What issues a single refund issues a row, too: as whoever has started the batch, under a key that is the row's alone. */
async function issue(
  { pool, ...deps }: BatchWorkerDeps,
  batch: queries.TakenBatch,
  row: queries.RunningRow,
): Promise<queries.RowEnd> {
  if (row.erased && !row.again) return failedAs(refuseErased());
  const { payment_id, amount_cents, reason, note } = row;
  // Whether somebody has signed in lately was asked when they said that it should run.
  const issueDeps = { ...deps, pool: pool.ofBrand(batch.brand_id), recentSignIn_s: 0 };
  const answer = await issueRefund(
    issueDeps,
    { payment_id, amount_cents, reason, note },
    callerOf(batch, row),
    (_status, { refund_id, payment_id, amount_cents, status, stripe_refund_id }) =>
      JSON.stringify({ refund_id, payment_id, amount_cents, status, stripe_refund_id }),
  );
  return endOf(answer);
}

function callerOf(batch: queries.TakenBatch, row: queries.RunningRow): Caller {
  const principal: Principal = {
    actor_type: batch.started_by_type,
    actor_id: batch.started_by_id,
    person_id: batch.started_by_type === 'user' ? batch.started_by_id : undefined,
    client_id: batch.started_client_id,
    scopes: new Set(batch.started_scopes),
    signed_in_at_ms: undefined,
    brand_id: batch.brand_id,
    brand_is_default: false,
  };
  return {
    principal,
    key: keyOf(batch, row),
    request_id: batch.started_request_id,
    ip_address: batch.started_ip_address,
  };
}

/** Of the batch and the row, and of nobody in particular: whoever resumes the batch, the row stays the same row. */
function keyOf(
  { batch_id, brand_id }: queries.TakenBatch,
  { row_no, payment_id, amount_cents }: queries.RunningRow,
): IdempotencyKey {
  return {
    brand_id,
    actor_type: 'service',
    actor_id: batch_id,
    operation: 'issueRefundBatchRow',
    idempotency_key: `${batch_id}.${row_no}`,
    // Not of its texts: they may be erased between two attempts.
    fingerprint: createHash('sha256')
      .update(JSON.stringify([batch_id, row_no, payment_id, amount_cents]))
      .digest(),
  };
}

function endOf({ status, body }: Answer): queries.RowEnd {
  const said = JSON.parse(body) as { refund_id?: string; error?: string; message?: string };
  if (status < 400 && said.refund_id !== undefined) return { status: 'issued', refund_id: said.refund_id };
  return {
    status: 'failed',
    refund_id: said.refund_id ?? null,
    code: said.error ?? '',
    message: said.message ?? '',
  };
}

const failedAs = ({ code, message }: ServiceError): queries.RowEnd => ({
  status: 'failed',
  refund_id: null,
  code,
  message,
});

async function settle(
  { pool, refunds_per_second }: BatchWorkerDeps,
  batch: queries.TakenBatch,
  row: queries.RunningRow,
  end: queries.RowEnd,
): Promise<void> {
  await withTransaction(pool, async (tx) => {
    await queries.putBack(tx, batch, {
      since_taken_ms: 1_000 / refunds_per_second,
      from_now_s: 0,
      taken_for_s: TAKEN_FOR_s,
      row_is_done: true,
      held_up: null,
    });
    await queries.endRow(tx, batch, row, end);
  });
}

/** What has become of the row is not known, or nothing was written: it is asked for again, under its key. */
async function putOff(
  { pool, log }: BatchWorkerDeps,
  batch: queries.TakenBatch,
  row: queries.RunningRow,
  error: unknown,
): Promise<void> {
  const expected = error instanceof ServiceError ? error : undefined;
  const nothingWritten = expected?.code === 'service_unavailable';
  if (expected === undefined) {
    log.error(
      { err: error, batch_id: batch.batch_id, row: row.row_no },
      'a row of a batch could not be issued',
    );
  }
  const { code, message } = nothingWritten
    ? expected
    : new ServiceError(expected === undefined ? 'internal_error' : 'conflict', {
        message:
          'It is not known how far the issuing of a row has come; it is asked again in a few seconds, and the row never refunded twice.',
      });
  await withTransaction(pool, async (tx) => {
    await queries.putBack(tx, batch, {
      since_taken_ms: 0,
      from_now_s: Number(expected?.headers['retry-after'] ?? TRY_AGAIN_IN_s),
      taken_for_s: TAKEN_FOR_s,
      row_is_done: nothingWritten,
      held_up: { code, message },
    });
    if (nothingWritten) await queries.giveBack(tx, batch, row);
  });
}

/** Issues the rows of batches, one at a time, beside any number of others, until stopped; the row that is being issued then comes to its end. */
export function startBatches(deps: BatchWorkerDeps): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const run = async () => {
    while (!signal.aborted) {
      const pause_ms = await look(deps).catch((error: unknown) => {
        deps.log.warn({ err: error }, 'could not look for batches of refunds');
        return POLL_ms;
      });
      if (pause_ms > 0) await wait(pause_ms, undefined, { signal }).catch(() => {});
    }
  };
  const running = run();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** Does what is due; says in how many milliseconds to look again. */
async function look(deps: BatchWorkerDeps): Promise<number> {
  if (await runNextRow(deps)) return 0;
  const due_in_ms = (await queries.dueIn_ms(deps.pool)) ?? POLL_ms;
  return Math.min(Math.max(due_in_ms, LOOK_AGAIN_ms), POLL_ms);
}

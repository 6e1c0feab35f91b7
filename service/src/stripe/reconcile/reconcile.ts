import { alone } from '../../database/alone.ts';
import type { Queryable } from '../../database/pool.ts';
import { newId } from '../../ids.ts';
import type { AskDeps } from '../ask.ts';
import { STEPS, type Window } from '../pages.ts';
import * as queries from './queries.ts';
import { comparePage, RECONCILE_STEPS, type ReconcileCounts, type ReconcileStep } from './steps.ts';

export interface ReconcileProgress extends Window {
  step: ReconcileStep;
  /** Between 0 and 1, over all steps. */
  done: number;
  /** Whether an earlier run, stopped or killed, goes on. */
  resumed: boolean;
  counts: ReconcileCounts;
}

export interface ReconcileOptions {
  /** What Stripe created from then on is compared. */
  from: Date;
  /** Up to then; up to now where it is left out. */
  to?: Date;
  onProgress?: (progress: ReconcileProgress) => void;
  /** Stops after the page under way; the same call goes on from there. */
  signal?: AbortSignal;
}

export interface ReconcileResult extends Window {
  run_id: string;
  status: 'finished' | 'stopped';
  resumed: boolean;
  counts: ReconcileCounts;
  /** How many differences ended in which way; `left` are for a person. */
  done: Record<queries.Done, number>;
  /** The first of them. */
  differences: queries.RecordedDifference[];
}

const LONGEST_LIST = 1_000;

/** Another reconciliation is running, in this or another process. */
export class ReconcileRunning extends Error {
  constructor() {
    super('Another reconciliation is running on this database; wait for it to end, or stop it.');
  }
}

/**
 * Compares what Stripe created in a window with the books, both ways. Before an object is brought in, what the books say of
 * it is held against what Stripe says; a difference is recorded with both sides and with what was done: brought in where
 * Stripe's word has one right place in the books, else left for a person. Killed at any moment, the same call goes on at the
 * last page within a day; run twice, the second finds nothing new. Safe beside live webhooks.
 *
 * @throws ReconcileRunning, and the errors of the SDK and the database: what was compared before them is kept
 */
export async function reconcile(deps: AskDeps, options: ReconcileOptions): Promise<ReconcileResult> {
  const result = await alone(deps.pool, 'reconcile', () => run(deps, options));
  if (result === 'taken') throw new ReconcileRunning();
  return result;
}

async function run(deps: AskDeps, options: ReconcileOptions): Promise<ReconcileResult> {
  const { pool } = deps;
  const asked_until = options.to ?? null;
  const { run: found, resumed } = await takeRun(pool, options.from, asked_until);
  let state = found;

  let status: ReconcileResult['status'] = 'finished';
  for (const [index, step] of RECONCILE_STEPS.entries()) {
    if (index < RECONCILE_STEPS.indexOf(state.step)) continue;
    if (step !== state.step) state = { ...state, step, starting_after: null };
    const report = (share: number) => {
      const { window_from, window_until, counts } = state;
      const done = (index + share) / RECONCILE_STEPS.length;
      options.onProgress?.({ step, done, resumed, window_from, window_until, counts });
    };
    report(0);
    let share = 0;
    while (share < 1) {
      const page = await comparePage(deps, state);
      state = { ...state, counts: page.counts, starting_after: page.last };
      share = page.share;
      await queries.saveRun(pool, state);
      report(share);
      if (options.signal?.aborted === true) break;
    }
    // Stopped with the last page of the last step it has come to its end nonetheless.
    if (share < 1 || (options.signal?.aborted === true && step !== RECONCILE_STEPS.at(-1))) {
      status = 'stopped';
      break;
    }
  }
  if (status === 'finished') await queries.finishRun(pool, state.run_id);
  const { run_id, window_from, window_until, counts } = state;
  const done = await queries.countDifferences(pool, run_id);
  const differences = await queries.readDifferences(pool, run_id, LONGEST_LIST);
  return { run_id, status, resumed, window_from, window_until, counts, done, differences };
}

/** The run over that window that has not come to its end, or a new one. */
export async function takeRun(
  db: Queryable,
  from: Date,
  asked_until: Date | null,
): Promise<{ run: queries.Run; resumed: boolean }> {
  const known = await queries.takeUnfinished(db, from, asked_until);
  if (known !== undefined) return { run: known, resumed: true };
  const counts: ReconcileCounts = {
    charges: 0,
    invoice_payments: 0,
    refunds: 0,
    disputes: 0,
    asked: 0,
    imported: 0,
    updated: 0,
    unchanged: 0,
    unmatched: 0,
    mended: 0,
  };
  const run_id = newId('reconcile');
  const begun = { run_id, window_from: from, asked_until, step: STEPS[0], counts };
  return { run: await queries.insertRun(db, begun), resumed: false };
}

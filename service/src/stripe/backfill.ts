import type pg from 'pg';
import { alone } from '../database/alone.ts';
import { newId } from '../ids.ts';
import { bringIn, type Changes } from './apply.ts';
import type { AskDeps, Finding } from './ask.ts';
import { askForPage, type Page, STEPS, type Step, shareRead } from './pages.ts';
import * as queries from './queries.ts';

/** How many objects of each kind were read, and what they did to the books. */
export interface Counts extends Changes {
  charges: number;
  invoice_payments: number;
  refunds: number;
  disputes: number;
  /** Objects that belong to no payment. */
  unmatched: number;
}

export interface Progress {
  step: Step;
  /** Between 0 and 1, over all steps of the window being read; the end is known because the window is. */
  done: number;
  window_from: Date;
  window_until: Date;
  /** Whether an earlier backfill, stopped or killed, goes on. */
  resumed: boolean;
  counts: Counts;
}

export interface BackfillOptions {
  /** Objects created from then on are read. */
  since: Date;
  onProgress?: (progress: Progress) => void;
  /** Stops after the page under way; the same call goes on from there. */
  signal?: AbortSignal;
  /** Objects brought into the books at a time. */
  concurrency?: number;
}

export interface BackfillResult {
  backfill_id: string;
  status: 'finished' | 'stopped';
  /** Whether it went on where an earlier one had stopped or was killed. */
  resumed: boolean;
  since: Date;
  /** Everything created between `since` and then is in the books; what came after is for the webhooks. */
  until: Date;
  counts: Counts;
}

const CONCURRENCY = 8;
/** Windows overlap by this much: Stripe's times have seconds, and its lists may lag a little behind. */
const OVERLAP_ms = 60_000;
/** After a window as short as this (without its overlap) nothing is left behind but what the webhooks bring anyway. */
const SHORT_WINDOW_ms = 60_000;

/** Another backfill is running, in this or another process. */
export class BackfillRunning extends Error {
  constructor() {
    super('Another backfill is running on this database; wait for it to end, or stop it.');
  }
}

/**
 * Pages through what Stripe has since a date and brings it into the books, page by page, with a checkpoint after each.
 * Killed at any moment, the same call goes on at the last checkpoint; run twice, the second finds nothing new. Safe
 * beside live webhooks.
 *
 * The window that is read is fixed when it is begun, since Stripe's pages run from new to old; what is created
 * meanwhile is read in further windows, each as long as the one before took, until one spans less than a minute.
 *
 * @throws BackfillRunning, and the errors of the SDK and the database: what was read before them is kept
 */
export async function backfill(deps: AskDeps, options: BackfillOptions): Promise<BackfillResult> {
  const result = await alone(deps.pool, 'backfill', (guard) => run(deps, guard, options));
  if (result === 'taken') throw new BackfillRunning();
  return result;
}

async function run(deps: AskDeps, guard: pg.PoolClient, options: BackfillOptions): Promise<BackfillResult> {
  const known = await queries.findUnfinishedBackfill(guard, options.since);
  let state = known ?? (await start(guard, options.since));
  const ended = (status: BackfillResult['status']): BackfillResult => ({
    backfill_id: state.backfill_id,
    status,
    resumed: known !== undefined,
    since: state.since,
    until: state.window_until,
    counts: state.counts,
  });
  for (;;) {
    const last = STEPS.length - 1;
    for (let index = STEPS.indexOf(state.step); index <= last; index += 1) {
      const step = STEPS[index] ?? state.step;
      if (step !== state.step) state = { ...state, step, starting_after: null };
      const before = { done: index / STEPS.length, resumed: known !== undefined };
      const completed = await readStep(deps, guard, state, before, options);
      state = completed.state;
      if (!completed.whole) return ended('stopped');
    }
    if (state.window_until.getTime() - state.window_from.getTime() <= SHORT_WINDOW_ms + OVERLAP_ms) {
      await queries.finishBackfill(guard, state);
      return ended('finished');
    }
    state = {
      ...state,
      window_from: new Date(state.window_until.getTime() - OVERLAP_ms),
      window_until: await queries.readDatabaseClock(guard),
      step: STEPS[0],
      starting_after: null,
    };
    await queries.saveBackfill(guard, state);
  }
}

async function start(guard: pg.PoolClient, since: Date): Promise<queries.Backfill> {
  const state: queries.Backfill = {
    backfill_id: newId('backfill'),
    since,
    window_from: since,
    window_until: await queries.readDatabaseClock(guard),
    step: STEPS[0],
    starting_after: null,
    counts: {
      charges: 0,
      invoice_payments: 0,
      refunds: 0,
      disputes: 0,
      imported: 0,
      updated: 0,
      unchanged: 0,
      unmatched: 0,
    },
  };
  await queries.insertBackfill(guard, state);
  return state;
}

/** Reads one kind of object to the end of its window, or until told to stop. */
async function readStep(
  deps: AskDeps,
  guard: pg.PoolClient,
  begun: queries.Backfill,
  before: Pick<Progress, 'done' | 'resumed'>,
  { onProgress, signal, concurrency = CONCURRENCY }: BackfillOptions,
): Promise<{ state: queries.Backfill; whole: boolean }> {
  let state = begun;
  const report = (done: number) =>
    onProgress?.({
      step: state.step,
      done: before.done + done / STEPS.length,
      resumed: before.resumed,
      window_from: state.window_from,
      window_until: state.window_until,
      counts: state.counts,
    });
  report(0);
  let asked: Promise<Page> | undefined = askForPage(deps, state.step, state, state.starting_after);
  while (asked !== undefined) {
    const page: Page = await asked;
    const last = page.entries.at(-1);
    // The next page is on its way while this one is written.
    asked = page.more && last !== undefined ? askForPage(deps, state.step, state, last.id) : undefined;
    asked?.catch(() => {});
    const counts = await bringInPage(deps, state, page, concurrency);
    state = { ...state, counts, starting_after: last?.id ?? state.starting_after };
    await queries.saveBackfill(guard, state);
    report(asked === undefined || last === undefined ? 1 : shareRead(state, last.created_at));
    if (signal?.aborted === true) return { state, whole: false };
  }
  return { state, whole: true };
}

/** Writes a page, a few objects at a time, and returns the counts with it. */
async function bringInPage(
  deps: AskDeps,
  { step, counts }: queries.Backfill,
  { entries }: Page,
  concurrency: number,
): Promise<Counts> {
  const next: Counts = { ...counts, [step]: counts[step] + entries.length };
  const queue = entries.values();
  const work = async () => {
    for (const entry of queue) {
      const answer = await entry.find();
      // Its refunds are a step of their own, and are not asked for one payment after another.
      const changes =
        typeof answer === 'string' ? answer : await bringIn(deps, withoutTotal(answer), 'backfill');
      if (typeof changes === 'string') next.unmatched += 1;
      else {
        next.imported += changes.imported;
        next.updated += changes.updated;
        next.unchanged += changes.unchanged;
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return next;
}

const withoutTotal = ({ refunded_cents: _, ...finding }: Finding): Finding => finding;

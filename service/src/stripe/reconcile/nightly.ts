import type { Logger } from 'pino';
import type { AskDeps } from '../ask.ts';
import { explainStripe } from '../client.ts';
import { describeFailure } from '../inbox.ts';
import { readDatabaseClock } from '../queries.ts';
import * as queries from './queries.ts';
import { ReconcileRunning, reconcile } from './reconcile.ts';

export interface NightlyDeps extends AskDeps {
  log: Logger;
  /** When, in minutes after midnight UTC. */
  at_min: number;
}

/** Longer than Stripe takes to land a refund or to tell that it failed (up to 30 days), and than it lists events. */
const WINDOW_days = 35;
const DAY_ms = 24 * 3_600_000;
const LOOK_EVERY_ms = 60_000;

/**
 * Compares the last weeks with Stripe once a night, whichever of the instances comes first. A night that was missed is made
 * up for, one that was cut off is gone on with, by whoever is there. The first night is the one after this came into use.
 */
export function startNightly(deps: NightlyDeps): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const look = () =>
    reconcileLastNight(deps, stopping.signal).catch((error: unknown) => {
      const failure = explainStripe(error) ?? describeFailure(error);
      deps.log.warn({ failure }, 'could not reconcile; goes on with it in a minute');
    });
  let looking: Promise<unknown> = look();
  const timer = setInterval(() => {
    looking = looking.then(() => (stopping.signal.aborted ? undefined : look()));
  }, LOOK_EVERY_ms);
  timer.unref();
  return {
    async stop() {
      stopping.abort();
      clearInterval(timer);
      await looking;
    },
  };
}

/**
 * Reconciles up to the latest of the nightly moments, unless that has been done.
 *
 * @returns whether it did, or went on with it
 * @throws the errors of the SDK and the database: the next call goes on from there
 */
export async function reconcileLastNight(deps: NightlyDeps, signal?: AbortSignal): Promise<boolean> {
  const { pool, log, at_min } = deps;
  const to = latestMoment(await readDatabaseClock(pool), at_min);
  const from = new Date(to.getTime() - WINDOW_days * DAY_ms);
  if (!(await queries.isDue(pool, from, to))) return false;
  try {
    const { status, done, counts } = await reconcile(deps, { from, to, ...(signal && { signal }) });
    log[done.left > 0 ? 'warn' : 'info']({ status, ...done, ...counts }, 'reconciled with Stripe');
    return true;
  } catch (error) {
    // Another instance is at it.
    if (error instanceof ReconcileRunning) return false;
    throw error;
  }
}

/** The latest moment, not after `now`, that is so many minutes after midnight UTC. */
function latestMoment(now: Date, at_min: number): Date {
  const today = new Date(now);
  today.setUTCHours(0, at_min, 0, 0);
  return today <= now ? today : new Date(today.getTime() - DAY_ms);
}

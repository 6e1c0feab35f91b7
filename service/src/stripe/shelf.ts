import { OPERATOR } from '../audit/record.ts';
import type { Pool } from '../database/pool.ts';
import type { EventStatus } from './queries.ts';
import * as queries from './shelf-queries.ts';

export type { EventJob, ShownEvent } from './shelf-queries.ts';

/** What has become of events, in the order in which an operator cares. */
export const EVENT_STATUSES: readonly EventStatus[] = [
  'failed',
  'received',
  'unmatched',
  'processed',
  'ignored',
];

/** Those that are not done with. */
const OPEN: readonly EventStatus[] = ['failed', 'received', 'unmatched'];

export interface OperatorDeps {
  pool: Pool;
  /** Under which brand an operator's deeds are in the audit log: events have none of their own. */
  default_brand: string;
}

/** Events that wait, have failed or lie on the shelf, or those of one status; newest first. */
export async function listInbox(
  pool: Pool,
  { status, limit }: { status: EventStatus | undefined; limit: number },
): Promise<queries.ShownEvent[]> {
  return await queries.listEvents(pool, status === undefined ? OPEN : [status], limit);
}

/** One event by our id or Stripe's, with its job; undefined where it is not stored. */
export async function showEvent(
  pool: Pool,
  id: string,
): Promise<{ event: queries.ShownEvent; job: queries.EventJob | null } | undefined> {
  const [event] = await queries.findEvents(pool, [id]);
  if (event === undefined) return undefined;
  return { event, job: (await queries.findJob(pool, event.event_id)) ?? null };
}

/** Events by our ids or Stripe's, and the ids of which none is stored. */
export async function findAll(
  pool: Pool,
  ids: readonly string[],
): Promise<{ events: queries.ShownEvent[]; unknown: string[] }> {
  const events = await queries.findEvents(pool, ids);
  const known = new Set(events.flatMap(({ event_id, stripe_event_id }) => [event_id, stripe_event_id]));
  return { events, unknown: ids.filter((id) => !known.has(id)) };
}

export const countEvents = queries.countEvents;

/** Has workers ask about these events again, whatever has become of them. Returns how many. */
export async function retryEvents(
  { pool, default_brand }: OperatorDeps,
  eventIds: readonly string[],
): Promise<number> {
  return await queries.reopen(pool, eventIds, { ...OPERATOR, brand_id: default_brand });
}

/** Events given a job in one statement: short, so that workers and webhooks beside it do not wait. */
const BATCH = 500;

/**
 * Has workers ask about every event of a status again that is not of a connected account, oldest first; beside workers,
 * which may bring some of them back meanwhile, each once.
 *
 * @param onProgress told how many so far
 */
export async function retryStatus(
  deps: OperatorDeps,
  status: 'failed' | 'unmatched',
  onProgress: (events: number) => void = () => {},
): Promise<number> {
  let done = 0;
  let after: { received_at: Date; event_id: string } | null = null;
  for (;;) {
    const page: { event_id: string; received_at: Date }[] = await queries.pageOfStatus(
      deps.pool,
      status,
      after,
      BATCH,
    );
    after = page.at(-1) ?? null;
    if (after === null) return done;
    done += await retryEvents(
      deps,
      page.map(({ event_id }) => event_id),
    );
    onProgress(done);
  }
}

/** Puts events that have failed or are stuck on the shelf. Returns the ids of those; others stay as they are. */
export async function shelveEvents(
  { pool, default_brand }: OperatorDeps,
  eventIds: readonly string[],
  note: string,
): Promise<string[]> {
  return await queries.shelve(pool, eventIds, note, { ...OPERATOR, brand_id: default_brand });
}

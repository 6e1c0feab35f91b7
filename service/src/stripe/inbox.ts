import type Stripe from 'stripe';
import type { Pool, Queryable, Transaction } from '../database/pool.ts';
import { isDatabaseUnavailable } from '../database/unavailable.ts';
import { newId } from '../ids.ts';
import { bringIn } from './apply.ts';
import { type AskDeps, ask, OBJECT_TYPES, type ObjectType, type Shelved } from './ask.ts';
import { stripeFailure } from './client.ts';
import * as queries from './queries.ts';

/** What the inbox keeps of an event's body: ids, type, time, account; never the object itself. */
export type EventHead = Pick<
  queries.InboxEvent,
  'stripe_event_id' | 'event_type' | 'object_type' | 'object_id' | 'livemode' | 'stripe_account_id'
> & { stripe_created_at: Date };

export interface Receipt {
  event_id: string;
  status: 'received' | 'duplicate' | 'ignored' | 'unmatched';
}

/** Sentences for the shelf; their codes are what they begin with. */
const SHELVED: Record<Shelved, string> = {
  gone_at_stripe: 'gone_at_stripe: Stripe no longer knows the object.',
  connected_account: 'connected_account: The event is of a connected account, whose objects are not ours.',
  other_mode: 'other_mode: The event is of the other mode (live or test) than our key.',
  without_payment: 'without_payment: The object belongs to no charge and no payment intent.',
  nothing_charged: 'nothing_charged: Nothing has been charged yet.',
};

/**
 * Stores events once each, with a job where there is something to do, in one transaction. Twice the same event, at the
 * same moment even, is one row and one job.
 *
 * @param live whether our key is of live mode; undefined where it does not say so
 * @returns what is said to each, in the order in which they were given
 */
export async function receiveEvents(
  pool: Pool,
  heads: readonly EventHead[],
  { live }: { live: boolean | undefined },
): Promise<Receipt[]> {
  const events = heads.map((head) => ({ event_id: newId('event'), ...head, ...sort(head, live) }));
  const inOrder = [...events].sort((one, other) => (one.stripe_event_id < other.stripe_event_id ? -1 : 1));
  const stored = new Set(await queries.insertEvents(pool, inOrder));
  const known = events.filter(({ event_id }) => !stored.has(event_id));
  const knownIds =
    known.length === 0
      ? new Map<string, string>()
      : await queries.findEventIds(
          pool,
          known.map(({ stripe_event_id }) => stripe_event_id),
        );
  return events.map(({ event_id, stripe_event_id, status }) => {
    if (stored.has(event_id)) return { event_id, status };
    const knownId = knownIds.get(stripe_event_id);
    if (knownId === undefined) throw new Error('An event that is stored already is gone');
    return { event_id: knownId, status: 'duplicate' };
  });
}

/** Stores one event. */
export async function receiveEvent(
  pool: Pool,
  head: EventHead,
  options: { live: boolean | undefined },
): Promise<Receipt> {
  const [receipt] = await receiveEvents(pool, [head], options);
  if (receipt === undefined) throw new Error('An event was stored without a receipt');
  return receipt;
}

/** The most events that are stored in one transaction. */
const TOGETHER = 100;

/**
 * Takes events one by one and stores those together that come while others are being stored: a commit that is waited for
 * until it is on the disk is shared, so that ten at once cost what one does. Each is answered when its own is safe.
 */
export function startReceiving(
  pool: Pool,
  options: { live: boolean | undefined },
): (head: EventHead) => Promise<Receipt> {
  const waiting: { head: EventHead; promised: PromiseWithResolvers<Receipt> }[] = [];
  let storing = false;
  const store = async () => {
    storing = true;
    while (waiting.length > 0) {
      const batch = waiting.splice(0, TOGETHER);
      try {
        const receipts = await receiveEvents(
          pool,
          batch.map(({ head }) => head),
          options,
        );
        for (const [index, receipt] of receipts.entries()) batch[index]?.promised.resolve(receipt);
      } catch (error) {
        for (const { promised } of batch) promised.reject(error);
      }
    }
    storing = false;
  };
  return (head) => {
    const promised = Promise.withResolvers<Receipt>();
    waiting.push({ head, promised });
    if (!storing) void store();
    return promised.promise;
  };
}

function sort(
  head: EventHead,
  live: boolean | undefined,
): { status: 'received' | 'ignored' | 'unmatched'; error: string | null } {
  if (!tellsOfMoney(head)) return { status: 'ignored', error: null };
  if (head.stripe_account_id !== null) return { status: 'unmatched', error: SHELVED.connected_account };
  if (live !== undefined && head.livemode !== live) return { status: 'unmatched', error: SHELVED.other_mode };
  return { status: 'received', error: null };
}

const EVENT_TYPES = /^(charge|payment_intent|refund)\.|^invoice_payment\.paid$/;

/** By its object and not by its name alone: the object of `charge.refund.updated` is a refund. */
function tellsOfMoney({ event_type, object_type, object_id }: EventHead): boolean {
  return object_id !== null && isObjectType(object_type) && EVENT_TYPES.test(event_type);
}

function isObjectType(type: string | null): type is ObjectType {
  return OBJECT_TYPES.some((known) => known === type);
}

/**
 * Reads what there is to keep of a verified event, or null where it is not one.
 *
 * @see https://docs.stripe.com/api/events/object
 */
export function readEventHead(event: Stripe.Event): EventHead | null {
  const body: unknown = event;
  if (!isRecord(body) || body.object !== 'event' || !isRecord(body.data)) return null;
  const { id, type, created, livemode, account } = body;
  const object = body.data.object;
  if (!isName(id) || !isName(type) || !isSecond(created) || typeof livemode !== 'boolean') return null;
  if (!isRecord(object) || (account !== undefined && account !== null && !isName(account))) return null;
  return {
    stripe_event_id: id,
    event_type: type,
    object_type: isName(object.object) ? object.object : null,
    object_id: isName(object.id) ? object.id : null,
    livemode,
    stripe_account_id: account ?? null,
    stripe_created_at: new Date(created * 1000),
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
/** Ids and types are short and plain; this also keeps what PostgreSQL cannot store out of the inbox. */
const isName = (value: unknown): value is string =>
  typeof value === 'string' && /^[\w.-]{1,255}$/.test(value);
/** Up to the year 9999. */
const isSecond = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) < 253_402_300_800;

export type Outcome = 'processed' | 'ignored' | 'unmatched' | 'failed' | 'retried' | 'already_done';

export interface InboxDeps extends AskDeps {
  /** Whether our key is of live mode; undefined where it does not say so. */
  live?: boolean | undefined;
}

/** One attempt at an event, as the job queue counts it. */
export interface Attempt {
  number: number;
  last: boolean;
}

/** What has become of an event, where that is known: in the books, or a place for it with a sentence. */
export type Conclusion =
  | { status: 'processed' }
  | { status: 'ignored' | 'unmatched' | 'failed'; error: string | null };

/**
 * Asks Stripe for the object of an event as it is now and brings what it says into the books, in one transaction with
 * the event's end: killed at any moment, it is done again without harm.
 *
 * @returns what has become of the event
 * @throws what may be better next time, so that the job is tried again; the last attempt marks the event failed instead
 */
export async function processEvent(deps: InboxDeps, eventId: string, attempt: Attempt): Promise<Outcome> {
  const event = await queries.findEvent(deps.pool, eventId);
  if (event === undefined || event.status !== 'received') return 'already_done';
  const close = (db: Queryable, status: Conclusion['status'], error: string | null) =>
    queries.closeEvent(db, eventId, status, error, attempt.number);
  try {
    const conclusion = await askAbout(deps, event, (tx) => close(tx, 'processed', null));
    if (conclusion.status !== 'processed') await close(deps.pool, conclusion.status, conclusion.error);
    return conclusion.status;
  } catch (error) {
    const sentence = describeFailure(error);
    if (attempt.last) {
      await close(deps.pool, 'failed', sentence);
      return 'failed';
    }
    await queries.noteFailure(deps.pool, eventId, sentence, attempt.number);
    throw error;
  }
}

/**
 * Asks Stripe what there is to know of an event, and brings it into the books. No transaction may be open.
 *
 * @param finish ends the event, in the transaction that brings what it tells of into the books
 * @throws what may be better next time
 */
export async function askAbout(
  deps: InboxDeps,
  event: queries.InboxEvent,
  finish: (tx: Transaction) => Promise<void>,
): Promise<Conclusion> {
  const place = sort(event, deps.live);
  if (place.status !== 'received') return { status: place.status, error: place.error };
  if (event.object_id === null || !isObjectType(event.object_type)) return { status: 'ignored', error: null };
  try {
    const answer = await ask(deps, event.object_type, event.object_id);
    if (typeof answer === 'string') return shelved(answer);
    const result = await bringIn(deps, answer, event.stripe_event_id, finish);
    return typeof result === 'string' ? shelved(result) : { status: 'processed' };
  } catch (error) {
    const failure = stripeFailure(error);
    if (failure === 'gone') return shelved('gone_at_stripe');
    if (failure === 'refused') return { status: 'failed', error: describeFailure(error) };
    throw error;
  }
}

const shelved = (reason: Shelved): Conclusion =>
  reason === 'nothing_charged'
    ? { status: 'ignored', error: null }
    : { status: 'unmatched', error: SHELVED[reason] };

/** A code and a sentence, without Stripe's or PostgreSQL's own texts, which may quote data. */
export function describeFailure(error: unknown): string {
  const details = isRecord(error) ? error : {};
  const code = isName(details.code) ? ` (${details.code})` : '';
  switch (stripeFailure(error)) {
    case 'refused':
      return `stripe_refused: Stripe refuses the question${code}.`;
    case 'gone':
      return SHELVED.gone_at_stripe;
    case 'transient': {
      const status = typeof details.statusCode === 'number' ? ` with ${details.statusCode}` : '';
      return `stripe_unavailable: Stripe did not answer as expected${status}${code}.`;
    }
    case undefined:
      if (isDatabaseUnavailable(error)) return `database_unavailable: The database did not answer${code}.`;
      return code === ''
        ? 'internal_error: The event could not be processed.'
        : `internal_error: The event could not be processed${code}.`;
  }
}

import { type Actor, type Origin, recordAudit } from '../audit/record.ts';
import { isDatabaseUnavailable } from '../database/unavailable.ts';
import { ServiceError } from '../errors.ts';
import { stripeFailure } from './client.ts';
import { askAbout, type Conclusion, describeFailure, type InboxDeps } from './inbox.ts';
import * as queries from './queries.ts';

/** Who asks for it. */
export interface Replayer extends Actor {
  brand_id: string;
  /** Sees events of this brand's objects only, and none that is of no brand yet. */
  bound: boolean;
  origin: Origin;
}

export interface Replay {
  event_id: string;
  stripe_event_id: string;
  event_type: string;
  /** What has become of the event. */
  status: queries.EventStatus;
  /** What the webhook answers to such an event. */
  http_status: number;
}

/**
 * Asks Stripe about an event once more, whatever had become of it before, and brings what Stripe says now into the books.
 * A worker may be at the same event: whoever comes second finds nothing new to say.
 *
 * @param id ours (`event_…`) or Stripe's (`evt_…`)
 * @returns what has become of it; undefined where it is not stored, or not for this caller to see. `http_status` 500: it could not be processed.
 * @throws ServiceError where Stripe does not answer, and what the database throws
 */
export async function replayEvent(deps: InboxDeps, id: string, by: Replayer): Promise<Replay | undefined> {
  const { pool } = deps;
  const event = await queries.findEventByAnyId(pool, id);
  if (event === undefined) return undefined;
  if (by.bound && (await queries.findBrandOf(pool, event)) !== by.brand_id) return undefined;
  await recordAudit(pool, {
    actor_type: by.actor_type,
    actor_id: by.actor_id,
    brand_id: by.brand_id,
    event_type: 'stripe_event.replayed',
    entity_type: 'stripe_event',
    entity_id: event.event_id,
    origin: by.origin,
    details: { stripe_event_id: event.stripe_event_id, event_type: event.event_type, status: event.status },
  });
  const conclusion = await attempt(deps, event);
  const staysOpen = conclusion.unforeseen === true && event.status === 'received';
  if (conclusion.status !== 'processed' && !staysOpen) {
    await queries.concludeEvent(pool, event, conclusion.status, conclusion.error);
  }
  return {
    event_id: event.event_id,
    stripe_event_id: event.stripe_event_id,
    event_type: event.event_type,
    // Another, who came further in the meantime, may have had the last word.
    status: (await queries.findEvent(pool, event.event_id))?.status ?? conclusion.status,
    http_status: conclusion.status === 'failed' ? 500 : 200,
  };
}

/** Unforeseen: it may be better next time, so an event that has a job keeps it. */
async function attempt(
  deps: InboxDeps,
  event: queries.InboxEvent,
): Promise<Conclusion & { unforeseen?: true }> {
  try {
    return await askAbout(deps, event, (tx) => queries.concludeEvent(tx, event, 'processed', null));
  } catch (error) {
    if (isDatabaseUnavailable(error)) throw error;
    const sentence = describeFailure(error);
    if (stripeFailure(error) === undefined) return { status: 'failed', error: sentence, unforeseen: true };
    throw new ServiceError('service_unavailable', {
      message: 'Stripe does not answer at the moment: try again in a few seconds. The event is as it was.',
      headers: { 'retry-after': '5' },
      cause: new Error(sentence),
    });
  }
}

import type Stripe from 'stripe';
import { API_VERSION, type World } from './world.ts';

/** The Events API goes back 30 days: https://docs.stripe.com/api/events */
export const EVENT_RETENTION_S = 30 * 86_400;

type EventObject = { id: string; object: string };

/**
 * Records an event about `object` as it is now, and hands it to the endpoints that listen.
 * `previous` holds the old values of the fields that changed, for the `*.updated` kind.
 */
export function emitEvent(
  world: World,
  type: Stripe.Event.Type,
  object: EventObject,
  previous?: Record<string, unknown>,
): void {
  const data: Record<string, unknown> = { object };
  if (previous !== undefined) data.previous_attributes = previous;
  const event = {
    id: world.ids.next('evt'),
    object: 'event',
    api_version: API_VERSION,
    created: world.clock.now_s(),
    data,
    livemode: world.livemode,
    pending_webhooks: 0,
    request: { id: world.request?.id ?? null, idempotency_key: world.request?.idempotency_key ?? null },
    type,
    // The SDK's type is a union over every event; what is stored here is whichever of them `type` says.
  } as unknown as Stripe.Event;
  world.store.insert('event', event, { event_type: type });
  world.onEvent(event);
}

/** Forgets events that Stripe would no longer show. Returns how many. */
export function pruneEvents(world: World): number {
  const oldest_s = world.clock.now_s() - EVENT_RETENTION_S;
  world.store
    .sql("DELETE FROM deliveries WHERE created_ms < ? AND status IN ('succeeded', 'failed', 'lost')")
    .run(oldest_s * 1000);
  return Number(
    world.store
      .sql(
        `DELETE FROM objects WHERE kind = 'event' AND created < ?
         AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.event_id = objects.id AND deliveries.status IN ('pending', 'held'))`,
      )
      .run(oldest_s).changes,
  );
}

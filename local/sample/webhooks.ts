import { createWebhookEndpoint, updateWebhookEndpoint } from '../stripe/resources/webhook_endpoints.ts';
import type { StripeStandIn } from '../stripe/server.ts';
import type { World } from '../stripe/world.ts';

/** Where Stripe sends its events, and what it signs them with. */
export interface WebhookTarget {
  url: string;
  secret: string;
}

/** Registers the service's endpoint with the stand-in, as one does in Stripe's dashboard; once, and following its address. */
export function connectWebhooks(world: World, { url, secret }: WebhookTarget): void {
  const [known] = world.store.list('webhook_endpoint', { where: {}, created: {}, limit: 1 });
  if (known === undefined) createWebhookEndpoint(world, { url, secret, enabled_events: ['*'] });
  else if (known.body.url !== url) updateWebhookEndpoint(world, known.id, { url });
}

/** Sends what failed while the service was down at once, where Stripe would wait for its next attempt. */
export function sendWaiting({ world, deliverer }: StripeStandIn): void {
  world.store
    .sql("UPDATE deliveries SET next_attempt_ms = ? WHERE status = 'pending' AND next_attempt_ms > ?")
    .run(world.clock.now_ms(), world.clock.now_ms());
  deliverer.pump();
}

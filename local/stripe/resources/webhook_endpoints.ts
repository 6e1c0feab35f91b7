import type Stripe from 'stripe';
import { noSuchObject } from '../errors.ts';
import { mergeMetadata } from '../forms.ts';
import { transact, type World } from '../world.ts';

export type WebhookEndpointInput = {
  url: string;
  enabled_events: string[];
  description?: string | null | undefined;
  metadata?: Record<string, string | null> | null | undefined;
  api_version?: string | null | undefined;
  /** A secret chosen by the caller instead of a new one; only in-process. */
  secret?: string | undefined;
};

/** A new endpoint. The answer, and only this one, carries its signing secret. */
export function createWebhookEndpoint(
  world: World,
  input: WebhookEndpointInput,
): Stripe.WebhookEndpoint & { secret: string } {
  return transact(world, () => {
    const secret = input.secret ?? world.ids.next('whsec');
    const endpoint: Stripe.WebhookEndpoint = {
      id: world.ids.next('we'),
      object: 'webhook_endpoint',
      api_version: input.api_version ?? null,
      application: null,
      created: world.clock.now_s(),
      description: input.description ?? null,
      enabled_events: input.enabled_events,
      livemode: world.livemode,
      metadata: mergeMetadata({}, input.metadata),
      status: 'enabled',
      url: input.url,
    };
    world.store.insert(
      'webhook_endpoint',
      endpoint,
      { status: 'enabled' },
      { secrets: [{ secret, expires_at_ms: null }] },
    );
    return { ...endpoint, secret };
  });
}

export function requireWebhookEndpoint(world: World, id: string): Stripe.WebhookEndpoint {
  const row = world.store.find('webhook_endpoint', id);
  if (row === undefined) throw noSuchObject('webhook endpoint', id);
  return row.body;
}

export function updateWebhookEndpoint(
  world: World,
  id: string,
  change: {
    url?: string | undefined;
    enabled_events?: string[] | undefined;
    description?: string | null | undefined;
    metadata?: Record<string, string | null> | null | undefined;
    disabled?: boolean | undefined;
  },
): Stripe.WebhookEndpoint {
  return transact(world, () => {
    const endpoint = requireWebhookEndpoint(world, id);
    const changed: Stripe.WebhookEndpoint = {
      ...endpoint,
      url: change.url ?? endpoint.url,
      enabled_events: change.enabled_events ?? endpoint.enabled_events,
      description: change.description === undefined ? endpoint.description : change.description,
      metadata: mergeMetadata(endpoint.metadata, change.metadata),
      status: change.disabled === undefined ? endpoint.status : change.disabled ? 'disabled' : 'enabled',
    };
    world.store.update('webhook_endpoint', changed, { status: changed.status });
    return changed;
  });
}

/** Deletes an endpoint; what was still to be delivered to it never is. */
export function deleteWebhookEndpoint(world: World, id: string): Stripe.DeletedWebhookEndpoint {
  return transact(world, () => {
    requireWebhookEndpoint(world, id);
    world.store.remove(id);
    world.store
      .sql(
        "UPDATE deliveries SET status = 'failed', next_attempt_ms = NULL WHERE endpoint_id = ? AND status IN ('pending', 'held')",
      )
      .run(id);
    return { id, object: 'webhook_endpoint', deleted: true };
  });
}

/**
 * A new signing secret. The old one keeps signing beside it for `old_expires_in_s` (Stripe: up to 24 hours; 0: at once invalid).
 */
export function rollWebhookSecret(
  world: World,
  id: string,
  old_expires_in_s = 86_400,
): { id: string; secret: string } {
  return transact(world, () => {
    requireWebhookEndpoint(world, id);
    const secret = world.ids.next('whsec');
    const expires_at_ms = world.clock.now_ms() + old_expires_in_s * 1000;
    const old = signingSecrets(world, id).map((one) => ({ secret: one, expires_at_ms }));
    world.store.setHidden(id, {
      secrets: [{ secret, expires_at_ms: null }, ...(old_expires_in_s > 0 ? old : [])],
    });
    return { id, secret };
  });
}

/** The secrets with which a delivery to the endpoint is signed now; the newest first. */
export function signingSecrets(world: World, id: string): string[] {
  const now_ms = world.clock.now_ms();
  return (world.store.find('webhook_endpoint', id)?.hidden.secrets ?? [])
    .filter((one) => one.expires_at_ms === null || one.expires_at_ms > now_ms)
    .map((one) => one.secret);
}

/** The endpoints that want an event of this type. */
export function listeners(world: World, eventType: string): Stripe.WebhookEndpoint[] {
  return world.store
    .list('webhook_endpoint', { where: { status: 'enabled' }, created: {}, limit: 100 })
    .map((row) => row.body)
    .filter((endpoint) => endpoint.enabled_events.some((wanted) => wanted === '*' || wanted === eventType));
}

import { Webhook } from 'standardwebhooks';
import type { WebhookEvent } from './types.ts';

export { WebhookVerificationError } from 'standardwebhooks';

/**
 * The event of a request that the service has sent, once it is certain that it has: signed with one of the endpoint's secrets, no more than
 * five minutes ago (Standard Webhooks 1.0). The same event may come more than once: `event_id` tells.
 *
 * @param body as it came over the wire: what was parsed and written anew does not verify
 * @param secrets `whsec_…`; while the secret is rotated, both
 * @throws WebhookVerificationError where it is not from the service, was changed, or is too old
 */
export function verifyWebhook(
  body: string,
  headers: Headers | Record<string, string | string[] | undefined>,
  secrets: string | readonly [string, ...string[]],
): WebhookEvent {
  const plain = Object.fromEntries(
    headers instanceof Headers
      ? headers
      : Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  ) as Record<string, string>;
  let failure: unknown;
  for (const secret of typeof secrets === 'string' ? [secrets] : secrets) {
    try {
      return new Webhook(secret).verify(body, plain) as WebhookEvent;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

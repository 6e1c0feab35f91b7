import { recordAudit } from '../audit/record.ts';
import type { Transaction } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';
import { resendDelivery, resendFailed } from './delivery-queries.ts';
import { type Changer, requireEndpoint } from './endpoints.ts';

/** Has one event sent to an endpoint again. */
export async function resend(
  tx: Transaction,
  endpointId: string,
  eventId: string,
  by: Changer,
): Promise<void> {
  await requireEnabled(tx, endpointId, by);
  if (!(await resendDelivery(tx, by.brand_id, endpointId, eventId))) {
    throw new ServiceError('not_found', { message: 'There is no such delivery.' });
  }
  await record(tx, endpointId, by, { event_id: eventId });
}

/** Has everything sent again that was given up at an endpoint since then. Returns how many events that is. */
export async function resendAll(
  tx: Transaction,
  endpointId: string,
  since: Date,
  by: Changer,
): Promise<number> {
  await requireEnabled(tx, endpointId, by);
  const events = await resendFailed(tx, by.brand_id, endpointId, since);
  await record(tx, endpointId, by, { since: since.toISOString(), events });
  return events;
}

async function requireEnabled(tx: Transaction, endpointId: string, by: Changer): Promise<void> {
  const { status } = await requireEndpoint(tx, by.brand_id, endpointId, 'FOR UPDATE');
  if (status !== 'enabled') {
    throw new ServiceError('precondition_failed', {
      message: 'The endpoint is switched off: switch it on first.',
    });
  }
}

async function record(tx: Transaction, endpointId: string, by: Changer, details: object): Promise<void> {
  await recordAudit(tx, {
    actor_type: by.actor_type,
    actor_id: by.actor_id,
    brand_id: by.brand_id,
    event_type: 'event_endpoint.resent',
    entity_type: 'event_endpoint',
    entity_id: endpointId,
    origin: by.origin,
    details: { cause: by.origin.request_id, before: {}, ...details },
  });
}

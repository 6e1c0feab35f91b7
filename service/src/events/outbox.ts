import type { Queryable } from '../database/pool.ts';
import { newId } from '../ids.ts';
import type { EventData, EventType } from './catalogue.ts';

interface OutboxEvent<Name extends EventType> {
  event_type: Name;
  brand_id: string;
  entity_type:
    | 'payment'
    | 'refund'
    | 'dispute'
    | 'difference'
    | 'customer'
    | 'refund_batch'
    | 'event_endpoint';
  entity_id: string;
  /** As the catalogue has it. */
  data: EventData<Name>;
}

/** Writes an event for other services in the transaction of the change, so that there is never one without the other. Returns its id. */
export async function appendEvent<Name extends EventType>(
  tx: Queryable,
  event: OutboxEvent<Name>,
): Promise<string> {
  const eventId = newId('event');
  await tx.query({
    name: 'outbox.append',
    text: `INSERT INTO outbox (event_id, event_type, brand_id, entity_type, entity_id, data, occurred_at)
           VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp())`,
    values: [
      eventId,
      event.event_type,
      event.brand_id,
      event.entity_type,
      event.entity_id,
      JSON.stringify(event.data),
    ],
  });
  return eventId;
}

import type { Queryable } from '../database/pool.ts';
import { newId } from '../ids.ts';

export interface OutboxEvent {
  /** Ends in its version: `refund.succeeded.v1`. */
  event_type: `${string}.v${number}`;
  brand_id: string;
  entity_type: 'payment' | 'refund' | 'dispute' | 'difference' | 'customer' | 'refund_batch';
  entity_id: string;
  /** Ids, codes and amounts; never free text that a person wrote. */
  data: Record<string, unknown>;
}

/** Writes an event for other services in the transaction of the change, so that there is never one without the other. */
export async function appendEvent(tx: Queryable, event: OutboxEvent): Promise<void> {
  await tx.query({
    name: 'outbox.append',
    text: `INSERT INTO outbox (event_id, event_type, brand_id, entity_type, entity_id, data, occurred_at)
           VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp())`,
    values: [
      newId('event'),
      event.event_type,
      event.brand_id,
      event.entity_type,
      event.entity_id,
      JSON.stringify(event.data),
    ],
  });
}

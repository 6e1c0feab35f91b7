import type { Queryable } from '../database/pool.ts';

/** Who did it: a person, another service, or this service by itself or on a provider's word. */
export interface Actor {
  actor_type: 'user' | 'service' | 'system';
  actor_id: string;
}

/** What Stripe brings about by itself is nobody's doing here. */
export const STRIPE: Actor = { actor_type: 'system', actor_id: 'stripe' };

/** What this service does by itself, e.g. finding out what has become of a refund. */
export const SERVICE: Actor = { actor_type: 'system', actor_id: 'payments' };

/** Whoever runs this service, at a command line beside it. */
export const OPERATOR: Actor = { actor_type: 'system', actor_id: 'operator' };

export interface AuditEntry extends Actor {
  brand_id: string;
  /** What happened, as `entity.verb`, e.g. `refund.imported`. */
  event_type: string;
  entity_type: 'payment' | 'refund' | 'dispute' | 'stripe_event';
  entity_id: string;
  request_id?: string;
  /** Codes, ids and amounts; never free text that a person wrote. */
  details: Record<string, unknown>;
}

/** Appends to the audit log, in the transaction of the change that it tells of. */
export async function recordAudit(tx: Queryable, entry: AuditEntry): Promise<void> {
  await tx.query({
    name: 'audit.record',
    text: `INSERT INTO audit_log (occurred_at, actor_type, actor_id, brand_id, event_type, entity_type, entity_id,
                                  request_id, details)
           VALUES (clock_timestamp(), $1, $2, $3, $4, $5, $6, $7, $8)`,
    values: [
      entry.actor_type,
      entry.actor_id,
      entry.brand_id,
      entry.event_type,
      entry.entity_type,
      entry.entity_id,
      entry.request_id ?? null,
      JSON.stringify(entry.details),
    ],
  });
}

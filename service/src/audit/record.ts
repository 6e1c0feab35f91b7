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

/** From where a caller brought something about: in which request, through which OAuth client, from which IP address. */
export interface Origin {
  request_id: string;
  client_id: string;
  /** Null where the connection has none. */
  ip_address: string | null;
}

/** What the audit log calls a caller's looking at something. */
export const READ_EVENTS = [
  'refund.read',
  'refund.listed',
  'payment.read',
  'payment.listed',
  'dispute.read',
  'dispute.listed',
  'stripe_event.listed',
  'difference.listed',
  'audit.listed',
  'audit.exported',
  'refund.exported',
  'refund.summarized',
  'refund.analyzed',
  'customer.read',
  'search.made',
  'refund_batch.read',
  'refund_batch.listed',
  'event_delivery.read',
  'event_delivery.listed',
  'event_secret.read',
] as const;

/** A row of a caller's looking at something. */
export interface Read extends Actor, Origin {
  brand_id: string;
  event_type: (typeof READ_EVENTS)[number];
  /** What was looked at; a list is of its customer or payment where it was narrowed to one. */
  entity_type:
    | 'refund'
    | 'payment'
    | 'dispute'
    | 'stripe_event'
    | 'difference'
    | 'audit'
    | 'customer'
    | 'search'
    | 'refund_batch'
    | 'event_delivery'
    | 'event_endpoint';
  /** `*` where it is not one. */
  entity_id: string;
  /** Ids, numbers and codes; never free text that a person wrote. */
  details: Record<string, unknown>;
  /** How long ago it was, in seconds; no clock but the database's is written. */
  age_s: number;
}

export interface AuditEntry extends Actor {
  brand_id: string;
  /** What happened, as `entity.verb`, e.g. `refund.imported`. */
  event_type: string;
  entity_type:
    | 'payment'
    | 'refund'
    | 'dispute'
    | 'stripe_event'
    | 'difference'
    | 'reconcile_run'
    | 'customer'
    | 'refund_batch'
    | 'event_endpoint';
  entity_id: string;
  /** Absent where no caller did it. */
  origin?: Origin;
  /** What made it so (`cause`), what it was `before` as far as that has changed, and what it is: codes, ids and amounts; never free text that a person wrote. */
  details: Record<string, unknown>;
}

/** Appends to the audit log, in the transaction of the change that it tells of. */
export async function recordAudit(tx: Queryable, entry: AuditEntry): Promise<void> {
  await tx.query({
    name: 'audit.record',
    text: `INSERT INTO audit_log (occurred_at, actor_type, actor_id, brand_id, event_type, entity_type, entity_id,
                                  request_id, client_id, ip_address, details)
           VALUES (clock_timestamp(), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    values: [
      entry.actor_type,
      entry.actor_id,
      entry.brand_id,
      entry.event_type,
      entry.entity_type,
      entry.entity_id,
      entry.origin?.request_id ?? null,
      entry.origin?.client_id ?? null,
      entry.origin?.ip_address ?? null,
      JSON.stringify(entry.details),
    ],
  });
}

/**
 * What something was before it was changed: the fields that differ from what it is now.
 *
 * @param before undefined or null where it was not there
 */
export function changedFrom<State extends object>(
  before: State | null | undefined,
  after: State,
): Partial<State> | null {
  if (before === null || before === undefined) return null;
  const changed = Object.entries(before).filter(([name, value]) => value !== after[name as keyof State]);
  return Object.fromEntries(changed) as Partial<State>;
}

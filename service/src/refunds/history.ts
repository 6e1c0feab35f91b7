import { type Actor, changedFrom, type Origin, STRIPE } from '../audit/record.ts';
import type { Transaction } from '../database/pool.ts';
import type { EventData, EventType } from '../events/catalogue.ts';
import { newId } from '../ids.ts';
import { countTransition } from './metrics.ts';
import type { Refund } from './queries.ts';
import { counterDeltas, type Holding, type RefundStatus } from './refund.ts';
import { traceTransition } from './trace.ts';

/** What a line of history tells of a refund. */
type RefundState = Pick<
  Refund,
  | 'refund_id'
  | 'payment_id'
  | 'brand_id'
  | 'amount_cents'
  | 'currency'
  | 'status'
  | 'counted_cents'
  | 'stripe_refund_id'
  | 'failure_reason'
  | 'origin'
>;

/** What the audit log tells of a refund: what other services are told, and how much of it counts. */
type AuditedState = RefundState & Holding;

/** Who brought a change about, and by what. */
export interface Cause {
  actor: Actor;
  /** A Stripe event's id, `backfill`, a request's id. */
  cause: string;
  /** From where, where a caller did it. */
  origin?: Origin;
  /** Why it was asked for: one of the codes of the reasons. */
  reason_code?: string;
}

/** What Stripe says by itself is nobody's doing here. */
export const toldByStripe = (cause: string): Cause => ({ actor: STRIPE, cause });

/** What a change is called: in the audit log and in the event of other services. */
interface Naming {
  audit: string;
  event: EventType;
}

const EVENT_OF: Record<RefundStatus, EventType> = {
  awaiting_approval: 'refund.awaiting_approval.v1',
  rejected: 'refund.rejected.v1',
  pending: 'refund.submitted.v1',
  requires_action: 'refund.requires_action.v1',
  succeeded: 'refund.succeeded.v1',
  failed: 'refund.failed.v1',
  canceled: 'refund.canceled.v1',
};

/** The name of a change by what it goes from and to; `naming` where the same step has another meaning. */
function nameOf(from: RefundState | null, to: RefundState): Naming {
  if (from === null) {
    if (to.origin === 'external') return { audit: 'refund.imported', event: EVENT_OF[to.status] };
    return to.status === 'pending'
      ? { audit: 'refund.requested', event: 'refund.requested.v1' }
      : { audit: `refund.${to.status}`, event: EVENT_OF[to.status] };
  }
  if (from.status === 'awaiting_approval' && to.status === 'pending') {
    return { audit: 'refund.approved', event: 'refund.approved.v1' };
  }
  if (from.status === to.status) {
    return from.stripe_refund_id === null && to.stripe_refund_id !== null
      ? { audit: 'refund.submitted', event: 'refund.submitted.v1' }
      : { audit: 'refund.recounted', event: 'refund.updated.v1' };
  }
  return { audit: `refund.${to.status}`, event: EVENT_OF[to.status] };
}

/**
 * A transition: moves the counters of its payment, which this transaction has locked, and writes the row of history,
 * the audit row and the event, which belong to one another.
 *
 * @returns the database's time
 */
export async function recordTransition(
  tx: Transaction,
  from: AuditedState | null,
  to: AuditedState,
  { actor, cause, origin, reason_code }: Cause,
): Promise<Date> {
  const deltas = counterDeltas(from, to);
  const { audit, event } = nameOf(from, to);
  const before = from === null ? null : changedFrom(auditedState(from), auditedState(to));
  const why = reason_code === undefined ? { cause } : { cause, reason_code };
  const from_status = from?.status ?? null;
  // Leaves together with the statement: the transaction may be ended before that has answered.
  const traced = traceTransition(tx, from === null, to);
  traced.catch(() => {});
  const { rows } = await tx.query<{ now: Date }>({
    name: 'refund_transitions.record',
    // One statement, so that there is never one of the four without the others. The table's check refuses counters which
    // would exceed what was captured.
    text: `WITH counters AS (
             UPDATE payments SET reserved_cents = reserved_cents + $6, refunded_cents = refunded_cents + $7,
                                 updated_at = clock_timestamp()
             WHERE payment_id = $2 AND ($6::bigint <> 0 OR $7::bigint <> 0)
           ), transition AS (
             INSERT INTO refund_transitions (refund_id, payment_id, brand_id, from_status, to_status,
                                             reserved_delta_cents, refunded_delta_cents, actor_type, actor_id, cause,
                                             occurred_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, clock_timestamp())
             RETURNING transition_id, occurred_at
           ), audit AS (
             INSERT INTO audit_log (occurred_at, actor_type, actor_id, brand_id, event_type, entity_type, entity_id,
                                    request_id, client_id, ip_address, details, transition_id)
             SELECT occurred_at, $8, $9, $3, $11, 'refund', $1, $12, $17, $18, $13, transition_id FROM transition
           )
           INSERT INTO outbox (event_id, event_type, brand_id, entity_type, entity_id, data, occurred_at, transition_id)
           SELECT $14, $15, $3, 'refund', $1, $16, occurred_at, transition_id FROM transition
           RETURNING clock_timestamp() AS now`,
    values: [
      to.refund_id,
      to.payment_id,
      to.brand_id,
      from_status,
      to.status,
      deltas.reserved_delta_cents,
      deltas.refunded_delta_cents,
      actor.actor_type,
      actor.actor_id,
      cause,
      audit,
      origin?.request_id ?? null,
      JSON.stringify({ ...why, from_status, ...deltas, before, ...auditedState(to) }),
      newId('event'),
      event,
      JSON.stringify(eventData(to)),
      origin?.client_id ?? null,
      origin?.ip_address ?? null,
    ],
  });
  const [row] = rows;
  if (row === undefined) throw new Error('A transition was not recorded');
  countTransition(to.status, to.origin);
  await traced;
  return row.now;
}

/**
 * A change that is no transition, such as a bank reference that became known: an audit row and an event.
 *
 * @param details what has changed, and `before` with what that was
 */
export async function recordChange(
  tx: Transaction,
  refund: AuditedState,
  naming: Naming,
  { actor, cause, origin }: Cause,
  details: Record<string, unknown> & { before: object },
): Promise<void> {
  await tx.query({
    name: 'refunds.record_change',
    text: `WITH audit AS (
             INSERT INTO audit_log (occurred_at, actor_type, actor_id, brand_id, event_type, entity_type, entity_id,
                                    request_id, client_id, ip_address, details)
             VALUES (clock_timestamp(), $2, $3, $4, $5, 'refund', $1, $6, $11, $12, $7)
           )
           INSERT INTO outbox (event_id, event_type, brand_id, entity_type, entity_id, data, occurred_at)
           VALUES ($8, $9, $4, 'refund', $1, $10, clock_timestamp())`,
    values: [
      refund.refund_id,
      actor.actor_type,
      actor.actor_id,
      refund.brand_id,
      naming.audit,
      origin?.request_id ?? null,
      JSON.stringify({ cause, ...details, ...auditedState(refund) }),
      newId('event'),
      naming.event,
      JSON.stringify(eventData(refund)),
      origin?.client_id ?? null,
      origin?.ip_address ?? null,
    ],
  });
}

const stateOf = (refund: RefundState) => ({
  status: refund.status,
  amount_cents: refund.amount_cents,
  currency: refund.currency,
  stripe_refund_id: refund.stripe_refund_id,
  failure_reason: refund.failure_reason,
});

const auditedState = (refund: AuditedState) => ({ ...stateOf(refund), counted_cents: refund.counted_cents });

const eventData = (refund: RefundState): EventData<'refund.updated.v1'> => ({
  refund_id: refund.refund_id,
  payment_id: refund.payment_id,
  origin: refund.origin,
  ...stateOf(refund),
});

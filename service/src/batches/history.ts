import { type Actor, type Origin, recordAudit } from '../audit/record.ts';
import type { Transaction } from '../database/pool.ts';
import { appendEvent } from '../events/outbox.ts';
import type { Caller } from '../refunds/issue.ts';
import type { Batch, BatchStatus } from './batch.ts';

/** Who has brought a batch to where it is now, and by what. */
interface BatchCause {
  actor: Actor;
  /** A request's id; `batch` where its last row was done. */
  cause: string;
  origin?: Origin;
}

export const causedBy = ({ principal, request_id, ip_address }: Caller): BatchCause => ({
  actor: { actor_type: principal.actor_type, actor_id: principal.actor_id },
  cause: request_id,
  origin: { request_id, client_id: principal.client_id, ip_address },
});

/** Writes the audit row and the event of a batch's step, in the transaction that takes it. Its name is in neither. */
export async function recordStep(
  tx: Transaction,
  verb: 'created' | 'started' | 'stopped' | 'finished',
  from: BatchStatus | null,
  { batch_id, brand_id, status }: Pick<Batch, 'batch_id' | 'brand_id' | 'status'>,
  { actor, cause, origin }: BatchCause,
  counts: Record<string, number>,
): Promise<void> {
  await recordAudit(tx, {
    actor_type: actor.actor_type,
    actor_id: actor.actor_id,
    brand_id,
    event_type: `refund_batch.${verb}`,
    entity_type: 'refund_batch',
    entity_id: batch_id,
    ...(origin === undefined ? {} : { origin }),
    details: { cause, before: from === null ? null : { status: from }, status, ...counts },
  });
  await appendEvent(tx, {
    event_type: `refund_batch.${verb}.v1`,
    brand_id,
    entity_type: 'refund_batch',
    entity_id: batch_id,
    data: { batch_id, status, ...counts },
  });
}

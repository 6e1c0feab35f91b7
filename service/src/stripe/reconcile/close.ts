import { recordAudit } from '../../audit/record.ts';
import { type Pool, withTransaction } from '../../database/pool.ts';
import { ServiceError } from '../../errors.ts';
import { appendEvent } from '../../events/outbox.ts';
import * as queries from './list-queries.ts';
import type { Requester } from './request.ts';

/**
 * Closes a difference that was left for a person, on their word of how it is settled. Seen again as it is, it stays closed. The same
 * word of the same person again changes nothing.
 *
 * @param pool sees the brand's rows only
 * @throws ServiceError where there is none, or it is closed already
 */
export async function closeDifference(
  pool: Pool,
  { difference_id, note }: { difference_id: string; note: string },
  by: Requester,
): Promise<queries.ListedDifference> {
  return await withTransaction(pool, async (tx) => {
    const known = await queries.lockDifference(tx, by.brand_id, difference_id);
    if (known === undefined) throw new ServiceError('not_found', { message: 'There is no such difference.' });
    if (known.closed_at !== null) {
      const isSame =
        known.closed_by_type === by.actor_type && known.closed_by_id === by.actor_id && known.note === note;
      if (isSame) return known;
      throw new ServiceError('conflict', {
        message:
          known.closed_by_id === null
            ? 'The difference is closed already: the two sides were found agreed.'
            : 'The difference is closed already: somebody has said how it was settled.',
      });
    }
    const closed = await queries.closeDifference(tx, difference_id, { ...by, note });
    const { kind, entity_type, entity_id, stripe_id } = closed;
    const what = { kind, of: entity_type, of_id: entity_id, stripe_id };
    await recordAudit(tx, {
      actor_type: by.actor_type,
      actor_id: by.actor_id,
      brand_id: by.brand_id,
      event_type: 'difference.closed',
      entity_type: 'difference',
      entity_id: difference_id,
      origin: by.origin,
      details: { cause: by.origin.request_id, before: { status: 'open' }, status: 'closed', ...what },
    });
    await appendEvent(tx, {
      event_type: 'difference.closed.v1',
      brand_id: by.brand_id,
      entity_type: 'difference',
      entity_id: difference_id,
      data: { difference_id, ...what },
    });
    return closed;
  });
}

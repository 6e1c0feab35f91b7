import type { Queryable } from '../database/pool.ts';
import type { ProviderReason } from './queries.ts';

/** A reason that a person may pick. */
export interface RefundReason {
  code: string;
  sentence: string;
  /** What the provider is told of it; null: nothing. */
  provider_reason: ProviderReason | null;
}

/** The reasons on offer, in their order (a table of a dozen rows). */
export async function listReasons(db: Queryable): Promise<RefundReason[]> {
  const { rows } = await db.query<RefundReason>({
    name: 'refund_reasons.list',
    text: `SELECT code, sentence, provider_reason FROM refund_reasons WHERE retired_at IS NULL ORDER BY position`,
  });
  return rows;
}

/** The reason of that code; undefined for free text. One that is no longer offered is still understood (primary key). */
export async function findReason(
  db: Queryable,
  reason: string | null,
): Promise<Pick<RefundReason, 'code' | 'provider_reason'> | undefined> {
  if (reason === null) return undefined;
  const { rows } = await db.query<Pick<RefundReason, 'code' | 'provider_reason'>>({
    name: 'refund_reasons.find',
    text: 'SELECT code, provider_reason FROM refund_reasons WHERE code = $1',
    values: [reason],
  });
  return rows[0];
}

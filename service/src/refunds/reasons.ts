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

/** What the provider is told of a reason; nothing of free text. One that is no longer offered is still understood (primary key). */
export async function findProviderReason(
  db: Queryable,
  reason: string | null,
): Promise<ProviderReason | null> {
  if (reason === null) return null;
  const { rows } = await db.query<Pick<RefundReason, 'provider_reason'>>({
    name: 'refund_reasons.provider_reason',
    text: 'SELECT provider_reason FROM refund_reasons WHERE code = $1',
    values: [reason],
  });
  return rows[0]?.provider_reason ?? null;
}

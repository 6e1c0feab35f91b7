import type { Queryable } from '../database/pool.ts';
import { newId } from '../ids.ts';

/** A contradiction between the provider's word and the books, for a person to look at. */
export interface Anomaly {
  kind:
    | 'refunds_exceed_captured'
    | 'captured_below_refunds'
    | 'transition_not_allowed'
    | 'unknown_status'
    | 'amount_changed'
    | 'metadata_contradicts';
  brand_id: string;
  entity_type: 'payment' | 'refund' | 'dispute';
  entity_id: string;
  /** Both sides, as codes, ids and amounts. */
  details: Record<string, unknown>;
}

/** Raises it once: the same contradiction seen again, while the first is open, adds nothing. */
export async function raiseAnomaly(tx: Queryable, anomaly: Anomaly): Promise<void> {
  await tx.query({
    name: 'anomalies.raise',
    text: `INSERT INTO anomalies (anomaly_id, brand_id, kind, entity_type, entity_id, details, raised_at)
           VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp())
           ON CONFLICT (kind, entity_id, details) WHERE resolved_at IS NULL DO NOTHING`,
    values: [
      newId('anomaly'),
      anomaly.brand_id,
      anomaly.kind,
      anomaly.entity_type,
      anomaly.entity_id,
      JSON.stringify(anomaly.details),
    ],
  });
}

/** How many are open, of all brands (anomalies_open). */
export async function countOpenAnomalies(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ anomalies: number }>({
    name: 'anomalies.count_open',
    text: 'SELECT count(*) AS anomalies FROM anomalies WHERE resolved_at IS NULL',
  });
  return rows[0]?.anomalies ?? 0;
}

/** Closes the open anomalies of some kinds about one object, once the two sides agree again (anomalies_open). */
export async function resolveAnomalies(
  tx: Queryable,
  kinds: Anomaly['kind'][],
  entityId: string,
): Promise<void> {
  await tx.query({
    name: 'anomalies.resolve',
    text: `UPDATE anomalies SET resolved_at = clock_timestamp()
           WHERE kind = ANY ($1) AND entity_id = $2 AND resolved_at IS NULL`,
    values: [kinds, entityId],
  });
}

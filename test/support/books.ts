import assert from 'node:assert/strict';
import type { Queryable } from '../../service/src/database/pool.ts';

/** Each statement finds rows that contradict a rule of the books; in order they say what the rule is. */
const CONTRADICTIONS: readonly (readonly [rule: string, sql: string])[] = [
  [
    "a payment's counters are the sums of its transitions' deltas",
    `SELECT p.payment_id, p.reserved_cents, p.refunded_cents, t.reserved, t.refunded
     FROM payments p
     LEFT JOIN (SELECT payment_id, sum(reserved_delta_cents)::bigint AS reserved,
                       sum(refunded_delta_cents)::bigint AS refunded
                FROM refund_transitions GROUP BY payment_id) t USING (payment_id)
     WHERE p.reserved_cents <> coalesce(t.reserved, 0) OR p.refunded_cents <> coalesce(t.refunded, 0)`,
  ],
  [
    "a payment's counters are what its refunds count",
    `SELECT p.payment_id, p.reserved_cents, p.refunded_cents, r.reserved, r.refunded
     FROM payments p
     LEFT JOIN (SELECT payment_id,
                       (sum(counted_cents) FILTER (WHERE status <> 'succeeded'))::bigint AS reserved,
                       (sum(counted_cents) FILTER (WHERE status = 'succeeded'))::bigint AS refunded
                FROM refunds GROUP BY payment_id) r USING (payment_id)
     WHERE p.reserved_cents <> coalesce(r.reserved, 0) OR p.refunded_cents <> coalesce(r.refunded, 0)`,
  ],
  [
    "a refund's transitions add up to what it counts",
    `SELECT r.refund_id, r.status, r.counted_cents, t.total
     FROM refunds r
     LEFT JOIN (SELECT refund_id, sum(reserved_delta_cents + refunded_delta_cents)::bigint AS total
                FROM refund_transitions GROUP BY refund_id) t USING (refund_id)
     WHERE r.counted_cents IS DISTINCT FROM t.total`,
  ],
  [
    "a refund's transitions form one chain from nothing to its status",
    `SELECT r.refund_id, r.status, t.chain
     FROM refunds r
     LEFT JOIN LATERAL (
       SELECT array_agg(coalesce(from_status, '') || '>' || to_status ORDER BY transition_id) AS chain,
              (array_agg(to_status ORDER BY transition_id DESC))[1] AS last,
              count(*) FILTER (WHERE from_status IS DISTINCT FROM previous) AS breaks
       FROM (SELECT *, lag(to_status) OVER (ORDER BY transition_id) AS previous
             FROM refund_transitions WHERE refund_id = r.refund_id) steps
     ) t ON true
     WHERE t.last IS DISTINCT FROM r.status OR t.breaks > 0`,
  ],
  [
    'every transition has its audit row and its event',
    `SELECT refund_id, transitions, audits, events
     FROM (SELECT r.refund_id,
                  (SELECT count(*) FROM refund_transitions t WHERE t.refund_id = r.refund_id) AS transitions,
                  (SELECT count(*) FROM audit_log a WHERE a.entity_id = r.refund_id) AS audits,
                  (SELECT count(*) FROM outbox o WHERE o.entity_id = r.refund_id) AS events
           FROM refunds r) traces
     WHERE audits < transitions OR audits <> events`,
  ],
  [
    'what a refund does not count is an open anomaly, and nothing else is',
    `SELECT r.refund_id, r.status, r.amount_cents, r.counted_cents, a.anomaly_id
     FROM refunds r
     FULL JOIN (SELECT anomaly_id, entity_id FROM anomalies
                WHERE kind = 'refunds_exceed_captured' AND resolved_at IS NULL) a ON a.entity_id = r.refund_id
     WHERE (r.status NOT IN ('rejected', 'failed', 'canceled') AND r.counted_cents < r.amount_cents)
           <> (a.anomaly_id IS NOT NULL)`,
  ],
];

/** Holds the books to their rules; fails with the rows that break one. To be called at the end of every test that moves money. */
export async function assertBooksBalance(db: Queryable): Promise<void> {
  for (const [rule, sql] of CONTRADICTIONS) {
    const { rows } = await db.query(sql);
    assert.deepEqual(rows, [], `broken: ${rule}`);
  }
}

/** How many rows the tables have that only grow: equal before and after where nothing new was said. */
export async function countTraces(db: Queryable): Promise<{
  payments: number;
  refunds: number;
  disputes: number;
  transitions: number;
  audits: number;
  events: number;
}> {
  const { rows } = await db.query(
    `SELECT (SELECT count(*) FROM payments) AS payments, (SELECT count(*) FROM refunds) AS refunds,
            (SELECT count(*) FROM disputes) AS disputes, (SELECT count(*) FROM refund_transitions) AS transitions,
            (SELECT count(*) FROM audit_log) AS audits, (SELECT count(*) FROM outbox) AS events`,
  );
  return rows[0];
}

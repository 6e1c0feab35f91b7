import { allowedSteps } from '../refunds/refund.ts';

/** A rule of the books, and the SQL that finds what breaks it. */
export interface Rule {
  /** What always holds, as a sentence. */
  rule: string;
  /** Selects the rows that contradict it: ids, amounts and codes, nothing of a person. Trusts no constraint and no index. */
  sql: string;
}

const literal = (text: string | null) => (text === null ? 'NULL::text' : `'${text}'`);
const STEPS = allowedSteps()
  .map(([from, to]) => `(${literal(from)}, '${to}')`)
  .join(', ');
/** Before this no transition was linked to its audit row and event. */
const LINKED_SINCE = `(SELECT run_on FROM schema_migrations WHERE name = '0003_issuing')`;
/** Longer than the worker takes to give a job to an event that has none. */
const JOBLESS_FOR = `interval '15 minutes'`;

export const RULES: readonly Rule[] = [
  {
    rule: 'what is refunded and what is on its way is never more than what was captured, and none of them is negative',
    sql: `SELECT payment_id, captured_cents, reserved_cents, refunded_cents FROM payments
          WHERE captured_cents < 0 OR reserved_cents < 0 OR refunded_cents < 0
             OR reserved_cents + refunded_cents > captured_cents`,
  },
  {
    rule: "a payment's counters are the sums of its transitions' deltas",
    sql: `SELECT p.payment_id, p.reserved_cents, p.refunded_cents, t.reserved, t.refunded
          FROM payments p
          LEFT JOIN (SELECT payment_id, sum(reserved_delta_cents)::bigint AS reserved,
                            sum(refunded_delta_cents)::bigint AS refunded
                     FROM refund_transitions GROUP BY payment_id) t USING (payment_id)
          WHERE p.reserved_cents <> coalesce(t.reserved, 0) OR p.refunded_cents <> coalesce(t.refunded, 0)`,
  },
  {
    rule: "a payment's counters are what its refunds count",
    sql: `SELECT p.payment_id, p.reserved_cents, p.refunded_cents, r.reserved, r.refunded
          FROM payments p
          LEFT JOIN (SELECT payment_id,
                            (sum(counted_cents) FILTER (WHERE status <> 'succeeded'))::bigint AS reserved,
                            (sum(counted_cents) FILTER (WHERE status = 'succeeded'))::bigint AS refunded
                     FROM refunds GROUP BY payment_id) r USING (payment_id)
          WHERE p.reserved_cents <> coalesce(r.reserved, 0) OR p.refunded_cents <> coalesce(r.refunded, 0)`,
  },
  {
    rule: "a refund's transitions add up to what it counts",
    sql: `SELECT r.refund_id, r.status, r.counted_cents, t.total
          FROM refunds r
          LEFT JOIN (SELECT refund_id, sum(reserved_delta_cents + refunded_delta_cents)::bigint AS total
                     FROM refund_transitions GROUP BY refund_id) t USING (refund_id)
          WHERE r.counted_cents IS DISTINCT FROM t.total`,
  },
  {
    rule: "a refund's transitions form one chain from nothing to its status",
    sql: `SELECT coalesce(r.refund_id, t.refund_id) AS refund_id, r.status, t.last, t.breaks
          FROM refunds r
          FULL JOIN (
            SELECT refund_id, (array_agg(to_status ORDER BY transition_id DESC))[1] AS last,
                   count(*) FILTER (WHERE from_status IS DISTINCT FROM previous) AS breaks
            FROM (SELECT refund_id, transition_id, from_status, to_status,
                         lag(to_status) OVER (PARTITION BY refund_id ORDER BY transition_id) AS previous
                  FROM refund_transitions) steps
            GROUP BY refund_id
          ) t USING (refund_id)
          WHERE t.last IS DISTINCT FROM r.status OR t.breaks > 0`,
  },
  {
    rule: 'every transition is one that the state table allows',
    sql: `SELECT t.transition_id, t.refund_id, t.from_status, t.to_status
          FROM refund_transitions t
          WHERE NOT EXISTS (SELECT FROM (VALUES ${STEPS}) AS step (from_status, to_status)
                            WHERE step.from_status IS NOT DISTINCT FROM t.from_status
                              AND step.to_status = t.to_status)`,
  },
  {
    rule: 'every transition has one audit row and one event, of its own refund',
    sql: `SELECT t.transition_id, t.refund_id, a.rows AS audit_rows, o.rows AS events
          FROM refund_transitions t
          LEFT JOIN (SELECT transition_id, count(*) AS rows, min(entity_id) AS first, max(entity_id) AS last
                     FROM audit_log WHERE transition_id IS NOT NULL GROUP BY transition_id) a USING (transition_id)
          LEFT JOIN (SELECT transition_id, count(*) AS rows, min(entity_id) AS first, max(entity_id) AS last
                     FROM outbox WHERE transition_id IS NOT NULL GROUP BY transition_id) o USING (transition_id)
          WHERE t.occurred_at >= ${LINKED_SINCE}
            AND (a.rows, o.rows, a.first, a.last, o.first, o.last)
                IS DISTINCT FROM (1, 1, t.refund_id, t.refund_id, t.refund_id, t.refund_id)`,
  },
  {
    rule: 'no audit row and no event tells of a transition that is not there',
    sql: `SELECT told.kind, told.transition_id, told.entity_id
          FROM (SELECT 'audit row' AS kind, transition_id, entity_id FROM audit_log
                UNION ALL SELECT 'event', transition_id, entity_id FROM outbox) told
          LEFT JOIN refund_transitions t USING (transition_id)
          WHERE told.transition_id IS NOT NULL AND t.transition_id IS NULL`,
  },
  {
    rule: 'a refund has as many events as audit rows, and no fewer than transitions',
    sql: `SELECT r.refund_id, t.rows AS transitions, a.rows AS audit_rows, o.rows AS events
          FROM refunds r
          LEFT JOIN (SELECT refund_id, count(*) AS rows FROM refund_transitions GROUP BY refund_id) t USING (refund_id)
          LEFT JOIN (SELECT entity_id, count(*) AS rows FROM audit_log WHERE entity_type = 'refund'
                     GROUP BY entity_id) a ON a.entity_id = r.refund_id
          LEFT JOIN (SELECT entity_id, count(*) AS rows FROM outbox WHERE entity_type = 'refund'
                     GROUP BY entity_id) o ON o.entity_id = r.refund_id
          WHERE a.rows < t.rows OR a.rows IS DISTINCT FROM o.rows`,
  },
  {
    rule: 'what a refund does not count is an open anomaly, and nothing else is',
    sql: `SELECT coalesce(r.refund_id, a.entity_id) AS refund_id, r.status, r.amount_cents, r.counted_cents, a.anomaly_id
          FROM refunds r
          FULL JOIN (SELECT anomaly_id, entity_id FROM anomalies
                     WHERE kind = 'refunds_exceed_captured' AND resolved_at IS NULL) a ON a.entity_id = r.refund_id
          WHERE (r.status NOT IN ('rejected', 'failed', 'canceled') AND r.counted_cents < r.amount_cents)
                IS DISTINCT FROM (a.anomaly_id IS NOT NULL)`,
  },
  {
    rule: 'one refund at Stripe is one refund here',
    sql: `SELECT stripe_refund_id, count(*) AS refunds, min(refund_id) AS refund_id, max(refund_id) AS another
          FROM refunds WHERE stripe_refund_id IS NOT NULL GROUP BY stripe_refund_id HAVING count(*) > 1`,
  },
  {
    rule: 'a refund that was made at Stripe has its id there, and so has one of ours that Stripe has taken',
    sql: `SELECT refund_id, origin, status FROM refunds
          WHERE stripe_refund_id IS NULL AND (origin = 'external' OR status IN ('succeeded', 'requires_action'))`,
  },
  {
    rule: 'while it is not known whether Stripe has a refund, it is known when somebody asks, and only then',
    sql: `SELECT refund_id, status, stripe_refund_id, recover_at FROM refunds
          WHERE (status = 'pending' AND stripe_refund_id IS NULL) <> (recover_at IS NOT NULL)`,
  },
  {
    rule: 'a refund that Stripe may have been told of ends only after Stripe was asked',
    sql: `SELECT refund_id, status, submitted_at, observed_at FROM refunds
          WHERE observed_at IS NULL AND status NOT IN ('awaiting_approval', 'rejected', 'pending')
            AND NOT (status = 'canceled' AND submitted_at IS NULL)`,
  },
  {
    rule: 'what we ask for was asked for by somebody, and approved by somebody else',
    sql: `SELECT refund_id, requested_by_id, approved_by_id FROM refunds
          WHERE origin = 'api'
            AND (requested_by_type IS NULL OR requested_by_id IS NULL
                 OR (approved_by_type = requested_by_type AND approved_by_id = requested_by_id))`,
  },
  {
    rule: 'money is owed only because of a refund that has ended, and never more than that refund',
    sql: `SELECT refund_id, status, amount_cents, owed_cents FROM refunds
          WHERE owed_cents < 0 OR owed_cents > amount_cents
             OR (owed_cents > 0 AND status NOT IN ('failed', 'canceled'))`,
  },
  {
    rule: 'a refund or dispute is of the brand, the customer and the currency of its payment',
    sql: `SELECT 'refund' AS kind, r.refund_id AS id, r.payment_id
          FROM refunds r LEFT JOIN payments p USING (payment_id)
          WHERE (r.brand_id, r.customer_id, r.currency) IS DISTINCT FROM (p.brand_id, p.customer_id, p.currency)
          UNION ALL
          SELECT 'dispute', d.dispute_id, d.payment_id
          FROM disputes d LEFT JOIN payments p USING (payment_id)
          WHERE (d.brand_id, d.customer_id) IS DISTINCT FROM (p.brand_id, p.customer_id)`,
  },
  {
    rule: 'an answer that was kept for a key tells of the refund that the key stands for',
    sql: `SELECT k.operation, k.refund_id, k.answer_status, r.payment_id
          FROM idempotency_keys k LEFT JOIN refunds r USING (refund_id)
          WHERE k.operation IN ('issueRefund', 'issueRefundOfPayment') AND k.answer_status IN (201, 202)
            AND (k.answer_body::jsonb ->> 'refund_id', k.answer_body::jsonb ->> 'payment_id',
                 (k.answer_body::jsonb ->> 'amount_cents')::bigint, k.brand_id)
                IS DISTINCT FROM (r.refund_id, r.payment_id, r.amount_cents, r.brand_id)`,
  },
  {
    rule: 'a refund that was asked for under a key was asked for under one key',
    sql: `SELECT refund_id, count(*) AS keys FROM idempotency_keys
          WHERE refund_id IS NOT NULL AND operation IN ('issueRefund', 'issueRefundOfPayment')
          GROUP BY refund_id HAVING count(*) > 1`,
  },
  {
    rule: 'every event that was received and not worked on yet has a job',
    sql: `SELECT e.event_id, e.stripe_event_id, e.received_at
          FROM stripe_events e LEFT JOIN graphile_worker.jobs j ON j.key = e.event_id
          WHERE e.status = 'received' AND j.key IS NULL AND e.received_at < now() - ${JOBLESS_FOR}`,
  },
];

import { READ_EVENTS } from '../audit/record.ts';
import { allowedSteps, counterDeltas, REFUND_STATUSES } from '../refunds/refund.ts';

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
/** The statuses that stand in one of a payment's counters, by the same table that moves the counters. */
const standIn = (counter: 'reserved' | 'refunded') =>
  REFUND_STATUSES.filter(
    (status) => counterDeltas(null, { status, counted_cents: 1 })[`${counter}_delta_cents`] === 1,
  )
    .map((status) => literal(status))
    .join(', ');
/** A field of an answer, which is text and stays readable where it is no JSON; within a text its quotes would be escaped. */
const told = (field: string, pattern: string) => `substring(k.answer_body FROM '"${field}":${pattern}')`;
/** What makes refunds under a key: a row of a batch has one, too. */
const ISSUING = `('issueRefund', 'issueRefundOfPayment', 'issueRefundBatchRow')`;
/** Before this no transition was linked to its audit row and event. */
const LINKED_SINCE = `(SELECT run_on FROM schema_migrations WHERE name = '0003_issuing')`;
/** Longer than the worker takes to give a job to an event that has none. */
const JOBLESS_FOR = `interval '15 minutes'`;

/** Audit rows that tell of a change, not of somebody's looking. */
const CHANGES = `event_type NOT IN (${READ_EVENTS.map(literal).join(', ')})`;

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
          LEFT JOIN (SELECT entity_id, count(*) AS rows FROM audit_log WHERE entity_type = 'refund' AND ${CHANGES}
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
    // The brand of a payment may be corrected later; the key's is the one that the refund was asked for with.
    sql: `SELECT k.operation, k.refund_id, k.answer_status, r.payment_id, r.amount_cents, r.stripe_refund_id
          FROM idempotency_keys k
          LEFT JOIN refunds r USING (refund_id)
          LEFT JOIN refund_transitions t ON t.refund_id = k.refund_id AND t.from_status IS NULL
          WHERE k.operation IN ${ISSUING} AND k.answer_status IN (201, 202)
            AND ((${told('refund_id', '"([^"]*)"')}, ${told('payment_id', '"([^"]*)"')},
                  ${told('amount_cents', '([0-9]+)')}, k.brand_id)
                 IS DISTINCT FROM (r.refund_id, r.payment_id, r.amount_cents::text, t.brand_id)
                 OR ${told('stripe_refund_id', '"([^"]*)"')} <> r.stripe_refund_id
                 OR (k.answer_status = 201 AND r.stripe_refund_id IS NULL))`,
  },
  {
    rule: 'a refund that was asked for under a key was asked for under one key',
    sql: `SELECT refund_id, count(*) AS keys FROM idempotency_keys
          WHERE refund_id IS NOT NULL AND operation IN ${ISSUING}
          GROUP BY refund_id HAVING count(*) > 1`,
  },
  {
    rule: 'every event that was received and not worked on yet has a job',
    sql: `SELECT e.event_id, e.stripe_event_id, e.received_at
          FROM stripe_events e
          LEFT JOIN graphile_worker.jobs j
            ON j.key = e.event_id AND (j.attempts < j.max_attempts OR j.locked_at IS NOT NULL)
          WHERE e.status = 'received' AND j.key IS NULL AND e.received_at < now() - ${JOBLESS_FOR}`,
  },
  {
    rule: 'every transition moves the counters from what the status before held to what the status after holds',
    sql: `SELECT transition_id, refund_id, from_status, to_status, reserved_delta_cents, refunded_delta_cents, reserved, refunded
          FROM (SELECT transition_id, refund_id, from_status, to_status, reserved_delta_cents, refunded_delta_cents,
                       (sum(reserved_delta_cents) OVER so_far)::bigint AS reserved,
                       (sum(refunded_delta_cents) OVER so_far)::bigint AS refunded
                FROM refund_transitions WINDOW so_far AS (PARTITION BY refund_id ORDER BY transition_id)) t
          WHERE reserved < 0 OR refunded < 0
             OR (reserved <> 0 AND to_status NOT IN (${standIn('reserved')}))
             OR (refunded <> 0 AND to_status NOT IN (${standIn('refunded')}))`,
  },
  {
    rule: 'a transition, its audit row and its event tell of the same refund, payment, amount, status and doer',
    sql: `SELECT t.transition_id, t.refund_id, t.payment_id, t.to_status, a.event_type AS audit_row, o.event_type AS event
          FROM refund_transitions t
          LEFT JOIN refunds r USING (refund_id)
          LEFT JOIN audit_log a USING (transition_id)
          LEFT JOIN outbox o USING (transition_id)
          WHERE t.payment_id IS DISTINCT FROM r.payment_id
             OR (a.transition_id IS NOT NULL
                 AND (a.entity_type, a.entity_id, a.brand_id, a.actor_type, a.actor_id, a.details ->> 'status',
                      a.details ->> 'amount_cents')
                     IS DISTINCT FROM ('refund', t.refund_id, t.brand_id, t.actor_type, t.actor_id, t.to_status,
                                       r.amount_cents::text))
             OR (o.transition_id IS NOT NULL
                 AND (o.entity_type, o.entity_id, o.brand_id, o.data ->> 'refund_id', o.data ->> 'payment_id',
                      o.data ->> 'status', o.data ->> 'amount_cents')
                     IS DISTINCT FROM ('refund', t.refund_id, t.brand_id, t.refund_id, t.payment_id, t.to_status,
                                       r.amount_cents::text))`,
  },
  {
    rule: 'a refund counts for no more than its amount, and for nothing once it has ended without paying',
    sql: `SELECT refund_id, status, amount_cents, counted_cents FROM refunds
          WHERE amount_cents <= 0 OR counted_cents NOT BETWEEN 0 AND amount_cents
             OR (counted_cents > 0 AND status IN ('rejected', 'failed', 'canceled'))`,
  },
  {
    rule: 'a refund of ours is sent when nobody has to approve it any more and not before, and one made at Stripe never',
    sql: `SELECT refund_id, origin, status, submitted_at FROM refunds
          WHERE CASE WHEN origin = 'external' OR status IN ('awaiting_approval', 'rejected') THEN submitted_at IS NOT NULL
                     ELSE submitted_at IS NULL AND status <> 'canceled' END`,
  },
  {
    rule: 'who asked for a refund and who approved it are who its history says',
    sql: `SELECT r.refund_id, r.origin, r.status
          FROM refunds r
          LEFT JOIN refund_transitions asked ON asked.refund_id = r.refund_id AND asked.from_status IS NULL
          LEFT JOIN refund_transitions approved
            ON approved.refund_id = r.refund_id AND approved.from_status = 'awaiting_approval' AND approved.to_status = 'pending'
          WHERE (r.approved_by_type, r.approved_by_id) IS DISTINCT FROM (approved.actor_type, approved.actor_id)
             OR (r.requested_by_type, r.requested_by_id) IS DISTINCT FROM
                (CASE WHEN r.origin = 'api' THEN asked.actor_type END, CASE WHEN r.origin = 'api' THEN asked.actor_id END)`,
  },
  {
    rule: 'what is put right was owed, in a way that can be followed',
    sql: `SELECT refund_id, status, owed_cents, resolved_at, resolution, replaced_by FROM refunds
          WHERE (resolved_at IS NULL) <> (resolution IS NULL)
             OR (resolved_at IS NOT NULL AND owed_cents = 0)
             OR (resolution = 'paid_otherwise' AND resolution_reference IS NULL)
             OR (resolution IS NOT DISTINCT FROM 'refunded_again') <> (replaced_by IS NOT NULL)`,
  },
  {
    rule: 'a refund stands in for one other of the same payment, pays all that is owed for it, and if it fails too, that is owed',
    sql: `SELECT r.refund_id, r.payment_id, r.owed_cents, r.replaced_by, n.status, n.amount_cents, n.owed_cents AS owed_again
          FROM (SELECT refund_id, payment_id, owed_cents, replaced_by, count(*) OVER (PARTITION BY replaced_by) AS times
                FROM refunds WHERE replaced_by IS NOT NULL) r
          LEFT JOIN refunds n ON n.refund_id = r.replaced_by
          WHERE r.times > 1 OR n.payment_id IS DISTINCT FROM r.payment_id OR n.refund_id = r.refund_id
             OR n.amount_cents < r.owed_cents
             OR (n.status IN ('rejected', 'failed', 'canceled') AND n.owed_cents < r.owed_cents)`,
  },
  {
    rule: 'an answered key has a whole answer, and tells only of refunds that are there',
    sql: `SELECT k.operation, k.refund_id, k.answer_status, ${told('refund_id', '"([^"]*)"')} AS told_of
          FROM idempotency_keys k
          LEFT JOIN refunds r USING (refund_id)
          LEFT JOIN refunds n ON n.refund_id = ${told('refund_id', '"([^"]*)"')}
          WHERE (k.answer_status IS NULL) <> (k.answer_body IS NULL)
             OR (k.answer_status IS NULL) <> (k.answered_at IS NULL)
             OR (k.refund_id IS NOT NULL AND r.refund_id IS NULL)
             OR (n.refund_id IS NULL AND ${told('refund_id', '"([^"]*)"')} IS NOT NULL)`,
  },
  {
    rule: 'whoever was refused has no refund that is alive, and whoever was told of one is owed it where it has failed',
    // Whoever had it called back was told what came of that.
    sql: `SELECT k.operation, k.refund_id, k.answer_status, r.status, r.amount_cents, r.owed_cents
          FROM idempotency_keys k JOIN refunds r USING (refund_id)
          WHERE k.operation IN ${ISSUING}
            AND ((k.answer_status >= 400 AND r.status NOT IN ('rejected', 'failed', 'canceled'))
                 OR (k.answer_status IN (201, 202) AND r.status = 'failed' AND r.owed_cents <> r.amount_cents
                     AND NOT EXISTS (SELECT FROM audit_log a WHERE a.entity_type = 'refund' AND a.entity_id = r.refund_id
                                       AND a.event_type = 'refund.cancel_requested')))`,
  },
  {
    rule: 'no audit row, event or anomaly tells of a payment, refund or dispute that is not there',
    sql: `SELECT told.kind, told.entity_type, told.entity_id
          FROM (SELECT 'audit row' AS kind, entity_type, entity_id FROM audit_log WHERE ${CHANGES}
                UNION ALL SELECT 'event', entity_type, entity_id FROM outbox
                UNION ALL SELECT 'anomaly', entity_type, entity_id FROM anomalies) told
          LEFT JOIN (SELECT 'payment' AS entity_type, payment_id AS entity_id FROM payments
                     UNION ALL SELECT 'refund', refund_id FROM refunds
                     UNION ALL SELECT 'dispute', dispute_id FROM disputes) there USING (entity_type, entity_id)
          WHERE told.entity_type IN ('payment', 'refund', 'dispute') AND there.entity_id IS NULL`,
  },
  {
    rule: 'the guards of the database stand: no trigger is switched off, no constraint unproven, no unique index broken',
    sql: `SELECT found.kind, found.of::text, found.name::text
          FROM (SELECT 'trigger' AS kind, tgrelid::regclass AS of, tgname AS name FROM pg_trigger WHERE tgenabled NOT IN ('O', 'A')
                UNION ALL
                SELECT 'constraint', conrelid::regclass, conname FROM pg_constraint WHERE NOT convalidated AND conrelid <> 0
                UNION ALL
                SELECT 'index', indrelid::regclass, indexrelid::regclass::name FROM pg_index WHERE indisunique AND NOT indisvalid
               ) found
          JOIN pg_class c ON c.oid = found.of
          WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'payments'::regclass)`,
  },
  {
    rule: 'a row of a batch that is done has the refund that its key has made, of its payment and its amount',
    sql: `SELECT b.batch_id, b.row_no, b.status, b.refund_id, k.refund_id AS made, b.payment_id, b.amount_cents, r.amount_cents AS refunded_cents
          FROM refund_batch_rows b
          LEFT JOIN refunds r ON r.refund_id = b.refund_id
          LEFT JOIN idempotency_keys k ON k.operation = 'issueRefundBatchRow' AND k.brand_id = b.brand_id AND k.actor_type = 'service'
            AND k.actor_id = b.batch_id AND k.idempotency_key = b.batch_id || '.' || b.row_no
          WHERE b.status IN ('issued', 'failed')
            AND (k.refund_id IS DISTINCT FROM b.refund_id
                 OR (b.refund_id IS NOT NULL
                     AND (r.brand_id, r.payment_id, r.amount_cents, r.currency)
                         IS DISTINCT FROM (b.brand_id, b.payment_id, b.amount_cents, b.currency)))`,
  },
];

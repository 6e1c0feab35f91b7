-- Up Migration
-- Issuing refunds ourselves: who asked, what the provider is told, what is still to be found out, what is owed.

ALTER TABLE refunds
  -- What a person wrote beside the reason. It may hold health data: never in logs, audit, events or at the provider.
  ADD COLUMN note               text,
  -- What the provider is told, fixed when the refund is asked for: the same key must never go with other parameters.
  ADD COLUMN provider_reason    text,
  -- Who asked, and who approved: somebody else. Null where it was made at the provider itself.
  ADD COLUMN requested_by_type  text CHECK (requested_by_type IN ('user', 'service')),
  ADD COLUMN requested_by_id    text,
  ADD COLUMN approved_by_type   text CHECK (approved_by_type IN ('user', 'service')),
  ADD COLUMN approved_by_id     text,
  -- What whoever approved or rejected it wrote beside; as sensitive as the note.
  ADD COLUMN decision_note      text,
  -- From when on the provider may have been told of it: its idempotency key is not older than that.
  ADD COLUMN submitted_at       timestamptz(3),
  -- When to ask the provider (again) what has become of it: set for as long as that is not known, and no longer.
  ADD COLUMN recover_at         timestamptz(3),
  ADD COLUMN recover_attempts   integer NOT NULL DEFAULT 0,
  -- The provider's sentence on why it refused.
  ADD COLUMN failure_message    text,
  -- What the customer is still owed because this refund ended without paying after somebody was told of it.
  ADD COLUMN owed_cents         bigint NOT NULL DEFAULT 0 CHECK (owed_cents BETWEEN 0 AND amount_cents),
  -- How that was put right.
  ADD COLUMN resolved_at        timestamptz(3),
  ADD COLUMN resolution         text CHECK (resolution IN ('refunded_again', 'paid_otherwise', 'not_owed')),
  ADD COLUMN resolution_reference text,
  ADD COLUMN replaced_by        text COLLATE "C" REFERENCES refunds,
  -- Nobody approves what they asked for themselves.
  ADD CONSTRAINT refunds_approved_by_another CHECK (
    approved_by_id IS NULL OR (approved_by_type, approved_by_id) IS DISTINCT FROM (requested_by_type, requested_by_id)
  ),
  -- What we ask for is asked for by somebody.
  ADD CONSTRAINT refunds_requested_by_somebody CHECK (
    origin = 'external' OR (requested_by_type IS NOT NULL AND requested_by_id IS NOT NULL)
  ),
  -- Not known at the provider, not known to be refused: then somebody is going to ask, and knows when.
  ADD CONSTRAINT refunds_unknown_is_asked_about CHECK (
    (status = 'pending' AND stripe_refund_id IS NULL) = (recover_at IS NOT NULL)
  ),
  -- Only somebody who asked the provider moves a refund that it may have been told of.
  ADD CONSTRAINT refunds_ended_by_provider CHECK (
    status IN ('awaiting_approval', 'rejected', 'pending')
    OR (status = 'canceled' AND submitted_at IS NULL)
    OR observed_at IS NOT NULL
  ),
  ADD CONSTRAINT refunds_owed_where_it_ended CHECK (owed_cents = 0 OR status IN ('failed', 'canceled')),
  ADD CONSTRAINT refunds_resolved_with_a_way CHECK (
    (resolved_at IS NULL) = (resolution IS NULL)
    AND (resolution <> 'paid_otherwise' OR resolution_reference IS NOT NULL)
    AND (resolution <> 'refunded_again' OR replaced_by IS NOT NULL)
  );
-- What recovery takes up next.
CREATE INDEX refunds_to_recover ON refunds (recover_at) WHERE recover_at IS NOT NULL;
-- What is owed and not put right yet; read backwards, as the list is.
CREATE INDEX refunds_needing_attention ON refunds (brand_id, created_at, refund_id)
  WHERE owed_cents > 0 AND resolved_at IS NULL;
-- One refund stands in for at most one that failed.
CREATE UNIQUE INDEX refunds_replaced_by ON refunds (replaced_by) WHERE replaced_by IS NOT NULL;

-- Whether a charge is disputed is asked before every refund of it.
CREATE INDEX disputes_by_charge ON disputes (stripe_charge_id);

-- Each transition has one audit row and one event, each of which belongs to at most one. The three are written by one statement,
-- and nothing of a history is ever deleted, so that a foreign key would cost a look-up each and find nothing.
ALTER TABLE audit_log ADD COLUMN transition_id bigint UNIQUE;
ALTER TABLE outbox ADD COLUMN transition_id bigint UNIQUE;

-- Why refunds are asked for: what a person picks, and what the provider is told of it (null: nothing).
CREATE TABLE refund_reasons (
  code            text PRIMARY KEY CHECK (code ~ '^[a-z][a-z0-9_]{0,63}$'),
  sentence        text NOT NULL,
  provider_reason text CHECK (provider_reason IN ('duplicate', 'fraudulent', 'requested_by_customer')),
  position        integer NOT NULL UNIQUE,
  -- No longer offered, still understood.
  retired_at      timestamptz(3)
);
INSERT INTO refund_reasons (position, code, sentence, provider_reason) VALUES
  (1, 'requested_by_customer', 'The customer asked for it.', 'requested_by_customer'),
  (2, 'duplicate', 'The customer was charged twice.', 'duplicate'),
  (3, 'fraudulent', 'The payment was fraudulent. Stripe puts the card and the e-mail address on its block lists.', 'fraudulent'),
  (4, 'not_received', 'What was paid for never arrived.', 'requested_by_customer'),
  (5, 'defective', 'What arrived was damaged, defective or wrong.', 'requested_by_customer'),
  (6, 'not_as_described', 'What arrived was not what had been described.', 'requested_by_customer'),
  (7, 'returned', 'The customer sent it back.', 'requested_by_customer'),
  (8, 'canceled_order', 'The order was canceled before it was fulfilled.', 'requested_by_customer'),
  (9, 'canceled_subscription', 'The subscription was canceled.', 'requested_by_customer'),
  (10, 'wrong_amount', 'The amount that was charged was wrong.', NULL),
  (11, 'goodwill', 'A gesture of goodwill.', NULL),
  (12, 'other', 'Another reason; the note says which.', NULL);

-- Above how much a refund needs somebody else's approval. What is here goes before the setting APPROVAL_LIMITS.
CREATE TABLE approval_limits (
  brand_id    text NOT NULL,
  role        text NOT NULL CHECK (role IN ('service', 'agent', 'approver')),
  currency    text NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
  -- Up to and including this amount nobody is asked.
  limit_cents bigint NOT NULL CHECK (limit_cents >= 0),
  PRIMARY KEY (brand_id, role, currency)
);

-- Keys that callers sent, and the answers that they keep, for as long as there are refunds.
CREATE TABLE idempotency_keys (
  brand_id        text NOT NULL,
  actor_type      text NOT NULL,
  actor_id        text NOT NULL,
  operation       text NOT NULL,
  idempotency_key text NOT NULL,
  -- SHA-256 of what was asked for: another body under the same key is refused.
  fingerprint     bytea NOT NULL,
  -- What it has brought about, as far as it came.
  refund_id       text COLLATE "C" REFERENCES refunds,
  -- Until then whoever has claimed it is taken to be at work; after that it has crashed.
  held_until      timestamptz(3) NOT NULL,
  answer_status   integer,
  answer_body     text,
  claimed_at      timestamptz(3) NOT NULL,
  answered_at     timestamptz(3),
  PRIMARY KEY (idempotency_key, brand_id, actor_id, actor_type, operation),
  CONSTRAINT idempotency_keys_answer CHECK (
    (answer_status IS NULL) = (answer_body IS NULL) AND (answer_status IS NULL) = (answered_at IS NULL)
  )
);

-- An answer that was given is never another one.
CREATE FUNCTION refuse_another_answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'An idempotency key keeps its answer: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER keeps_its_answer BEFORE UPDATE OR DELETE ON idempotency_keys
  FOR EACH ROW WHEN (OLD.answered_at IS NOT NULL) EXECUTE FUNCTION refuse_another_answer();

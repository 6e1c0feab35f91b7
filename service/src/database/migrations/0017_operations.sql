-- Up Migration
-- What the pages of a payment, and of operations, show besides.

ALTER TABLE payments
  -- With what it was paid, as the charge at Stripe says: `card`, `sepa_debit`, …; of a card its brand; of a card or an account the
  -- last digits. Filled as Stripe is asked, emptied where the customer is erased; never in the audit log or in events.
  ADD COLUMN payment_method_type  text,
  ADD COLUMN payment_method_brand text,
  ADD COLUMN payment_method_last4 text;

ALTER TABLE reconcile_differences
  -- Who has said that it is settled, and how; null where a run has found the two sides agreed.
  ADD COLUMN closed_by_type text CHECK (closed_by_type IN ('user', 'service')),
  ADD COLUMN closed_by_id   text,
  -- What they wrote; emptied where the customer is erased.
  ADD COLUMN note           text,
  -- When a run found the two sides agreed after that: the same again is then another one.
  ADD COLUMN agreed_at      timestamptz(3),
  ADD CONSTRAINT reconcile_differences_closed_by_somebody CHECK (
    (closed_by_type IS NULL) = (closed_by_id IS NULL) AND (closed_by_id IS NULL OR closed_at IS NOT NULL)
  );
-- The list, newest first, of a brand, and of what is open of it; read backwards.
CREATE INDEX reconcile_differences_by_time ON reconcile_differences (brand_id, found_at, difference_id);
CREATE INDEX reconcile_differences_open_by_time ON reconcile_differences (brand_id, found_at, difference_id)
  WHERE closed_at IS NULL;
-- What somebody has settled as it is: the same again is not another one.
CREATE INDEX reconcile_differences_settled ON reconcile_differences (stripe_id)
  WHERE closed_by_id IS NOT NULL AND agreed_at IS NULL;
-- What was written about something, to be emptied.
CREATE INDEX reconcile_differences_noted ON reconcile_differences (entity_id) WHERE note IS NOT NULL;
GRANT SELECT, UPDATE ON reconcile_differences TO payments_api;

ALTER TABLE reconcile_runs
  -- Who has asked for it through the API; null where it was begun by night, or at a command line.
  ADD COLUMN requested_by_type text CHECK (requested_by_type IN ('user', 'service')),
  ADD COLUMN requested_by_id   text;
CREATE INDEX reconcile_runs_by_time ON reconcile_runs (started_at, run_id);

-- What Stripe has told of one object.
CREATE INDEX stripe_events_by_object ON stripe_events (object_id, received_at) WHERE object_id IS NOT NULL;

-- What goes from the answer that a key keeps when its refund's customer is erased: also with what was paid.
CREATE OR REPLACE FUNCTION without_texts(answer_body text) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN (answer_body::jsonb - ARRAY['customer_id', 'reason', 'note', 'decision_note', 'resolution_reference'])
    #- '{payment,payment_method}';

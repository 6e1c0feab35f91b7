-- Up Migration
-- Refunds in bulk: checked first, then issued row by row by a worker, as whoever has started it.

CREATE TABLE refund_batches (
  batch_id        text COLLATE "C" PRIMARY KEY,
  brand_id        text NOT NULL,
  -- What a person calls it.
  name            text,
  status          text NOT NULL CHECK (status IN ('draft', 'running', 'stopped', 'finished')),
  created_by_type text NOT NULL CHECK (created_by_type IN ('user', 'service')),
  created_by_id   text NOT NULL,
  created_at      timestamptz(3) NOT NULL,
  updated_at      timestamptz(3) NOT NULL,
  -- Who has started or resumed it last, with which scopes, and from where: as them its rows are issued. No token.
  started_by_type   text CHECK (started_by_type IN ('user', 'service')),
  started_by_id     text,
  started_scopes    text[],
  started_client_id text,
  started_request_id text,
  started_ip_address text,
  started_at      timestamptz(3),
  finished_at     timestamptz(3),
  -- When a worker takes it up (again): whoever has taken it puts it off for as long as a row may take.
  due_at          timestamptz(3),
  -- Why it does not get on at the moment, though nobody has stopped it.
  held_up_code    text,
  held_up_message text,
  CONSTRAINT refund_batches_started_by_somebody CHECK (
    (status = 'draft') = (started_at IS NULL) AND (started_at IS NULL) = (started_by_type IS NULL)
    AND (started_at IS NULL) = (started_by_id IS NULL) AND (started_at IS NULL) = (started_scopes IS NULL)
    AND (started_at IS NULL) = (started_client_id IS NULL) AND (started_at IS NULL) = (started_request_id IS NULL)
  ),
  CONSTRAINT refund_batches_running_is_taken_up CHECK (status <> 'running' OR due_at IS NOT NULL),
  CONSTRAINT refund_batches_finished CHECK ((status = 'finished') = (finished_at IS NOT NULL))
);
-- The list, newest first; read backwards.
CREATE INDEX refund_batches_by_time ON refund_batches (brand_id, created_at, batch_id);
-- What a worker takes up next.
CREATE INDEX refund_batches_due ON refund_batches (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE refund_batch_rows (
  batch_id        text COLLATE "C" NOT NULL REFERENCES refund_batches,
  -- From 1, in the order in which they were given.
  row_no          integer NOT NULL CHECK (row_no > 0),
  brand_id        text NOT NULL,
  -- The payment that was found, else what was given. No foreign key: it would lock the payments of a batch all at once.
  payment_id      text COLLATE "C",
  charge_id       text,
  -- Fixed when it was checked: what was left then where no amount was given.
  amount_cents    bigint CHECK (amount_cents > 0),
  currency        text CHECK (currency ~ '^[a-z]{3}$'),
  -- What was left of the payment after this row and those before it, when it was checked.
  remaining_cents bigint CHECK (remaining_cents >= 0),
  -- A code of the reasons, or free text, which goes when the customer is erased; so does the note.
  reason          text,
  note            text,
  status          text NOT NULL CHECK (status IN ('checked', 'cannot', 'running', 'issued', 'failed')),
  refund_id       text COLLATE "C" REFERENCES refunds,
  -- Why not: a code and a sentence of the catalogue of errors.
  refusal_code    text,
  refusal_message text,
  started_at      timestamptz(3),
  ended_at        timestamptz(3),
  PRIMARY KEY (batch_id, row_no),
  CONSTRAINT refund_batch_rows_can_be_issued CHECK (
    status = 'cannot'
    OR (payment_id IS NOT NULL AND amount_cents IS NOT NULL AND currency IS NOT NULL AND remaining_cents IS NOT NULL)
  ),
  CONSTRAINT refund_batch_rows_refused_with_a_sentence CHECK (
    (status IN ('cannot', 'failed')) = (refusal_code IS NOT NULL) AND (refusal_code IS NULL) = (refusal_message IS NULL)
  ),
  CONSTRAINT refund_batch_rows_issued CHECK (status <> 'issued' OR refund_id IS NOT NULL),
  CONSTRAINT refund_batch_rows_ended CHECK ((status IN ('issued', 'failed')) = (ended_at IS NOT NULL))
);
-- What is to be done of a batch, and rows of one status.
CREATE INDEX refund_batch_rows_by_status ON refund_batch_rows (batch_id, status, row_no);
-- What was written about a payment, to be emptied.
CREATE INDEX refund_batch_rows_by_payment ON refund_batch_rows (payment_id) WHERE payment_id IS NOT NULL;
-- One refund comes of one row.
CREATE UNIQUE INDEX refund_batch_rows_by_refund ON refund_batch_rows (refund_id) WHERE refund_id IS NOT NULL;

ALTER TABLE refund_batches ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_brand ON refund_batches TO payments_api USING (brand_id = current_setting('payments.brand_id', true));
CREATE POLICY all_brands ON refund_batches TO payments_service USING (true);
ALTER TABLE refund_batch_rows ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_brand ON refund_batch_rows TO payments_api USING (brand_id = current_setting('payments.brand_id', true));
CREATE POLICY all_brands ON refund_batch_rows TO payments_service USING (true);
GRANT SELECT, INSERT, UPDATE ON refund_batches, refund_batch_rows TO payments_api, payments_service;

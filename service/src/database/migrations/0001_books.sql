-- Up Migration
-- The books: what was paid, what went back, what is disputed, and the record of every change.
-- Amounts are integers in the currency's smallest unit; times are UTC, to the millisecond so that a
-- JavaScript Date and a page's cursor carry them exactly. Identifiers sort by bytes ("C").

CREATE TABLE payments (
  payment_id                text COLLATE "C" PRIMARY KEY,
  brand_id                  text NOT NULL,
  customer_id               text NOT NULL,
  order_id                  text,
  subscription_id           text,
  mode                      text NOT NULL CHECK (mode IN ('one_shot', 'subscription')),
  amount_cents              bigint NOT NULL CHECK (amount_cents >= 0),
  currency                  text NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
  -- The provider's word, and an open set: a status that it invents tomorrow must not stop the mirror.
  status                    text NOT NULL,
  captured_cents            bigint NOT NULL DEFAULT 0,
  -- Asked for and not yet settled; settled. Only the transitions of refunds move these two.
  reserved_cents            bigint NOT NULL DEFAULT 0,
  refunded_cents            bigint NOT NULL DEFAULT 0,
  stripe_payment_intent_id  text UNIQUE,
  stripe_charge_id          text UNIQUE,
  created_at                timestamptz(3) NOT NULL,
  updated_at                timestamptz(3) NOT NULL,
  -- When the request was sent whose answer this row shows: an answer asked for earlier is older and is dropped.
  observed_at               timestamptz NOT NULL,
  -- What makes an over-refund impossible, whatever the code does.
  CONSTRAINT payments_refundable CHECK (
    captured_cents >= 0 AND reserved_cents >= 0 AND refunded_cents >= 0
    AND reserved_cents + refunded_cents <= captured_cents
  ),
  CONSTRAINT payments_known_at_provider CHECK (stripe_payment_intent_id IS NOT NULL OR stripe_charge_id IS NOT NULL),
  -- What refunds and disputes refer to, so that their copies of brand and customer cannot differ from the payment's.
  CONSTRAINT payments_owner UNIQUE (payment_id, brand_id, customer_id)
);
CREATE INDEX payments_by_time ON payments (brand_id, created_at, payment_id);
CREATE INDEX payments_by_customer ON payments (brand_id, customer_id, created_at, payment_id);
CREATE INDEX payments_by_status ON payments (brand_id, status, created_at, payment_id);
CREATE INDEX payments_by_order ON payments (brand_id, order_id, created_at, payment_id) WHERE order_id IS NOT NULL;

CREATE TABLE refunds (
  refund_id         text COLLATE "C" PRIMARY KEY,
  payment_id        text COLLATE "C" NOT NULL,
  brand_id          text NOT NULL,
  customer_id       text NOT NULL,
  charge_id         text,
  amount_cents      bigint NOT NULL CHECK (amount_cents > 0),
  currency          text NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
  status            text NOT NULL CHECK (status IN (
                      'awaiting_approval', 'rejected', 'pending', 'requires_action', 'succeeded', 'failed', 'canceled')),
  -- How much of amount_cents stands in the payment's counters: all of it while the refund is alive, none once it
  -- has ended without paying. Less than all only where the provider's word contradicts the books (see anomalies).
  counted_cents     bigint NOT NULL,
  reason            text,
  origin            text NOT NULL CHECK (origin IN ('api', 'external')),
  stripe_refund_id  text UNIQUE,
  failure_reason    text,
  pending_reason    text,
  -- The acquirer's reference (ARN) by which the customer's bank finds the money.
  bank_reference    text,
  bank_reference_at timestamptz(3),
  created_at        timestamptz(3) NOT NULL,
  updated_at        timestamptz(3) NOT NULL,
  observed_at       timestamptz,
  CONSTRAINT refunds_counted CHECK (counted_cents BETWEEN 0 AND amount_cents),
  CONSTRAINT refunds_ended_count_nothing CHECK (status NOT IN ('rejected', 'failed', 'canceled') OR counted_cents = 0),
  CONSTRAINT refunds_owner FOREIGN KEY (payment_id, brand_id, customer_id)
    REFERENCES payments (payment_id, brand_id, customer_id) ON UPDATE CASCADE
);
-- The list, newest first, of everybody and of one customer; read backwards.
CREATE INDEX refunds_by_time ON refunds (brand_id, created_at, refund_id);
CREATE INDEX refunds_by_customer ON refunds (brand_id, customer_id, created_at, refund_id);
CREATE INDEX refunds_by_status ON refunds (brand_id, status, created_at, refund_id);
CREATE INDEX refunds_by_reason ON refunds (brand_id, reason, created_at, refund_id);
CREATE INDEX refunds_by_payment ON refunds (payment_id, created_at, refund_id);
CREATE INDEX refunds_by_charge ON refunds (charge_id, created_at, refund_id);

CREATE TABLE refund_transitions (
  transition_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  refund_id             text COLLATE "C" NOT NULL REFERENCES refunds,
  payment_id            text COLLATE "C" NOT NULL,
  brand_id              text NOT NULL,
  from_status           text,
  to_status             text NOT NULL,
  reserved_delta_cents  bigint NOT NULL,
  refunded_delta_cents  bigint NOT NULL,
  actor_type            text NOT NULL CHECK (actor_type IN ('user', 'service', 'system')),
  actor_id              text NOT NULL,
  -- What brought it about: a Stripe event's id, 'backfill', a request's id.
  cause                 text NOT NULL,
  occurred_at           timestamptz(3) NOT NULL
);
CREATE INDEX refund_transitions_by_refund ON refund_transitions (refund_id, transition_id);
CREATE INDEX refund_transitions_by_payment ON refund_transitions (payment_id, transition_id);

CREATE TABLE disputes (
  dispute_id         text COLLATE "C" PRIMARY KEY,
  payment_id         text COLLATE "C" NOT NULL,
  brand_id           text NOT NULL,
  customer_id        text NOT NULL,
  amount_cents       bigint NOT NULL CHECK (amount_cents >= 0),
  currency           text NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
  reason             text,
  status             text NOT NULL,
  stripe_dispute_id  text NOT NULL UNIQUE,
  stripe_charge_id   text,
  evidence_due_by    timestamptz(3),
  created_at         timestamptz(3) NOT NULL,
  updated_at         timestamptz(3) NOT NULL,
  resolved_at        timestamptz(3),
  observed_at        timestamptz NOT NULL,
  CONSTRAINT disputes_owner FOREIGN KEY (payment_id, brand_id, customer_id)
    REFERENCES payments (payment_id, brand_id, customer_id) ON UPDATE CASCADE
);
CREATE INDEX disputes_by_time ON disputes (brand_id, created_at, dispute_id);
CREATE INDEX disputes_by_payment ON disputes (payment_id, created_at, dispute_id);

-- Where the provider's word and the books contradict each other: for a person to look at, never dropped.
CREATE TABLE anomalies (
  anomaly_id   text COLLATE "C" PRIMARY KEY,
  brand_id     text NOT NULL,
  kind         text NOT NULL,
  entity_type  text NOT NULL,
  entity_id    text NOT NULL,
  details      jsonb NOT NULL,
  raised_at    timestamptz(3) NOT NULL,
  resolved_at  timestamptz(3)
);
-- The same contradiction seen again is not another one.
CREATE UNIQUE INDEX anomalies_open ON anomalies (kind, entity_id, details) WHERE resolved_at IS NULL;

CREATE TABLE audit_log (
  audit_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  occurred_at  timestamptz(3) NOT NULL,
  actor_type   text NOT NULL CHECK (actor_type IN ('user', 'service', 'system')),
  actor_id     text NOT NULL,
  brand_id     text NOT NULL,
  event_type   text NOT NULL,
  entity_type  text NOT NULL,
  entity_id    text NOT NULL,
  request_id   text,
  details      jsonb NOT NULL
);
CREATE INDEX audit_log_by_entity ON audit_log (entity_type, entity_id, audit_id);

-- Events for other services, written with the change that they tell of.
CREATE TABLE outbox (
  outbox_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id     text COLLATE "C" NOT NULL UNIQUE,
  event_type   text NOT NULL CHECK (event_type ~ '\.v[0-9]+$'),
  brand_id     text NOT NULL,
  entity_type  text NOT NULL,
  entity_id    text NOT NULL,
  data         jsonb NOT NULL,
  occurred_at  timestamptz(3) NOT NULL
);

-- What has happened is not rewritten: these tables only grow.
CREATE FUNCTION refuse_rewriting_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% only grows: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON refund_transitions
  FOR EACH ROW EXECUTE FUNCTION refuse_rewriting_history();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_log
  FOR EACH ROW EXECUTE FUNCTION refuse_rewriting_history();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON refund_transitions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting_history();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting_history();

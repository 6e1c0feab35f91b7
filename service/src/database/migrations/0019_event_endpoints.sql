-- Up Migration
-- Events go out: what is written to the outbox is delivered to the endpoints of other services that have asked for it.

CREATE TABLE event_endpoints (
  endpoint_id     text COLLATE "C" PRIMARY KEY,
  brand_id        text NOT NULL,
  url             text NOT NULL,
  -- What a person calls it.
  description     text,
  -- What it is told of: a type, all types of something (`refund.*`), or everything (`*`).
  event_types     text[] NOT NULL CHECK (cardinality(event_types) > 0),
  status          text NOT NULL CHECK (status IN ('enabled', 'disabled', 'deleted')),
  disabled_reason text CHECK (disabled_reason IN ('by_hand', 'failing', 'gone')),
  -- What deliveries are signed with, sealed; and what they were signed with before, for as long as they still are.
  secret            text NOT NULL,
  former_secret     text,
  former_expires_at timestamptz(3),
  -- Attempts that have failed one after another, since when, and up to when there is no next one.
  failures        integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
  failing_since   timestamptz(3),
  paused_until    timestamptz(3),
  created_at      timestamptz(3) NOT NULL,
  updated_at      timestamptz(3) NOT NULL,
  CONSTRAINT event_endpoints_disabled_for_a_reason CHECK ((status = 'disabled') = (disabled_reason IS NOT NULL)),
  CONSTRAINT event_endpoints_former_secret_ends CHECK ((former_secret IS NULL) = (former_expires_at IS NULL)),
  CONSTRAINT event_endpoints_failing_since CHECK ((failures = 0) = (failing_since IS NULL))
);
-- Whom an event may go to, and the list of them, newest first; read backwards.
CREATE INDEX event_endpoints_by_time ON event_endpoints (brand_id, created_at, endpoint_id) WHERE status <> 'deleted';

CREATE TABLE event_deliveries (
  -- In the order in which the events of one entity were written.
  delivery_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- No foreign key: whoever writes an event would lock the endpoint's row, and endpoints are never deleted.
  endpoint_id      text COLLATE "C" NOT NULL,
  outbox_id        bigint NOT NULL,
  event_id         text COLLATE "C" NOT NULL,
  event_type       text NOT NULL,
  brand_id         text NOT NULL,
  entity_id        text COLLATE "C" NOT NULL,
  status           text NOT NULL CHECK (status IN ('pending', 'delivered', 'failed', 'canceled')),
  attempts         integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  -- Attempts since it was last asked for: by the event itself, or by somebody who has it sent again.
  round_attempts   integer NOT NULL DEFAULT 0 CHECK (round_attempts >= 0),
  -- When the next attempt is due; whoever makes one puts it off for as long as that may take.
  due_at           timestamptz(3),
  last_attempt_at  timestamptz(3),
  last_status_code integer,
  -- A code of ours (`timeout`, `connection_refused`, …) where there was no answer, `http_error` where it was not a 2xx.
  last_error       text,
  delivered_at     timestamptz(3),
  created_at       timestamptz(3) NOT NULL,
  CONSTRAINT event_deliveries_pending_are_due CHECK ((status = 'pending') = (due_at IS NOT NULL)),
  CONSTRAINT event_deliveries_delivered CHECK (status <> 'delivered' OR delivered_at IS NOT NULL)
);
CREATE UNIQUE INDEX event_deliveries_once ON event_deliveries (endpoint_id, event_id);
-- What is due at an endpoint.
CREATE INDEX event_deliveries_due ON event_deliveries (endpoint_id, due_at) WHERE status = 'pending';
-- Whether something of the same entity is still to be delivered before it.
CREATE INDEX event_deliveries_in_order ON event_deliveries (endpoint_id, entity_id, delivery_id) WHERE status = 'pending';
-- Lists, newest first, of a brand, of an endpoint, of an entity; read backwards.
CREATE INDEX event_deliveries_by_time ON event_deliveries (brand_id, created_at, delivery_id);
CREATE INDEX event_deliveries_by_endpoint ON event_deliveries (endpoint_id, created_at, delivery_id);
CREATE INDEX event_deliveries_by_entity ON event_deliveries (entity_id, created_at, delivery_id);
-- What was given up.
CREATE INDEX event_deliveries_failed ON event_deliveries (endpoint_id, created_at, delivery_id) WHERE status = 'failed';
-- What is done with for long.
CREATE INDEX event_deliveries_done ON event_deliveries (created_at) WHERE status <> 'pending';

CREATE TABLE event_delivery_attempts (
  delivery_id  bigint NOT NULL REFERENCES event_deliveries ON DELETE CASCADE,
  attempt_no   integer NOT NULL CHECK (attempt_no > 0),
  brand_id     text NOT NULL,
  attempted_at timestamptz(3) NOT NULL,
  duration_ms  integer NOT NULL CHECK (duration_ms >= 0),
  status_code  integer,
  error        text,
  PRIMARY KEY (delivery_id, attempt_no)
);

-- In the transaction of the event itself: there is never an event whose deliveries were forgotten. An endpoint that is switched off
-- is owed them when it is on again. A test is for the endpoint alone that is tested.
CREATE FUNCTION owe_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO event_deliveries (endpoint_id, outbox_id, event_id, event_type, brand_id, entity_id, status, due_at, created_at)
  SELECT e.endpoint_id, NEW.outbox_id, NEW.event_id, NEW.event_type, NEW.brand_id, NEW.entity_id, 'pending',
         -- Behind what is put off of the same entity, or it would be looked at in vain until then.
         greatest(NEW.occurred_at, (SELECT max(d.due_at) FROM event_deliveries d
                                    WHERE d.endpoint_id = e.endpoint_id AND d.entity_id = NEW.entity_id AND d.status = 'pending')),
         NEW.occurred_at
  FROM event_endpoints e
  WHERE e.brand_id = NEW.brand_id AND e.status <> 'deleted'
    AND CASE NEW.event_type
          WHEN 'event_endpoint.test.v1' THEN e.endpoint_id = NEW.entity_id
          ELSE e.event_types && ARRAY['*', split_part(NEW.event_type, '.', 1) || '.*', NEW.event_type]
        END;
  RETURN NULL;
END $$;
CREATE TRIGGER owe_deliveries AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION owe_deliveries();

ALTER TABLE event_endpoints ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_brand ON event_endpoints TO payments_api USING (brand_id = current_setting('payments.brand_id', true));
CREATE POLICY all_brands ON event_endpoints TO payments_service USING (true);
ALTER TABLE event_deliveries ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_brand ON event_deliveries TO payments_api USING (brand_id = current_setting('payments.brand_id', true));
CREATE POLICY all_brands ON event_deliveries TO payments_service USING (true);
ALTER TABLE event_delivery_attempts ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_brand ON event_delivery_attempts TO payments_api USING (brand_id = current_setting('payments.brand_id', true));
CREATE POLICY all_brands ON event_delivery_attempts TO payments_service USING (true);
GRANT SELECT, INSERT, UPDATE ON event_endpoints, event_deliveries TO payments_api, payments_service;
GRANT SELECT ON event_delivery_attempts, outbox TO payments_api;
GRANT SELECT, INSERT ON event_delivery_attempts TO payments_service;
GRANT DELETE ON event_deliveries TO payments_service;

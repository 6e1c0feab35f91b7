-- Up Migration
-- The audit log tells through which client and from where; can be searched; and is sealed, so that what was changed afterwards
-- is found. Rows that are there already stay as they are and are sealed by the worker, bit by bit.

ALTER TABLE audit_log
  -- The OAuth client through which a caller came.
  ADD COLUMN client_id  text,
  -- The caller's IP address, as far as the proxies in front are trusted to tell it.
  ADD COLUMN ip_address text;

-- The list, newest first, of a brand and by each of its filters; read backwards.
CREATE INDEX audit_log_by_time ON audit_log (brand_id, occurred_at, audit_id);
CREATE INDEX audit_log_by_actor ON audit_log (brand_id, actor_id, occurred_at, audit_id);
CREATE INDEX audit_log_by_event ON audit_log (brand_id, event_type, occurred_at, audit_id);
CREATE INDEX audit_log_by_kind ON audit_log (brand_id, entity_type, occurred_at, audit_id);
CREATE INDEX audit_log_of_entity ON audit_log (brand_id, entity_id, occurred_at, audit_id);
CREATE INDEX audit_log_of_request ON audit_log USING hash (request_id) WHERE request_id IS NOT NULL;
-- An entity's id says what kind it is; nothing reads this one any more.
DROP INDEX audit_log_by_entity;

-- Each seal holds the hashes of a range of audit rows and the hash of the seal before (docs/decisions/0011).
CREATE TABLE audit_seals (
  -- 1, 2, 3, …: one that is missing shows.
  seal_id       bigint PRIMARY KEY CHECK (seal_id > 0),
  -- What it covers: every row with after_id < audit_id <= until_id. The ranges leave no gap.
  after_id      bigint NOT NULL UNIQUE,
  until_id      bigint NOT NULL UNIQUE,
  -- For each row its audit_id (8 bytes) and the SHA-256 of its canonical form (32 bytes), in the order of audit_id.
  leaves        bytea NOT NULL CHECK (octet_length(leaves) BETWEEN 40 AND 40000 AND octet_length(leaves) % 40 = 0),
  previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
  hash          bytea NOT NULL CHECK (octet_length(hash) = 32),
  sealed_at     timestamptz(3) NOT NULL,
  CONSTRAINT audit_seals_cover_something CHECK (after_id < until_id)
);
-- Hashes do not get smaller by compression.
ALTER TABLE audit_seals ALTER COLUMN leaves SET STORAGE EXTERNAL;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_seals
  FOR EACH ROW EXECUTE FUNCTION refuse_rewriting_history();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit_seals
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting_history();

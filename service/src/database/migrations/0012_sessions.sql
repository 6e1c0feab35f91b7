-- Up Migration
-- People who are signed in to the console. The browser holds a random name of the session, the database only its hash; the
-- tokens are sealed with a secret that the database does not have.
CREATE TABLE sessions (
  session_hash       bytea PRIMARY KEY,
  actor_id           text NOT NULL,
  name               text,
  signed_in_at       timestamptz(3) NOT NULL,
  created_at         timestamptz(3) NOT NULL,
  last_seen_at       timestamptz(3) NOT NULL,
  expires_at         timestamptz(3) NOT NULL,
  access_token       text NOT NULL,
  refresh_token      text,
  access_expires_at  timestamptz(3),
  -- Somebody is asking the issuer for a new token: a refresh token is good once.
  refreshing_until   timestamptz(3)
);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO payments_service;

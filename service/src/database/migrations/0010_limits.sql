-- Up Migration

-- How often something was done, in slots of two seconds of this database's clock, added up over all instances. Not logged: a crash of
-- the server empties it, and what that costs is that a caller may begin its minute anew. Rows are older than a minute for a minute at
-- most; they are updated in place (no index but the key's, and room on each page for a row's next version).
CREATE UNLOGGED TABLE rate_counts (
  key   text    NOT NULL,
  slot  bigint  NOT NULL,
  count integer NOT NULL,
  PRIMARY KEY (key, slot)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

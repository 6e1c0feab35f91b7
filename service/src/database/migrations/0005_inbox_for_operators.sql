-- Up Migration
-- The inbox for those who run the service: who works on it, what an operator says of an event, what may be forgotten.

-- Job queues that are at work. Each moves its beat every few seconds; one whose beat stands still is dead, and what it
-- holds is given back.
CREATE TABLE job_workers (
  -- As the job queue names itself where it locks a job.
  worker_id text COLLATE "C" PRIMARY KEY,
  beat      bigint NOT NULL,
  -- For a person to look at; nothing is decided by it.
  seen_at   timestamptz(3) NOT NULL
) WITH (fillfactor = 50);

-- What an operator wrote who put an event on the shelf; for operators only.
ALTER TABLE stripe_events ADD COLUMN note text;

-- Reads any status newest first, and what is old enough to be forgotten oldest first. Each event has one entry, as
-- before: what was open had one in the index that this one replaces.
DROP INDEX stripe_events_open;
CREATE INDEX stripe_events_by_status ON stripe_events (status, received_at);

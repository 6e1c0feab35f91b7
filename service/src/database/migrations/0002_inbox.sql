-- Up Migration
-- What Stripe has told us, each event once. Only what is needed to ask Stripe for the object as it is now is
-- kept: the event's own snapshot is neither trusted nor stored (it holds names and e-mail addresses).

CREATE TABLE stripe_events (
  event_id          text COLLATE "C" PRIMARY KEY,
  stripe_event_id   text NOT NULL UNIQUE,
  event_type        text NOT NULL,
  object_type       text,
  object_id         text,
  livemode          boolean NOT NULL,
  -- Set on events of a connected account, whose objects are not ours.
  stripe_account_id text,
  -- received: to be done · processed · ignored: a type that says nothing about refunds ·
  -- unmatched: the shelf, for objects that are not ours or that Stripe no longer knows · failed: given up, see error
  status            text NOT NULL CHECK (status IN ('received', 'processed', 'ignored', 'unmatched', 'failed')),
  attempts          integer NOT NULL DEFAULT 0,
  -- Why it is on the shelf or has failed: a code and a sentence, never Stripe's data.
  error             text,
  stripe_created_at timestamptz(3) NOT NULL,
  received_at       timestamptz(3) NOT NULL,
  processed_at      timestamptz(3)
);
CREATE INDEX stripe_events_open ON stripe_events (status, received_at) WHERE status IN ('received', 'unmatched', 'failed');

-- How far each backfill has come, so that one that was killed goes on where it was.
CREATE TABLE backfills (
  backfill_id    text COLLATE "C" PRIMARY KEY,
  -- What was asked for.
  since          timestamptz(3) NOT NULL,
  -- What is being read: first from `since` to the start, then what was created while that was read.
  window_from    timestamptz(3) NOT NULL,
  window_until   timestamptz(3) NOT NULL,
  -- The kind of object being read, and the last one of it that is safely in the books (newest first).
  step           text NOT NULL,
  starting_after text,
  -- Objects read by kind, and what they did to the books.
  counts         jsonb NOT NULL,
  started_at     timestamptz(3) NOT NULL,
  updated_at     timestamptz(3) NOT NULL,
  finished_at    timestamptz(3)
);
CREATE UNIQUE INDEX backfills_unfinished ON backfills (since) WHERE finished_at IS NULL;

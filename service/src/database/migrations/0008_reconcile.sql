-- Up Migration
-- Comparing the books with what Stripe lists: which windows were compared, and where the two differed.

CREATE TABLE reconcile_runs (
  run_id         text COLLATE "C" PRIMARY KEY,
  -- What Stripe created between these is compared.
  window_from    timestamptz(3) NOT NULL,
  window_until   timestamptz(3) NOT NULL,
  -- The end that was asked for; null for "up to now", which each run understands when it begins.
  asked_until    timestamptz(3),
  -- What is being compared, and the last one of it that is done with.
  step           text NOT NULL,
  starting_after text,
  counts         jsonb NOT NULL,
  started_at     timestamptz(3) NOT NULL,
  updated_at     timestamptz(3) NOT NULL,
  finished_at    timestamptz(3),
  -- It was stopped, and nobody went on with it for so long that another was begun.
  abandoned_at   timestamptz(3)
);
CREATE UNIQUE INDEX reconcile_runs_unfinished ON reconcile_runs (window_from, asked_until) NULLS NOT DISTINCT
  WHERE finished_at IS NULL AND abandoned_at IS NULL;
CREATE INDEX reconcile_runs_finished ON reconcile_runs (finished_at) WHERE finished_at IS NOT NULL;

-- Both sides hold amounts, statuses and ids, nothing else.
CREATE TABLE reconcile_differences (
  difference_id text COLLATE "C" PRIMARY KEY,
  -- The run that found it, and the latest that has seen it.
  run_id        text COLLATE "C" NOT NULL REFERENCES reconcile_runs,
  seen_run_id   text COLLATE "C" NOT NULL REFERENCES reconcile_runs,
  brand_id      text NOT NULL,
  kind          text NOT NULL,
  entity_type   text NOT NULL CHECK (entity_type IN ('payment', 'refund', 'dispute')),
  entity_id     text,
  stripe_id     text,
  here          jsonb,
  at_stripe     jsonb,
  -- repaired, imported: by Stripe's word · left: for a person
  done          text NOT NULL CHECK (done IN ('repaired', 'imported', 'left')),
  found_at      timestamptz(3) NOT NULL,
  closed_at     timestamptz(3),
  CONSTRAINT reconcile_differences_done_is_closed CHECK (done = 'left' OR closed_at IS NOT NULL),
  CONSTRAINT reconcile_differences_of_something CHECK (entity_id IS NOT NULL OR stripe_id IS NOT NULL)
);
-- The same difference seen again, while it is open, is not another one. Also finds what is open about an object.
CREATE UNIQUE INDEX reconcile_differences_open
  ON reconcile_differences (stripe_id, entity_id, kind, md5(coalesce(here::text, '') || coalesce(at_stripe::text, '')))
  NULLS NOT DISTINCT WHERE closed_at IS NULL;
CREATE INDEX reconcile_differences_by_run ON reconcile_differences (seen_run_id, difference_id);

-- What was created in a window, of all brands; rows lie roughly in this order, so that block ranges are enough.
CREATE INDEX payments_created ON payments USING brin (created_at);
CREATE INDEX refunds_created ON refunds USING brin (created_at);
CREATE INDEX disputes_created ON disputes USING brin (created_at);

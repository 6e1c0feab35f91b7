-- Up Migration
-- In which trace a refund was asked for, where traces are kept: what becomes of it later is told in the same one.
CREATE TABLE refund_traces (
  refund_id    text COLLATE "C" PRIMARY KEY,
  brand_id     text NOT NULL,
  -- W3C Trace Context: an id by chance, which says nothing of anybody.
  trace_parent text NOT NULL CHECK (trace_parent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$')
);
ALTER TABLE refund_traces ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_brand ON refund_traces TO payments_api USING (brand_id = current_setting('payments.brand_id', true));
CREATE POLICY all_brands ON refund_traces TO payments_service USING (true);
GRANT SELECT, INSERT ON refund_traces TO payments_api, payments_service;

-- Up Migration
-- What waits for somebody's word, of all brands: few at any time, and asked for by every scrape of the metrics.
CREATE INDEX refunds_awaiting_approval ON refunds (created_at) WHERE status = 'awaiting_approval';

-- Up Migration
-- Every refund paid for it, and nothing read it.
DROP INDEX refund_transitions_by_payment;

-- A key is written three times within a second, and none of what changes is indexed: with room on its page the new
-- version takes no new index entry. The same goes for a payment's counters.
ALTER TABLE idempotency_keys SET (fillfactor = 50);
ALTER TABLE payments SET (fillfactor = 80);

-- Up Migration
-- What every refund pays for and nothing reads.
DROP INDEX outbox_by_entity;
DROP INDEX idempotency_keys_by_refund;
DROP INDEX refund_transitions_by_payment;

-- A key is written three times within a second, and none of what changes is indexed: with room on its page the new
-- version takes no new index entry. The same goes for a payment's counters.
ALTER TABLE idempotency_keys SET (fillfactor = 50);
ALTER TABLE payments SET (fillfactor = 80);

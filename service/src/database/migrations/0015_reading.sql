-- Up Migration
-- What a desk looks for: a refund by the bank's reference, a payment by its subscription, customers and orders by how their ids
-- begin, and all there is of a customer; and how long refunds took to settle.

CREATE INDEX refunds_by_bank_reference ON refunds (bank_reference) WHERE bank_reference IS NOT NULL;
CREATE INDEX payments_by_subscription ON payments (brand_id, subscription_id, created_at, payment_id)
  WHERE subscription_id IS NOT NULL;
CREATE INDEX disputes_by_customer ON disputes (brand_id, customer_id, created_at, dispute_id);

-- By bytes, whatever the database's collation is: only so do ids that begin alike lie side by side.
CREATE INDEX payments_customer_prefix ON payments (brand_id, customer_id COLLATE "C");
CREATE INDEX payments_order_prefix ON payments (brand_id, order_id COLLATE "C") WHERE order_id IS NOT NULL;

-- When refunds were seen to succeed, and which failed after that: everything that reports ask of a history, without the table itself.
CREATE INDEX refund_transitions_settled ON refund_transitions (brand_id, occurred_at) INCLUDE (refund_id)
  WHERE to_status = 'succeeded' AND from_status IN ('pending', 'requires_action');
CREATE INDEX refund_transitions_failed_late ON refund_transitions (refund_id) INCLUDE (brand_id)
  WHERE from_status = 'succeeded' AND to_status = 'failed';

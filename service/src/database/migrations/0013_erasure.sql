-- Up Migration
-- Customers can be erased: what is of a person goes, the books stay (docs/decisions/0013, docs/privacy.md).

-- From it and a customer's id a name is made under which the customer stands where nothing is ever taken out again.
CREATE TABLE customer_secret (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  secret   bytea NOT NULL CHECK (octet_length(secret) = 32)
);
INSERT INTO customer_secret (secret)
  SELECT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON customer_secret
  FOR EACH ROW EXECUTE FUNCTION refuse_rewriting_history();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON customer_secret
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting_history();
GRANT SELECT ON customer_secret TO payments_service;

-- Always the same for the same customer of the same brand; the id is not found from it without the secret.
CREATE FUNCTION customer_name(brand_id text, customer_id text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
  RETURN 'customer:' || left(encode(sha256(
    (SELECT secret FROM customer_secret) || convert_to(brand_id, 'UTF8') || '\x00'::bytea || convert_to(customer_id, 'UTF8')
  ), 'hex'), 32);

-- Who was erased, without saying who: Stripe still has the ids, and what it says later must not bring them back.
CREATE TABLE erasures (
  -- What stands in the books in place of the customer's id.
  pseudonym     text COLLATE "C" PRIMARY KEY CHECK (pseudonym ~ '^erased_'),
  brand_id      text NOT NULL,
  -- customer_name of the customer.
  customer_name text COLLATE "C" NOT NULL,
  -- What was paid after this is of somebody who came back, and is not erased.
  covers_until  timestamptz(3) NOT NULL,
  begun_at      timestamptz(3) NOT NULL,
  -- Null: cut off, or something was under way; the same command goes on.
  finished_at   timestamptz(3),
  UNIQUE (customer_name, brand_id)
);
ALTER TABLE erasures ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_brand ON erasures TO payments_api USING (brand_id = current_setting('payments.brand_id', true));
CREATE POLICY all_brands ON erasures TO payments_service USING (true);
GRANT SELECT, INSERT, UPDATE ON erasures TO payments_service;

-- Whatever Stripe says of an erased payment's customer, order or subscription changes nothing.
ALTER TABLE payments ADD COLUMN erased_at timestamptz(3);

-- The texts in the answer that a key keeps go when its refund's customer is erased, once, and nothing else of it.
ALTER TABLE idempotency_keys ADD COLUMN erased_at timestamptz(3);
CREATE FUNCTION without_texts(answer_body text) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN answer_body::jsonb - ARRAY['customer_id', 'reason', 'note', 'decision_note', 'resolution_reference'];
CREATE OR REPLACE FUNCTION refuse_another_answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL
     AND to_jsonb(NEW) - ARRAY['answer_body', 'erased_at'] = to_jsonb(OLD) - ARRAY['answer_body', 'erased_at']
     AND without_texts(NEW.answer_body) = without_texts(OLD.answer_body) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'An idempotency key keeps its answer: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;

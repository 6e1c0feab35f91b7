-- Up Migration
-- Two roles to act as, neither of which can sign in. As payments_api the service does what one caller asks for: it sees and
-- changes the rows of one brand, whatever a query says. As payments_service it works for all of them: it is granted to whoever
-- serves. Neither owns anything, and neither can rewrite history.
DO $$
DECLARE role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['payments_api', 'payments_service'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
      EXCEPTION
        -- Another database of this server is being migrated at the same time.
        WHEN duplicate_object OR unique_violation THEN NULL;
        WHEN insufficient_privilege THEN
          RAISE EXCEPTION 'The role % is missing, and % may not make it', role_name, current_user
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'As a superuser: CREATE ROLE payments_api NOLOGIN; CREATE ROLE payments_service NOLOGIN;';
      END;
    END IF;
  END LOOP;
  IF NOT pg_has_role('payments_service', 'payments_api', 'MEMBER') THEN
    GRANT payments_api TO payments_service;
  END IF;
  IF NOT pg_has_role(current_user, 'payments_service', 'MEMBER') THEN
    EXECUTE format('GRANT payments_service TO %I', current_user);
  END IF;
END $$;

-- Every table whose rows belong to a brand.
DO $$
DECLARE name text;
BEGIN
  FOR name IN
    SELECT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attname = 'brand_id'
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY one_brand ON %I TO payments_api USING (brand_id = current_setting(''payments.brand_id'', true))',
      name);
    EXECUTE format('CREATE POLICY all_brands ON %I TO payments_service USING (true)', name);
  END LOOP;
END $$;

GRANT SELECT ON payments, refunds, refund_transitions, refund_reasons, disputes, anomalies, approval_limits, audit_log,
  idempotency_keys TO payments_api;
GRANT INSERT ON refunds, refund_transitions, anomalies, audit_log, outbox, idempotency_keys TO payments_api;
GRANT UPDATE ON payments, refunds, anomalies, idempotency_keys TO payments_api;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO payments_service;
REVOKE INSERT, UPDATE, DELETE ON schema_migrations FROM payments_service;
REVOKE UPDATE, DELETE ON refund_transitions, audit_log, audit_seals FROM payments_service;

import pg from 'pg';
import type { Logger } from 'pino';
import type { Connections, Queryable } from './pool.ts';

/** The role of DATABASE_URL cannot do the service's work. */
export class ServingRefused extends Error {}

const NOT_PERMITTED = '42501';

/**
 * Lets `payments_service` work with the job queue's tables, which the queue's own migrations make, as whoever migrates. Row-level
 * security is on for them, and shows nothing to anybody but their owner.
 */
export async function grantJobs(db: Queryable): Promise<void> {
  await db.query(`
    DO $$
    DECLARE name text;
    BEGIN
      IF NOT (SELECT pg_has_role(current_user, nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'graphile_worker') THEN
        RETURN;
      END IF;
      -- Several instances may start at once.
      PERFORM pg_advisory_xact_lock(7243392748);
      GRANT USAGE ON SCHEMA graphile_worker TO payments_service;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA graphile_worker TO payments_service;
      GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA graphile_worker TO payments_service;
      GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA graphile_worker TO payments_service;
      FOR name IN
        SELECT relname FROM pg_class c WHERE relnamespace = 'graphile_worker'::regnamespace AND relrowsecurity
          AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid AND polname = 'payments_service')
      LOOP
        EXECUTE format('CREATE POLICY payments_service ON graphile_worker.%I TO payments_service USING (true)', name);
      END LOOP;
    END $$`);
}

/** Makes a role a member of `payments_service`, by which it may do all that serving takes and nothing else. */
export async function letServe(db: Queryable, role: string): Promise<void> {
  const { rows } = await db.query<{ serves: boolean }>({
    text: `SELECT pg_has_role($1, 'payments_service', 'MEMBER') AS serves`,
    values: [role],
  });
  if (rows[0]?.serves !== true) await db.query(`GRANT payments_service TO ${pg.escapeIdentifier(role)}`);
}

/** Whether whoever has signed in is such a member. */
export async function mayServe(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ serves: boolean }>(
    `SELECT pg_has_role('payments_service', 'MEMBER') AS serves`,
  );
  return rows[0]?.serves === true;
}

/**
 * Makes sure that what is done for a caller is done as `payments_api`, and says so where the role that serves could get round the
 * locks of the database.
 *
 * @throws ServingRefused
 */
export async function checkRole(pool: Connections, log: Logger): Promise<void> {
  try {
    await pool.ofBrand('').query('SELECT 1');
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== NOT_PERMITTED) throw error;
    throw new ServingRefused(
      'The role of DATABASE_URL may not serve. As the role that owns the tables: GRANT payments_service TO <that role>;',
    );
  }
  const { rows } = await pool.query<{ rolsuper: boolean; rolbypassrls: boolean }>(
    'SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user',
  );
  if (rows[0]?.rolsuper === true || rows[0]?.rolbypassrls === true) {
    log.warn(
      'the role of DATABASE_URL is a superuser, or may bypass row-level security: serve as a role that is neither',
    );
  }
}

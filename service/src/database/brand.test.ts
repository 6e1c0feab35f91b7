import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { makePayment } from '../../../test/support/make.ts';
import { newId } from '../ids.ts';
import { type Connections, createPool, type Queryable, withTransaction } from './pool.ts';
import { checkRole, letServe, ServingRefused } from './roles.ts';

let database: TestDatabase;
let pool: Connections;
/** A role such as a deployment serves with: it owns nothing and is no superuser. */
const SERVING = `serving_${randomBytes(6).toString('hex')}`;
let serving: Connections;

before(async () => {
  database = await createTestDatabase();
  pool = createPool({ connectionString: database.url, max: 4 });
  for (const brand_id of ['acme', 'globex']) {
    await makePayment(pool, { brand_id, refunds: [{}, { status: 'failed' }], disputes: [{}] });
    await pool.query(
      `INSERT INTO anomalies (anomaly_id, brand_id, kind, entity_type, entity_id, details, raised_at)
       VALUES ($1, $2, 'test', 'payment', $2, '{}', now())`,
      [newId('anomaly'), brand_id],
    );
    await pool.query(
      'INSERT INTO approval_limits (brand_id, role, currency, limit_cents) VALUES ($1, $2, $3, 1)',
      [brand_id, 'agent', 'usd'],
    );
  }
  await pool.query(`CREATE ROLE ${SERVING} LOGIN PASSWORD 'serving'`);
  await letServe(pool, SERVING);
  const url = new URL(database.url);
  url.username = SERVING;
  url.password = 'serving';
  serving = createPool({ connectionString: url.href, max: 4 });
});
after(async () => {
  await serving.end();
  await pool.query(`DROP OWNED BY ${SERVING}`);
  await pool.query(`DROP ROLE ${SERVING}`);
  await pool.end();
  await database.drop();
});

const SHOWN = [
  'payments',
  'refunds',
  'refund_transitions',
  'disputes',
  'anomalies',
  'approval_limits',
  'audit_log',
];

const brandsIn = async (db: Queryable, table: string): Promise<string[]> =>
  (await db.query<{ brand_id: string }>(`SELECT DISTINCT brand_id FROM ${table} ORDER BY 1`)).rows.map(
    ({ brand_id }) => brand_id,
  );

const refusedAs = (code: string) => (error: unknown) =>
  error instanceof pg.DatabaseError && error.code === code ? true : assert.fail(String(error));
const NOT_PERMITTED = '42501';

for (const table of SHOWN) {
  test(`of ${table} one brand is shown to a query that forgets to say which, and all of them to the service itself`, async () => {
    for (const from of [pool, serving]) {
      assert.deepEqual(await brandsIn(from.ofBrand('acme'), table), ['acme']);
      assert.deepEqual(await brandsIn(from.ofBrand('globex'), table), ['globex']);
      assert.deepEqual(await brandsIn(from.ofBrand('initech'), table), []);
      assert.deepEqual(await brandsIn(from.ofBrand(''), table), []);
      assert.deepEqual(await brandsIn(from, table), ['acme', 'globex']);
    }
  });
}

test('every table whose rows are of a brand is locked, and none without a brand is shown but by name', async () => {
  const { rows } = await pool.query<{ name: string; branded: boolean; locked: boolean; policies: string[] }>(
    `SELECT c.relname AS name, c.relrowsecurity AS locked,
            EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'brand_id') AS branded,
            ARRAY(SELECT polname::text FROM pg_policy WHERE polrelid = c.oid ORDER BY 1) AS policies
     FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')`,
  );
  for (const { name, branded, locked, policies } of rows) {
    assert.equal(locked, branded, name);
    assert.deepEqual(policies, branded ? ['all_brands', 'one_brand'] : [], name);
  }
  const { rows: granted } = await pool.query<{ name: string }>(
    `SELECT DISTINCT table_name AS name FROM information_schema.role_table_grants WHERE grantee = 'payments_api' ORDER BY 1`,
  );
  const unbranded = granted.filter(({ name }) => !rows.some((row) => row.name === name && row.branded));
  assert.deepEqual(unbranded, [{ name: 'refund_reasons' }]);
});

test('whoever serves may read every table, so that no migration forgets to grant its own', async () => {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace IN ('public'::regnamespace, 'graphile_worker'::regnamespace)
       AND relkind IN ('r', 'p') AND NOT has_table_privilege('payments_service', oid, 'SELECT')`,
  );
  assert.deepEqual(rows, []);
});

test('what a caller has changed without a brand in the query changes the caller’s brand only', async () => {
  await pool.ofBrand('acme').query(`UPDATE refunds SET note = 'touched'`);
  const { rows } = await pool.query(`SELECT DISTINCT brand_id, note FROM refunds ORDER BY 1`);
  assert.deepEqual(rows, [
    { brand_id: 'acme', note: 'touched' },
    { brand_id: 'globex', note: null },
  ]);
});

test('nobody who acts for one brand can write a row of another, or give one away', async () => {
  const acme = pool.ofBrand('acme');
  const insert = `INSERT INTO outbox (event_id, event_type, brand_id, entity_type, entity_id, data, occurred_at)
                  VALUES ('event_1', 'refund.requested.v1', 'globex', 'refund', 'refund_1', '{}', now())`;
  await assert.rejects(acme.query(insert), refusedAs(NOT_PERMITTED));
  await assert.rejects(acme.query(`UPDATE payments SET brand_id = 'globex'`), refusedAs(NOT_PERMITTED));
});

for (const statement of [
  'UPDATE audit_log SET actor_id = $$nobody$$',
  'DELETE FROM audit_log',
  'TRUNCATE audit_log',
  'DELETE FROM refund_transitions',
  'DROP TABLE refunds',
  'ALTER TABLE refunds DISABLE ROW LEVEL SECURITY',
  'CREATE TABLE mine (id int)',
  'SET session_replication_role = replica',
  'CREATE ROLE another SUPERUSER',
  'COPY refunds TO PROGRAM $$true$$',
]) {
  test(`whoever serves may not ${statement.replaceAll('$$', "'")}, for a brand or for all`, async () => {
    for (const db of [serving, serving.ofBrand('acme')]) {
      await assert.rejects(db.query(statement), refusedAs(NOT_PERMITTED));
    }
  });
}

test('the lock cannot be switched off by whoever is behind it', async () => {
  const acme = serving.ofBrand('acme');
  const unlocked = async () => {
    const client = await acme.connect();
    try {
      await client.query('SET row_security = off');
      return await client.query('SELECT * FROM refunds');
    } finally {
      client.release(true);
    }
  };
  await assert.rejects(unlocked(), refusedAs(NOT_PERMITTED));
});

test('one connection serves brands in turn, in transactions and without, and never shows the one before', async () => {
  const single = createPool({ connectionString: database.url, max: 1 });
  try {
    const turns = ['acme', undefined, 'globex', 'acme', 'globex', undefined, undefined, 'acme'];
    const seen = await Promise.all(
      turns.map(async (brand, index) => {
        const db = brand === undefined ? single : single.ofBrand(brand);
        return index % 2 === 0
          ? await brandsIn(db, 'refunds')
          : await withTransaction(db, async (tx) => await brandsIn(tx, 'refunds'));
      }),
    );
    assert.deepEqual(
      seen,
      turns.map((brand) => (brand === undefined ? ['acme', 'globex'] : [brand])),
    );
  } finally {
    await single.end();
  }
});

test('a transaction that fails leaves no brand behind', async () => {
  const single = createPool({ connectionString: database.url, max: 1 });
  try {
    await assert.rejects(withTransaction(single.ofBrand('acme'), (tx) => tx.query('SELECT 1/0')));
    assert.deepEqual(await brandsIn(single, 'refunds'), ['acme', 'globex']);
    await assert.rejects(withTransaction(single, (tx) => tx.query('SELECT 1/0')));
    assert.deepEqual(await brandsIn(single.ofBrand('globex'), 'refunds'), ['globex']);
  } finally {
    await single.end();
  }
});

test('a role that may not act for callers answers nothing, in transactions neither, and the start says what to grant', async () => {
  const name = `stranger_${randomBytes(6).toString('hex')}`;
  await pool.query(`CREATE ROLE ${name} LOGIN PASSWORD 'stranger'`);
  const url = new URL(database.url);
  url.username = name;
  url.password = 'stranger';
  const stranger = createPool({ connectionString: url.href, max: 1 });
  try {
    const acme = stranger.ofBrand('acme');
    // Twice: a connection that could not be told stays one that nobody knows anything of.
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await assert.rejects(acme.query('SELECT 1'), refusedAs(NOT_PERMITTED));
      await assert.rejects(
        withTransaction(acme, (tx) => tx.query('SELECT 1')),
        refusedAs(NOT_PERMITTED),
      );
    }
    const log = { warn: () => assert.fail('it is no superuser') } as never;
    await assert.rejects(checkRole(stranger, log), (error) => {
      assert.ok(error instanceof ServingRefused);
      assert.match(error.message, /GRANT payments_service/);
      return true;
    });
    await letServe(pool, name);
    await checkRole(stranger, log);
    assert.deepEqual(await brandsIn(acme, 'refunds'), ['acme']);
  } finally {
    await stranger.end();
    await pool.query(`DROP OWNED BY ${name}`);
    await pool.query(`DROP ROLE ${name}`);
  }
});

test('that a superuser serves is said', async () => {
  const said: string[] = [];
  await checkRole(pool, { warn: (sentence: string) => said.push(sentence) } as never);
  assert.match(said.join(), /superuser/);
});

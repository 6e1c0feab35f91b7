import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { type Connections, createPool, type Pool, withTransaction } from '../database/pool.ts';
import { letServe } from '../database/roles.ts';
import { sealAudit } from './seal.ts';
import { measureUnsealed, startSealer } from './sealer.ts';
import { verifyAudit } from './verify.ts';

const opened: { database: TestDatabase; pool: Connections }[] = [];
let pool: Connections;

beforeEach(async () => {
  const database = await createTestDatabase();
  pool = createPool({ connectionString: database.url, max: 20 });
  opened.push({ database, pool });
});
after(async () => {
  for (const { database, pool } of opened) {
    // Also where a test that has failed still holds a connection.
    await database.drop();
    void pool.end();
  }
});

const INSERT = `INSERT INTO audit_log (occurred_at, actor_type, actor_id, brand_id, event_type, entity_type, entity_id, details)
                SELECT clock_timestamp(), 'system', 'stripe', 'default', 'refund.succeeded', 'refund', $1 || n, '{}'
                FROM generate_series(1, $2::int) AS n`;
const insert = (count: number, name = 'refund_', db: Pick<Pool, 'query'> = pool) =>
  db.query(INSERT, [name, count]);

interface SealRow {
  seal_id: number;
  after_id: number;
  until_id: number;
  rows: number;
  previous_hash: Buffer;
  hash: Buffer;
}

const seals = async () =>
  (
    await pool.query<SealRow>(
      `SELECT seal_id, after_id, until_id, octet_length(leaves) / 40 AS rows, previous_hash, hash
       FROM audit_seals ORDER BY seal_id`,
    )
  ).rows;

const lastId = async () =>
  (await pool.query('SELECT max(audit_id) AS id FROM audit_log')).rows[0].id as number;

test('what is there is sealed bit by bit, a thousand rows under a seal, each seal on the one before; again there is nothing to do', async () => {
  assert.equal(await sealAudit(pool), 0);
  await insert(2_500);
  const told: string[] = [];
  assert.equal(await sealAudit(pool, { onSeal: ({ hash }) => told.push(hash) }), 2_500);
  const made = await seals();
  assert.deepEqual(
    made.map(({ seal_id, after_id, until_id, rows }) => [seal_id, after_id, until_id, rows]),
    [
      [1, 0, 1_000, 1_000],
      [2, 1_000, 2_000, 1_000],
      [3, 2_000, 2_500, 500],
    ],
  );
  assert.deepEqual(
    made.map(({ previous_hash }) => previous_hash.toString('hex')),
    ['0'.repeat(64), ...told.slice(0, 2)],
  );
  assert.equal(await sealAudit(pool), 0);
  await insert(1);
  assert.equal(await sealAudit(pool), 1);
  assert.equal((await verifyAudit(pool)).found, 0);
});

test('what is hashed has the form that docs/audit.md gives, and never another one', async () => {
  await pool.query(
    `INSERT INTO audit_log (audit_id, occurred_at, actor_type, actor_id, client_id, brand_id, event_type, entity_type, entity_id,
                            request_id, ip_address, details, transition_id) OVERRIDING SYSTEM VALUE
     VALUES (7, '2026-01-31T14:05:00.123Z', 'user', 'Zoë "7"', 'console', 'default', 'refund.requested', 'refund', 'refund_1',
             'request-1', '203.0.113.7', '{"status": "pending", "before": null, "amount_cents": 4990}', 42),
            (9, '2026-01-31T14:05:01Z', 'system', 'stripe', NULL, 'default', 'refund.succeeded', 'refund', 'refund_1',
             NULL, NULL, '{}', NULL)`,
  );
  assert.equal(await sealAudit(pool), 2);
  const sha256 = (...parts: (string | Buffer)[]) => {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return hash.digest();
  };
  const leaves = Buffer.concat([
    Buffer.from('0000000000000007', 'hex'),
    sha256(
      '["payments audit row 1",7,"1769868300.123000","user","Zoë \\"7\\"","console","default","refund.requested","refund","refund_1",' +
        '"request-1","203.0.113.7",42,"{\\"before\\": null, \\"status\\": \\"pending\\", \\"amount_cents\\": 4990}"]',
    ),
    Buffer.from('0000000000000009', 'hex'),
    sha256(
      '["payments audit row 1",9,"1769868301.000000","system","stripe",null,"default","refund.succeeded","refund","refund_1",' +
        'null,null,null,"{}"]',
    ),
  ]);
  const { rows } = await pool.query('SELECT leaves, hash, sealed_at FROM audit_seals');
  assert.equal(rows[0].leaves.toString('hex'), leaves.toString('hex'));
  const head = `["payments audit seal 1",1,0,9,${rows[0].sealed_at.getTime()},"${'0'.repeat(64)}"]\n`;
  assert.equal(rows[0].hash.toString('hex'), sha256(head, leaves).toString('hex'));
});

/** Waits until somebody waits for a lock. */
async function somebodyWaits(): Promise<void> {
  for (let waiting = 0; waiting === 0; ) {
    const { rows } = await pool.query(
      `SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
    );
    waiting = rows[0].n;
  }
}

/** Waits until whoever seals knows whom it waits for. */
async function sealerHasSeenWriters(): Promise<void> {
  for (let seen = 0; seen === 0; ) {
    const { rows } = await pool.query(
      `SELECT count(*) AS n FROM pg_stat_activity
       WHERE state = 'idle' AND query LIKE 'SELECT DISTINCT virtualtransaction%' AND datname = current_database()`,
    );
    seen = rows[0].n;
  }
}

test('a row that is committed after a later one is never skipped: nothing is sealed until it is known what there will be', async () => {
  await insert(3);
  const slow = await pool.connect();
  await slow.query('BEGIN');
  await insert(1, 'slow_', slow as never);
  await insert(1, 'quick_');
  assert.equal(await sealAudit(pool, { patience_ms: 100 }), 0);
  // Whoever begins later is not waited for.
  const later = await pool.connect();
  const sealing = sealAudit(pool);
  await sealerHasSeenWriters();
  await later.query('BEGIN');
  await insert(1, 'later_', later as never);
  await slow.query('COMMIT');
  assert.equal(await sealing, 5);
  await later.query('ROLLBACK');
  await insert(1);
  assert.equal(await sealAudit(pool), 1);
  assert.deepEqual(
    (await seals()).map(({ until_id, rows }) => [until_id, rows]),
    [
      [5, 5],
      [7, 1],
    ],
  );
  assert.equal((await verifyAudit(pool)).found, 0);
  slow.release();
  later.release();
});

test('a writer that has been given its number and has not inserted its row yet is waited for, too', async () => {
  const gate = await pool.connect();
  await gate.query('SELECT pg_advisory_lock(1)');
  const writing = pool.query(
    `INSERT INTO audit_log (occurred_at, actor_type, actor_id, brand_id, event_type, entity_type, entity_id, details)
     VALUES (clock_timestamp(), 'system', 'stripe' || pg_advisory_xact_lock(1)::text, 'default', 'refund.succeeded', 'refund', 'held', '{}')`,
  );
  await somebodyWaits();
  await insert(1, 'quick_');
  assert.equal(await lastId(), 2);
  assert.equal(await sealAudit(pool, { patience_ms: 100 }), 0);
  await gate.query('SELECT pg_advisory_unlock(1)');
  await writing;
  gate.release();
  assert.equal(await sealAudit(pool), 2);
  assert.equal((await verifyAudit(pool)).found, 0);
});

test('a transaction that is prepared for a commit in two phases is waited for, where the server has such', async (t) => {
  const { rows } = await pool.query("SELECT current_setting('max_prepared_transactions')::int AS n");
  if (rows[0].n === 0) {
    t.skip('The server takes no prepared transactions.');
    return;
  }
  const client = await pool.connect();
  await client.query('BEGIN');
  await insert(1, 'prepared_', client as never);
  await client.query("PREPARE TRANSACTION 'audited'");
  client.release();
  let sealed: number;
  try {
    await insert(1);
    sealed = await sealAudit(pool, { patience_ms: 100 });
  } finally {
    // What is left prepared keeps its database, and the server with it.
    await pool.query("COMMIT PREPARED 'audited'");
  }
  assert.equal(sealed, 0);
  assert.equal(await sealAudit(pool), 2);
});

test('whatever writers do beside it, commit late, give up, or write much, every row is sealed once', async (t) => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`SEED=${seed}`);
  const random = draw(seed);
  let writing = true;
  const writer = async (name: string) => {
    for (let n = 0; n < 60; n += 1) {
      const work = withTransaction(pool, async (tx) => {
        await insert(1 + Math.floor(random() * 30), `${name}_${n}_`, tx as never);
        await pause(random() * 15);
        if (random() < 0.2) throw new Error('gives up');
        if (random() < 0.3) await insert(2, `${name}_${n}_again_`, tx as never);
      });
      await work.catch((error: Error) => assert.equal(error.message, 'gives up'));
    }
  };
  let sealed = 0;
  let busy = 0;
  const sealer = async () => {
    while (writing) {
      const rows = await sealAudit(pool);
      sealed += rows;
      busy += rows > 0 ? 1 : 0;
    }
  };
  const sealers = [sealer(), sealer()];
  await Promise.all(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(writer));
  writing = false;
  await Promise.all(sealers);
  sealed += await sealAudit(pool);
  const { rows } = await pool.query('SELECT count(*) AS n FROM audit_log');
  assert.equal(sealed, rows[0].n);
  assert.ok(busy > 5, `sealed ${busy} times beside the writers`);
  const report = await verifyAudit(pool);
  assert.deepEqual([report.findings, report.rows, report.unsealed.rows], [[], rows[0].n, 0]);
});

/** Numbers between 0 and 1 that a seed gives again (mulberry32). */
function draw(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

test('writers do not wait for the one who seals, whatever it waits for', async () => {
  const slow = await pool.connect();
  await slow.query('BEGIN');
  await insert(1, 'slow_', slow as never);
  await insert(1);
  const stop = new AbortController();
  const sealing = sealAudit(pool, { signal: stop.signal });
  await pool.query("SET lock_timeout = '1ms'");
  for (let n = 0; n < 50; n += 1) await insert(1, 'beside_');
  stop.abort();
  assert.equal(await sealing, 0);
  await slow.query('ROLLBACK');
  slow.release();
});

test('workers take turns: however many look at once, the chain does not fork', async () => {
  await insert(4_200);
  const sealed = await Promise.all(Array.from({ length: 6 }, () => sealAudit(pool)));
  assert.equal(
    sealed.reduce((sum, rows) => sum + rows, 0),
    4_200,
  );
  assert.equal((await seals()).length, 5);
  assert.equal((await verifyAudit(pool)).found, 0);
});

test('the worker seals by itself, says so with the hash, and shows for how long something has not been sealed', async () => {
  const registry = new Registry();
  measureUnsealed(registry, pool);
  const unsealed = async () =>
    (await registry.getSingleMetric('audit_unsealed_oldest_seconds')?.get())?.values[0]?.value ?? NaN;
  await pool.query(
    `INSERT INTO audit_log (occurred_at, actor_type, actor_id, brand_id, event_type, entity_type, entity_id, details)
     VALUES (clock_timestamp() - interval '1 hour', 'system', 'stripe', 'default', 'refund.succeeded', 'refund', 'old', '{}')`,
  );
  assert.ok((await unsealed()) >= 3_600);
  const said: unknown[] = [];
  const sealer = startSealer(
    { pool, registry, log: { info: (about: unknown) => said.push(about), warn: assert.fail } as never },
    5,
  );
  while ((await unsealed()) > 0);
  await insert(2);
  // What was written a moment ago is no second old yet.
  while ((await seals()).reduce((sum, { rows }) => sum + rows, 0) < 3);
  await sealer.stop();
  assert.deepEqual(
    said,
    (await seals()).map(({ seal_id, hash, rows, until_id }) => ({
      seal_id,
      hash: hash.toString('hex'),
      rows,
      until_id,
    })),
  );
  assert.equal((await registry.getSingleMetric('audit_sealed_rows_total')?.get())?.values[0]?.value, 3);
});

test('a role that serves, and neither owns anything nor is a superuser, seals and verifies the rows of all brands', async () => {
  const role = `sealing_${randomBytes(6).toString('hex')}`;
  await pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'sealing'`);
  await letServe(pool, role);
  const url = Object.assign(new URL(opened.at(-1)?.database.url ?? ''), {
    username: role,
    password: 'sealing',
  });
  const serving = createPool({ connectionString: url.href, max: 2 });
  try {
    await insert(3);
    await pool.query(
      `INSERT INTO audit_log (occurred_at, actor_type, actor_id, brand_id, event_type, entity_type, entity_id, details)
       VALUES (clock_timestamp(), 'system', 'stripe', 'acme', 'refund.succeeded', 'refund', 'of_another', '{}')`,
    );
    // What its connections showed last was one brand.
    await Promise.all([1, 2].map(() => serving.ofBrand('acme').query('SELECT count(*) FROM audit_log')));
    assert.equal(await sealAudit(serving), 4);
    const slow = await pool.connect();
    await slow.query('BEGIN');
    await insert(1, 'slow_', slow);
    await insert(1);
    assert.equal(await sealAudit(serving, { patience_ms: 100 }), 0);
    await slow.query('COMMIT');
    slow.release();
    assert.equal(await sealAudit(serving), 2);
    const report = await verifyAudit(serving);
    assert.deepEqual([report.found, report.rows], [0, 6]);
    await assert.rejects(serving.query('DELETE FROM audit_seals'), { code: '42501' });
  } finally {
    await serving.end();
    await pool.query(`DROP OWNED BY ${role}`);
    await pool.query(`DROP ROLE ${role}`);
  }
});

test('a seal is not changed, removed or thrown away with the others', async () => {
  await insert(1);
  await sealAudit(pool);
  for (const statement of [
    'UPDATE audit_seals SET until_id = 9',
    'DELETE FROM audit_seals',
    'TRUNCATE audit_seals',
  ]) {
    await assert.rejects(pool.query(statement), { code: '23001' });
  }
});

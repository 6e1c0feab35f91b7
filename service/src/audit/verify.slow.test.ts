import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { type Connections, createPool, type Queryable } from '../database/pool.ts';
import { hashSeal, writeLeaves } from './canonical.ts';
import { sealAudit } from './seal.ts';
import { readRows, readSeals } from './seal-queries.ts';
import { type Finding, verifyAudit } from './verify.ts';

const ROWS = 4_500;

let database: TestDatabase;
let pool: Connections;

before(async () => {
  database = await createTestDatabase();
  pool = createPool({ connectionString: database.url, max: 4 });
  // Ids with gaps, as transactions that were rolled back leave them.
  await pool.query(
    `INSERT INTO audit_log (audit_id, occurred_at, actor_type, actor_id, brand_id, event_type, entity_type, entity_id, details)
     OVERRIDING SYSTEM VALUE
     SELECT n * 2, timestamptz '2026-01-01Z' + n * interval '1 second', 'user', 'agent', 'default', 'refund.approved', 'refund',
            'refund_' || n, jsonb_build_object('amount_cents', n)
     FROM generate_series(1, $1::int) AS n`,
    [ROWS],
  );
  assert.equal(await sealAudit(pool), ROWS);
  // Five seals: rows 2 to 2000, 2002 to 4000, …, 8002 to 9000.
});
after(async () => {
  await pool.end();
  await database.drop();
});

const INSERT = `INSERT INTO audit_log (audit_id, occurred_at, actor_type, actor_id, brand_id, event_type, entity_type, entity_id, details)
                OVERRIDING SYSTEM VALUE VALUES`;
const FORGED = `clock_timestamp(), 'user', 'agent', 'default', 'refund.approved', 'refund', 'refund_forged', '{}'`;
const ZEROS = `\\x${'00'.repeat(32)}`;

/** What is found after a superuser, past every trigger and rule, has done this; then it is as it was. */
async function foundAfter(
  tamper: string | ((db: Queryable) => Promise<unknown>),
  kept: string[] = [],
): Promise<Finding[]> {
  const client = await pool.connect();
  const saved = ['audit_log', 'audit_seals'];
  try {
    for (const table of saved) await client.query(`CREATE TEMP TABLE saved_${table} AS TABLE ${table}`);
    await client.query('SET session_replication_role = replica');
    if (typeof tamper === 'string') await client.query(tamper);
    else await tamper(client);
    const { findings, found } = await verifyAudit(pool, { kept });
    assert.equal(findings.length, Math.min(found, 100));
    return findings;
  } finally {
    for (const table of saved) {
      await client.query(`TRUNCATE ${table}`);
      await client.query(
        `INSERT INTO ${table} ${table === 'audit_log' ? 'OVERRIDING SYSTEM VALUE' : ''} TABLE saved_${table}`,
      );
      await client.query(`DROP TABLE saved_${table}`);
    }
    await client.query('SET session_replication_role = DEFAULT');
    client.release();
  }
}

const brief = (findings: Finding[]) =>
  findings.map(({ found, seal_id, audit_id }) => [found, seal_id ?? null, audit_id ?? null]);

test('a log that nobody has touched is as it was sealed, and says how far that goes', async () => {
  await pool.query(`${INSERT} (20001, ${FORGED.replace('clock_timestamp()', "'2026-03-01Z'")})`);
  const progress: [number, number][] = [];
  const report = await verifyAudit(pool, { onProgress: (done, all) => progress.push([done, all]) });
  const [last] = await readSeals(pool, 4, 1);
  assert.deepEqual(report, {
    rows: ROWS,
    seals: 5,
    newest: { seal_id: 5, hash: last?.hash.toString('hex'), until_id: 9_000, sealed_at: last?.sealed_at },
    unsealed: { rows: 1, oldest_at: new Date('2026-03-01Z') },
    found: 0,
    findings: [],
  });
  assert.deepEqual(progress.at(-1), [5, 5]);
});

for (const [name, tamper, expected] of [
  [
    'a row that was changed',
    `UPDATE audit_log SET actor_id = 'another' WHERE audit_id = 4002`,
    ['row_changed', 3, 4002],
  ],
  [
    'details that were changed by one cent',
    `UPDATE audit_log SET details = jsonb_set(details, '{amount_cents}', '1002') WHERE audit_id = 2002`,
    ['row_changed', 2, 2002],
  ],
  [
    'a time that was moved by a millisecond',
    `UPDATE audit_log SET occurred_at = occurred_at + interval '1 ms' WHERE audit_id = 9000`,
    ['row_changed', 5, 9000],
  ],
  [
    'a time that is none any more',
    `UPDATE audit_log SET occurred_at = 'infinity' WHERE audit_id = 9000`,
    ['row_changed', 5, 9000],
  ],
  [
    'what was left open and was filled in later',
    `UPDATE audit_log SET ip_address = '203.0.113.7' WHERE audit_id = 2`,
    ['row_changed', 1, 2],
  ],
  ['a first row that was removed', `DELETE FROM audit_log WHERE audit_id = 2`, ['row_removed', 1, 2]],
  ['a row that was removed', `DELETE FROM audit_log WHERE audit_id = 5000`, ['row_removed', 3, 5000]],
  ['a last row that was removed', `DELETE FROM audit_log WHERE audit_id = 9000`, ['row_removed', 5, 9000]],
  ['a row that was inserted into a gap', `${INSERT} (4001, ${FORGED})`, ['row_inserted', 3, 4001]],
  ['a row that was inserted before the first', `${INSERT} (0, ${FORGED})`, ['row_inserted', null, 0]],
  ['a row that was inserted far before the first', `${INSERT} (-77, ${FORGED})`, ['row_inserted', null, -77]],
  [
    'a seal whose hash was changed',
    `UPDATE audit_seals SET hash = '${ZEROS}' WHERE seal_id = 2`,
    ['seal_changed', 2, null],
  ],
  [
    'a seal whose link was changed',
    `UPDATE audit_seals SET previous_hash = '${ZEROS}' WHERE seal_id = 2`,
    ['seal_changed', 2, null],
  ],
  [
    'a seal whose time was changed',
    `UPDATE audit_seals SET sealed_at = sealed_at - interval '1 ms' WHERE seal_id = 5`,
    ['seal_changed', 5, null],
  ],
  [
    'a seal whose time is none',
    `UPDATE audit_seals SET sealed_at = 'infinity' WHERE seal_id = 5`,
    ['seal_changed', 5, null],
  ],
  [
    'a seal that covers less than it did',
    `UPDATE audit_seals SET leaves = substring(leaves FROM 1 FOR 80) WHERE seal_id = 5`,
    ['seal_changed', 5, null],
  ],
  [
    'a row whose leaf was changed with it',
    `UPDATE audit_seals SET leaves = set_byte(leaves, 39, get_byte(leaves, 39) # 1) WHERE seal_id = 4;
     UPDATE audit_log SET actor_id = 'another' WHERE audit_id = 6002`,
    ['seal_changed', 4, null],
  ],
  ['a first seal that was removed', `DELETE FROM audit_seals WHERE seal_id = 1`, ['seal_removed', 1, null]],
  ['a seal that was removed', `DELETE FROM audit_seals WHERE seal_id = 3`, ['seal_removed', 3, null]],
] as const) {
  test(`${name} is found, and nothing else is said to be wrong`, async () => {
    assert.deepEqual(brief(await foundAfter(tamper)), [expected]);
  });
}

test('a seal that covers less, with its range, is found by the seal itself and by what the next one follows', async () => {
  const findings = await foundAfter('UPDATE audit_seals SET until_id = 3500 WHERE seal_id = 2');
  assert.deepEqual(brief(findings), [['seal_changed', 2, null]]);
});

/** Makes a seal anew over what is there now, as somebody would who knows how. */
async function reseal(db: Queryable, sealId: number): Promise<void> {
  const [seal] = await readSeals(db, sealId - 1, 1);
  assert.ok(seal);
  const content = {
    ...seal,
    leaves: writeLeaves(await readRows(db, seal.after_id, seal.until_id, ROWS)),
  };
  await db.query('UPDATE audit_seals SET leaves = $2, hash = $3 WHERE seal_id = $1', [
    sealId,
    content.leaves,
    hashSeal(content),
  ]);
}

test('a row that was changed and its seal made anew over it is found by the seal after', async () => {
  const findings = await foundAfter(async (db) => {
    await db.query(`UPDATE audit_log SET actor_id = 'another' WHERE audit_id = 2002`);
    await reseal(db, 2);
  });
  assert.deepEqual(brief(findings), [['seal_changed', 2, null]]);
  assert.match(
    findings[0]?.sentence ?? '',
    /^Seal 2 was made anew: it is not the one that seal 3 follows[.]$/,
  );
});

test('several things at once are all found', async () => {
  const findings = await foundAfter(`
    UPDATE audit_log SET actor_id = 'another' WHERE audit_id IN (4, 8);
    DELETE FROM audit_log WHERE audit_id IN (6, 10);
    ${INSERT} (7, ${FORGED});
    DELETE FROM audit_seals WHERE seal_id IN (2, 3)`);
  assert.deepEqual(brief(findings), [
    ['row_changed', 1, 4],
    ['row_removed', 1, 6],
    ['row_inserted', 1, 7],
    ['row_changed', 1, 8],
    ['row_removed', 1, 10],
    ['seal_removed', 2, null],
  ]);
  assert.match(findings.at(-1)?.sentence ?? '', /^Seals 2 to 3 are missing: .* rows from 2001 to 6000[.]$/);
});

test('of many findings the first hundred are listed and all are counted', async () => {
  const findings = await foundAfter('DELETE FROM audit_log WHERE audit_id <= 3000');
  assert.equal(findings.length, 100);
  assert.deepEqual(brief(findings).at(-1), ['row_removed', 1, 200]);
});

test('the last seals cut off, or all made anew, leave a chain that holds; a hash that was kept elsewhere finds it', async () => {
  const kept = (await readSeals(pool, 4, 1))[0]?.hash.toString('hex') ?? '';
  const older = (await readSeals(pool, 2, 1))[0]?.hash.toString('hex') ?? '';
  assert.equal((await verifyAudit(pool, { kept: [kept.toUpperCase(), older] })).found, 0);

  const cut = `DELETE FROM audit_seals WHERE seal_id >= 4; UPDATE audit_log SET actor_id = 'another' WHERE audit_id = 8000`;
  assert.deepEqual(await foundAfter(cut), []);
  assert.deepEqual(brief(await foundAfter(cut, [older])), []);
  assert.deepEqual(brief(await foundAfter(cut, [older, kept])), [['seal_unknown', null, null]]);

  const anew = async (db: Queryable) => {
    await db.query(`TRUNCATE audit_seals; UPDATE audit_log SET actor_id = 'another' WHERE audit_id = 2`);
    await sealAudit(pool);
  };
  assert.deepEqual(await foundAfter(anew), []);
  assert.deepEqual(brief(await foundAfter(anew, [kept])), [['seal_unknown', null, null]]);
});

test('a log without any seal says that nothing is proven', async () => {
  await foundAfter(async (db) => {
    await db.query('TRUNCATE audit_seals');
    const { seals, rows, newest, unsealed } = await verifyAudit(pool);
    assert.deepEqual([seals, rows, newest, unsealed.rows], [0, 0, null, ROWS + 1]);
  });
});

test('a signal ends it with its reason', async () => {
  await assert.rejects(verifyAudit(pool, { signal: AbortSignal.abort() }), { name: 'AbortError' });
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sealAudit } from '../../service/src/audit/seal.ts';
import { createPool } from '../../service/src/database/pool.ts';
import { createTestDatabase, execute, type TestDatabase } from '../../test/support/database.ts';
import { makePayment } from '../../test/support/make.ts';
import { Program, runProgram } from '../../test/support/program.ts';

let database: TestDatabase;

before(async () => {
  database = await createTestDatabase();
  const pool = createPool({ connectionString: database.url, max: 1 });
  await makePayment(pool, { refunds: [{}] });
  await pool.end();
});
after(() => database.drop());

const command = [process.execPath, ['cli/src/main.ts', 'verify']] as const;

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} ends it in the middle of a rule, with a sentence and the exit code 130`, async () => {
    const pool = createPool({ connectionString: database.url, max: 2 });
    const holder = await pool.connect();
    try {
      await holder.query('BEGIN; LOCK TABLE refunds IN ACCESS EXCLUSIVE MODE');
      await using program = new Program(...command, { DATABASE_URL: database.url });
      for (let waiting = 0; waiting === 0; ) {
        const { rows } = await pool.query(
          `SELECT count(*) AS n FROM pg_stat_activity
           WHERE application_name = 'payments verify' AND wait_event_type = 'Lock' AND datname = current_database()`,
        );
        waiting = rows[0].n;
        assert.equal(program.child.exitCode, null, program.output);
      }
      assert.equal(await program.interrupt(signal), 130, program.output);
      assert.equal(program.stderr, 'Stopped before all rules were looked at.\n');
      assert.equal(program.stdout, '');
    } finally {
      await holder.query('ROLLBACK');
      holder.release();
      await pool.end();
    }
  });
}

const verify = (...words: string[]) =>
  runProgram(process.execPath, ['cli/src/main.ts', 'verify', ...words], { DATABASE_URL: database.url });

test('books that hold are said to hold, with exit code 0', async () => {
  const { code, stdout, stderr } = await verify();
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^All \d+ rules of the books hold[.]\n$/);
});

test('what is broken is listed, for people and for programs, with exit code 1', async () => {
  await execute(database.url, 'UPDATE payments SET reserved_cents = 7');
  const told = await verify();
  assert.equal(told.code, 1);
  assert.match(
    told.stdout,
    /^\d of \d+ rules .*\n\nBroken: a payment's counters .* \(1 row\)\n {2}payment_id=payment_/,
  );
  const listed = await verify('--json');
  assert.equal(listed.code, 1);
  const { contradictions } = JSON.parse(listed.stdout) as { contradictions: { rows: number }[] };
  assert.ok(contradictions.length > 0 && contradictions.every(({ rows }) => rows === 1));
});

test('an audit log that is as it was sealed is said to be, with the hash to keep; the hash given back has to be there', async () => {
  const pool = createPool({ connectionString: database.url, max: 1 });
  const rows = await sealAudit(pool);
  await pool.end();
  const told = await verify('--audit');
  assert.deepEqual([told.code, told.stderr], [0, '']);
  const [, hash = ''] =
    /^The audit log is as it was sealed: (?:\d+) rows under 1 seal[.]\nNewest seal: 1, up to row \d+, of .*Z:\n {2}([0-9a-f]{64})\nKeep it .*\n$/.exec(
      told.stdout,
    ) ?? assert.fail(told.stdout);
  const kept = await verify('--audit', '--seal', hash);
  assert.deepEqual(
    [kept.code, kept.stdout.includes('The seal that you have kept is in the chain.')],
    [0, true],
  );
  const listed = JSON.parse((await verify('--audit', '--json')).stdout);
  assert.deepEqual([listed.rows, listed.newest.hash, listed.findings], [rows, hash, []]);
  const another = await verify('--audit', '--seal', hash, '--seal', 'ab'.repeat(32));
  assert.equal(another.code, 1);
  assert.match(
    another.stdout,
    /^The audit log is not as it was sealed: 1 finding .*\n\n {2}No seal has the hash abab/,
  );
});

test('a row of the audit log that was changed is named, with exit code 1; what is not sealed yet is counted', async () => {
  await execute(
    database.url,
    `SET session_replication_role = replica;
     UPDATE audit_log SET actor_id = 'another' WHERE audit_id = 1;
     INSERT INTO audit_log (occurred_at, actor_type, actor_id, brand_id, event_type, entity_type, entity_id, details)
     VALUES (now(), 'system', 'stripe', 'default', 'refund.succeeded', 'refund', 'refund_new', '{}')`,
  );
  const told = await verify('--audit');
  assert.equal(told.code, 1);
  assert.match(
    told.stdout,
    /^The audit log is not as it was sealed: 1 finding .*\n\n {2}Row 1 was changed[.]\n\n/,
  );
  assert.match(told.stdout, /\nNot sealed yet: 1 row, the oldest of /);
});

test('an audit log much larger than the memory it is given is held against its seals', async () => {
  await using large = await createTestDatabase();
  const rows = 120_000;
  await execute(
    large.url,
    `INSERT INTO audit_log (occurred_at, actor_type, actor_id, brand_id, event_type, entity_type, entity_id, details)
     SELECT now(), 'system', 'stripe', 'default', 'refund.succeeded', 'refund', 'refund_' || n, jsonb_build_object('filling', repeat('x', 1000))
     FROM generate_series(1, ${rows}) AS n`,
  );
  const pool = createPool({ connectionString: large.url, max: 1 });
  assert.equal(await sealAudit(pool), rows);
  await pool.end();
  const { code, stdout, stderr } = await runProgram(
    process.execPath,
    ['--max-old-space-size=64', 'cli/src/main.ts', 'verify', '--audit', '--json'],
    { DATABASE_URL: large.url },
  );
  assert.equal(code, 0, stderr);
  const report = JSON.parse(stdout) as { rows: number; seals: number; found: number };
  assert.deepEqual([report.rows, report.seals, report.found], [rows, 120, 0]);
});

test('a hash that is none, and one without --audit, is a sentence and exit code 2', async () => {
  const wrong = await verify('--audit', '--seal', 'abc');
  assert.deepEqual([wrong.code, wrong.stdout], [2, '']);
  assert.match(
    wrong.stderr,
    /^error: option '--seal <hash>' argument 'abc' is invalid. It has to be 64 hexadecimal digits[.]\n$/,
  );
  const alone = await verify('--seal', 'ab'.repeat(32));
  assert.deepEqual([alone.code, alone.stderr], [2, "error: option '--seal <hash>' goes with --audit\n"]);
});

test('a database that is not there, or not at this version, is a sentence', async () => {
  const nowhere = await runProgram(process.execPath, ['cli/src/main.ts', 'verify'], {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing',
  });
  assert.deepEqual([nowhere.code, nowhere.stderr.split('\n').length], [1, 2]);
  await execute(database.url, "DELETE FROM schema_migrations WHERE name LIKE '0003%'");
  const older = await verify();
  assert.equal(older.code, 1);
  assert.match(older.stderr, /^The database is not at this version: .*\n$/);
});

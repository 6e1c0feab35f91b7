import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Caller, type IssuingWorld, startIssuing } from '../../../test/support/issuing.ts';
import { makePayment } from '../../../test/support/make.ts';
import { runNextRow } from '../batches/worker.ts';
import { RULES } from './rules.ts';
import { verifyBooks } from './verify.ts';

let world: IssuingWorld;
let agent: Caller;
let refund_id: string;
let payment_id: string;

before(async () => {
  world = await startIssuing({ approvalLimits: { agent: { usd: 5_000 } } });
  agent = await world.caller({ as: 'agent' });
  await makePayment(world.pool, { refunds: [{}], disputes: [{}] });
  const paid = await world.pay();
  payment_id = paid.payment_id;
  const headers = { 'idempotency-key': 'a' };
  const issued = await agent.post('/v1/admin/refunds', { payment_id, amount_cents: 1_000 }, headers);
  refund_id = issued.body.refund_id;
  const row = { payment_id, amount_cents: 100, reason: 'other' };
  const { body } = await agent.post<{ batch_id: string }>('/v1/admin/refund-batches', { rows: [row] });
  await agent.post(`/v1/admin/refund-batches/${body.batch_id}/run`);
  await runNextRow({ ...world.deps, pool: world.pool, approvalLimits: {}, refunds_per_second: 100 });
});
after(() => world[Symbol.asyncDispose]());

/** What verify finds where somebody with every right has done this to the books; all of it is taken back. */
async function tampered(...statements: string[]): Promise<string[]> {
  const { pool } = world;
  await pool.query('CREATE SCHEMA kept');
  const tables = [
    'payments',
    'refunds',
    'refund_transitions',
    'audit_log',
    'outbox',
    'disputes',
    'anomalies',
  ];
  tables.push('idempotency_keys', 'stripe_events', 'refund_batches', 'refund_batch_rows');
  for (const table of tables) await pool.query(`CREATE TABLE kept.${table} AS TABLE ${table}`);
  const { rows: checks } = await pool.query(
    `SELECT conrelid::regclass AS of, conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
     WHERE contype = 'c' AND conrelid IN ('payments'::regclass, 'refunds'::regclass)`,
  );
  const { rows: unique } = await pool.query(
    `SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conname = 'refunds_stripe_refund_id_key'`,
  );
  await pool.query('ALTER TABLE refunds DROP CONSTRAINT refunds_stripe_refund_id_key');
  for (const { of, name } of checks) await pool.query(`ALTER TABLE ${of} DROP CONSTRAINT ${name}`);
  const client = await pool.connect();
  try {
    await client.query("SET session_replication_role = 'replica'");
    for (const statement of statements) {
      const { rowCount } = await client.query(statement, statement.includes('$1') ? [refund_id] : []);
      assert.ok(rowCount !== null && rowCount > 0, statement);
    }
    return (await verifyBooks(pool)).map(({ rule }) => rule);
  } finally {
    for (const table of tables) {
      await client.query(`DELETE FROM ${table}`);
      const { rows } = await client.query(
        `SELECT string_agg(quote_ident(column_name), ', ') AS columns FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name = $1`,
        [table],
      );
      const { columns } = rows[0];
      await client.query(
        `INSERT INTO ${table} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${columns} FROM kept.${table}`,
      );
    }
    await client.query("SET session_replication_role = 'origin'");
    client.release();
    for (const { of, name, definition } of checks) {
      await pool.query(`ALTER TABLE ${of} ADD CONSTRAINT ${name} ${definition}`);
    }
    await pool.query(
      `ALTER TABLE refunds ADD CONSTRAINT refunds_stripe_refund_id_key ${unique[0].definition}`,
    );
    await pool.query('DROP SCHEMA kept CASCADE');
  }
}

test('books that nobody has tampered with break no rule', async () => {
  const seen: number[] = [];
  assert.deepEqual(await verifyBooks(world.pool, { onProgress: (done) => seen.push(done) }), []);
  assert.deepEqual(seen, [...RULES.keys(), RULES.length]);
});

/** Each rule by its number in the list, and what breaks it. */
const TAMPERING: readonly (readonly [rule: number, ...statements: string[]])[] = [
  [0, 'UPDATE payments SET captured_cents = 10 WHERE refunded_cents > 10'],
  [1, 'UPDATE payments SET reserved_cents = 1 WHERE reserved_cents = 0'],
  [2, 'UPDATE refunds SET counted_cents = 0 WHERE refund_id = $1'],
  [3, 'UPDATE refund_transitions SET refunded_delta_cents = refunded_delta_cents - 1 WHERE refund_id = $1'],
  [4, `DELETE FROM refund_transitions WHERE refund_id = $1 AND from_status IS NULL`],
  [4, `DELETE FROM refunds WHERE refund_id = $1`],
  [
    5,
    `UPDATE refund_transitions SET from_status = 'failed' WHERE refund_id = $1 AND from_status = 'pending'`,
  ],
  [6, `DELETE FROM audit_log WHERE entity_id = $1 AND event_type = 'refund.succeeded'`],
  [6, `DELETE FROM outbox WHERE entity_id = $1 AND event_type = 'refund.requested.v1'`],
  [6, `UPDATE audit_log SET entity_id = 'refund_of_another' WHERE entity_id = $1`],
  [7, `UPDATE outbox SET transition_id = -1 WHERE entity_id = $1 AND event_type = 'refund.requested.v1'`],
  [
    8,
    `INSERT INTO outbox (event_id, event_type, brand_id, entity_type, entity_id, data, occurred_at)
       SELECT 'event_more', event_type, brand_id, entity_type, entity_id, data, occurred_at FROM outbox
       WHERE entity_id = $1 LIMIT 1`,
  ],
  [9, 'UPDATE refunds SET amount_cents = amount_cents + 1 WHERE refund_id = $1'],
  [10, 'UPDATE refunds SET stripe_refund_id = (SELECT stripe_refund_id FROM refunds WHERE refund_id = $1)'],
  [11, 'UPDATE refunds SET stripe_refund_id = NULL WHERE refund_id = $1'],
  [12, 'UPDATE refunds SET recover_at = now() WHERE refund_id = $1'],
  [13, 'UPDATE refunds SET observed_at = NULL WHERE refund_id = $1'],
  [
    14,
    `UPDATE refunds SET approved_by_type = requested_by_type, approved_by_id = requested_by_id WHERE refund_id = $1`,
  ],
  [15, 'UPDATE refunds SET owed_cents = 1 WHERE refund_id = $1'],
  [16, `UPDATE refunds SET brand_id = 'another' WHERE refund_id = $1`],
  [16, `UPDATE disputes SET customer_id = 'another'`],
  [17, `UPDATE idempotency_keys SET answer_body = replace(answer_body, '1000', '1001') WHERE refund_id = $1`],
  [
    18,
    `INSERT INTO idempotency_keys SELECT brand_id, actor_type, actor_id, operation, 'b', fingerprint, refund_id, held_until,
          answer_status, answer_body, claimed_at, answered_at FROM idempotency_keys WHERE refund_id = $1`,
  ],
  [
    19,
    `INSERT INTO stripe_events (event_id, stripe_event_id, event_type, livemode, status, stripe_created_at, received_at)
        VALUES ('event_left', 'evt_left', 'refund.updated', false, 'received', now(), now() - interval '1 hour')`,
  ],
  [
    20,
    `UPDATE refund_transitions SET reserved_delta_cents = 5 WHERE refund_id = $1 AND to_status = 'succeeded'`,
  ],
  [21, `UPDATE audit_log SET actor_id = 'another' WHERE entity_id = $1 AND event_type = 'refund.succeeded'`],
  [21, `UPDATE outbox SET data = jsonb_set(data, '{amount_cents}', '1') WHERE entity_id = $1`],
  [22, 'UPDATE refunds SET counted_cents = amount_cents + 1 WHERE refund_id = $1'],
  [23, 'UPDATE refunds SET submitted_at = NULL WHERE refund_id = $1'],
  [24, `UPDATE refunds SET requested_by_id = 'another' WHERE refund_id = $1`],
  [25, `UPDATE refunds SET resolved_at = now(), resolution = 'not_owed' WHERE refund_id = $1`],
  [26, 'UPDATE refunds SET replaced_by = refund_id WHERE refund_id = $1'],
  [27, `UPDATE idempotency_keys SET refund_id = 'refund_gone' WHERE refund_id = $1`],
  [
    27,
    `UPDATE idempotency_keys SET answer_body = replace(answer_body, $1, 'refund_gone') WHERE refund_id = $1`,
  ],
  [28, 'UPDATE idempotency_keys SET answer_status = 502 WHERE refund_id = $1'],
  [
    28,
    `UPDATE refunds SET status = 'failed' WHERE refund_id = $1`,
    'UPDATE payments SET refunded_cents = 0 WHERE refunded_cents > 0',
  ],
  [29, `UPDATE outbox SET entity_id = 'refund_gone' WHERE entity_id = $1`],
  [31, `UPDATE refund_batch_rows SET amount_cents = amount_cents + 1 WHERE status = 'issued'`],
  [31, `UPDATE refund_batch_rows SET refund_id = $1 WHERE status = 'issued'`],
];

/** Broken by a test of its own. */
const GUARDS = 30;

for (const [number, ...statements] of TAMPERING) {
  const rule = RULES[number]?.rule ?? '';
  test(`it is noticed where it no longer holds that ${rule}: ${statements[0]?.slice(0, 50)}…`, async () => {
    assert.ok((await tampered(...statements)).includes(rule));
    assert.deepEqual(await verifyBooks(world.pool), [], 'and what was taken back is whole again');
  });
}

test('it is noticed where a guard of the database is switched off', async () => {
  await world.pool.query('ALTER TABLE audit_log DISABLE TRIGGER USER');
  const broken = await verifyBooks(world.pool);
  await world.pool.query('ALTER TABLE audit_log ENABLE TRIGGER USER');
  assert.deepEqual(
    broken.map(({ rule }) => rule),
    [RULES[GUARDS]?.rule],
  );
  assert.equal(broken[0]?.examples[0]?.of, 'audit_log');
});

test('an answer that is no JSON is told of as a contradiction, and does not end the looking', async () => {
  const found = await tampered(`UPDATE idempotency_keys SET answer_body = 'gone' WHERE refund_id = $1`);
  assert.deepEqual(found, [RULES[17]?.rule]);
});

test('nothing need be owed of a refund that failed because somebody had it called back', async () => {
  const failed = `UPDATE refunds SET status = 'failed' WHERE refund_id = $1`;
  const called = `UPDATE audit_log SET event_type = 'refund.cancel_requested' WHERE entity_id = $1`;
  const rule = RULES[28]?.rule ?? '';
  assert.ok((await tampered(failed)).includes(rule));
  assert.ok(!(await tampered(failed, called)).includes(rule));
});

test('every rule is broken by some test', () => {
  const broken = new Set([...TAMPERING.map(([number]) => number), GUARDS]);
  assert.deepEqual(
    [...broken].sort((a, b) => a - b),
    [...RULES.keys()],
  );
});

test('what is found is told by ids, amounts and codes, and nothing of a person', async () => {
  for (const { sql } of RULES) {
    const { fields } = await world.pool.query(`SELECT * FROM (${sql}) AS broken LIMIT 0`);
    const names = fields.map(({ name }) => name);
    for (const name of ['customer_id', 'reason', 'note', 'failure_message', 'answer_body']) {
      assert.ok(!names.includes(name), `${name} in ${sql}`);
    }
  }
});

test('while others write, what is half done by them is no contradiction', async () => {
  let writing = true;
  const writers = Promise.all(
    [1, 2, 3].map(async (writer) => {
      for (let number = 0; writing; number += 1) {
        const key = { 'idempotency-key': `${writer}-${number}` };
        await agent.post('/v1/admin/refunds', { payment_id, amount_cents: 1 }, key);
      }
    }),
  );
  for (let round = 0; round < 10; round += 1) assert.deepEqual(await verifyBooks(world.pool), []);
  writing = false;
  await writers;
});

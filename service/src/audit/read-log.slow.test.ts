import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Registry } from 'prom-client';
import { startTestApp, type TestApp } from '../../../test/support/app.ts';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { type Connections, createPool, type Pool } from '../database/pool.ts';
import { collectReads, type ReadLogLimits } from './read-log.ts';

let database: TestDatabase;
let pool: Connections;

before(async () => {
  database = await createTestDatabase();
  pool = createPool({ connectionString: database.url, max: 4 });
});
after(async () => {
  await pool.end();
  await database.drop();
});

/** Nothing is written but by `flush`, `close` and a full batch. */
const NEVER_ms = 2 ** 31 - 1;

function collect(deps: { pool?: Pool } = {}, limits: Partial<ReadLogLimits> = {}) {
  const registry = new Registry();
  const said: string[] = [];
  const log = {
    warn: (_: unknown, text: string) => said.push(text),
    error: (_: unknown, text: string) => said.push(text),
  };
  const reads = collectReads(
    { pool, registry, log: log as never, ...deps },
    { waiting_max: 10_000, every_ms: NEVER_ms, ...limits },
  );
  const metric = async (name: string) => (await registry.getSingleMetric(name)?.get())?.values[0]?.value;
  return { reads, metric, said };
}

const read = (entity_id: string) => ({
  actor_type: 'user' as const,
  actor_id: 'agent',
  client_id: 'console',
  ip_address: null,
  brand_id: 'default',
  event_type: 'refund.read' as const,
  entity_type: 'refund' as const,
  entity_id,
  request_id: 'request',
  details: { status: 200 },
});

const recorded = async (prefix: string) =>
  (
    await pool.query<{ entity_id: string }>(
      `SELECT entity_id FROM audit_log WHERE entity_id LIKE $1 || '%' ORDER BY audit_id`,
      [prefix],
    )
  ).rows.map(({ entity_id }) => entity_id);

/** A pool whose queries fail while `error` is set. */
function failing(state: { error?: Error }): Pool {
  return new Proxy(pool, {
    get(target, name) {
      if (name === 'query' && state.error !== undefined) return () => Promise.reject(state.error);
      return Reflect.get(target, name, target);
    },
  });
}

const away = () => Object.assign(new Error('gone'), { code: 'ECONNREFUSED' });

test('reads are written in their order, each with the time at which it was, by the clock of the database', async () => {
  const { reads, metric } = collect();
  for (let n = 100; n < 1_400; n += 1) reads.add(read(`ordered_${n}`));
  await reads.flush();
  assert.deepEqual(
    await recorded('ordered_'),
    Array.from({ length: 1_300 }, (_, n) => `ordered_${n + 100}`),
  );
  const { rows } = await pool.query(
    `SELECT count(*) FILTER (WHERE occurred_at BETWEEN clock_timestamp() - interval '60 s' AND clock_timestamp()) AS recent
     FROM audit_log WHERE entity_id LIKE 'ordered_%'`,
  );
  assert.equal(rows[0].recent, 1_300);
  assert.deepEqual(
    [await metric('audit_reads_waiting'), await metric('audit_reads_written_total')],
    [0, 1_300],
  );
  await reads.close();
});

test('what is not written is written by the time that has been set, and at a full batch before that', async () => {
  const soon = collect({}, { every_ms: 5 });
  soon.reads.add(read('timed'));
  while ((await recorded('timed')).length === 0);
  await soon.reads.close();
  const full = collect();
  for (let n = 0; n < 500; n += 1) full.reads.add(read(`full_${n}`));
  while ((await recorded('full_')).length === 0);
  await full.reads.close();
});

test('while the database is away reads are kept and none is given up; at the bound there is no room until it is back', async () => {
  const state: { error?: Error } = { error: away() };
  const { reads, metric, said } = collect({ pool: failing(state) }, { waiting_max: 600 });
  for (let n = 0; n < 600; n += 1) {
    assert.ok(reads.hasRoom());
    reads.add(read(`kept_${n}`));
  }
  await reads.flush();
  await reads.flush();
  assert.equal(reads.hasRoom(), false);
  assert.deepEqual(
    [await metric('audit_reads_waiting'), await metric('audit_reads_refused_total')],
    [600, 1],
  );
  assert.deepEqual(said, ['reads cannot be recorded; tries again']);
  delete state.error;
  await reads.flush();
  assert.ok(reads.hasRoom());
  assert.equal((await recorded('kept_')).length, 600);
  assert.equal(await metric('audit_reads_dropped_total'), 0);
  await reads.close();
});

test('a row that the table does not take is given up, counted and told, and takes no other with it', async () => {
  const { reads, metric, said } = collect();
  for (let n = 0; n < 40; n += 1) reads.add(read(n === 17 ? 'odd\u0000' : `odd_${n}`));
  await reads.flush();
  assert.equal((await recorded('odd_')).length, 39);
  assert.equal(await metric('audit_reads_dropped_total'), 1);
  assert.deepEqual(said, ['a read could not be recorded']);
  await reads.close();
});

test('closing writes what waits', async () => {
  const { reads } = collect();
  reads.add(read('closed_1'));
  await reads.close();
  assert.deepEqual(await recorded('closed_'), ['closed_1']);
});

test('closing waits for a database that is away for a moment, and says what it did not record where it stays away', async () => {
  const back = { error: away() } as { error?: Error };
  const patient = collect({ pool: failing(back) });
  patient.reads.add(read('waited_1'));
  const closing = patient.reads.close();
  delete back.error;
  await closing;
  assert.deepEqual(await recorded('waited_'), ['waited_1']);

  const gone = collect({ pool: failing({ error: away() }) });
  gone.reads.add(read('lost_1'));
  gone.reads.add(read('lost_2'));
  await gone.reads.close();
  assert.equal(await gone.metric('audit_reads_dropped_total'), 2);
  assert.equal(gone.said.at(-1), 'stopped without having recorded these reads');
});

/** An app whose audit log somebody else holds, so that nothing can be written to it. */
async function withLogHeld(app: TestApp, work: () => Promise<void>): Promise<void> {
  const holder = await app.pool.connect();
  try {
    await holder.query('BEGIN; LOCK TABLE audit_log IN ACCESS EXCLUSIVE MODE');
    await work();
  } finally {
    await holder.query('ROLLBACK');
    holder.release();
  }
}

test('a read does not wait for the audit log; beyond the bound it is refused, and nothing that was shown is missing from it', async () => {
  await using app = await startTestApp({ readLog: { waiting_max: 30, every_ms: 5 } });
  let shown = 0;
  await withLogHeld(app, async () => {
    for (; shown < 30; shown += 1) assert.equal((await app.get('/v1/admin/refunds')).status, 200);
    const refused = await app.get('/v1/admin/refunds');
    assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '5']);
    assert.match(await refused.text(), /"error":"service_unavailable","message":"What is read is recorded/);
    assert.equal((await app.get('/v1/admin/refund-reasons')).status, 200);
    assert.match(await (await app.get('/metrics')).text(), /^audit_reads_waiting 30$/m);
  });
  while ((await app.get('/v1/admin/refunds')).status !== 200);
  shown += 1;
  await app.app.close();
  const { rows } = await app.pool.query(
    `SELECT count(*) AS n FROM audit_log WHERE event_type = 'refund.listed'`,
  );
  assert.equal(rows[0].n, shown);
});

test('a read that is under way when the service stops is recorded', async () => {
  await using app = await startTestApp({ readLog: { waiting_max: 10, every_ms: NEVER_ms } });
  const holder = await app.pool.connect();
  await holder.query('BEGIN; LOCK TABLE refunds IN ACCESS EXCLUSIVE MODE');
  const answer = app.get('/v1/admin/refunds');
  for (let waiting = 0; waiting === 0; ) {
    const { rows } = await app.pool.query(
      `SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
    );
    waiting = rows[0].n;
  }
  const closed = app.app.close();
  await holder.query('ROLLBACK');
  holder.release();
  assert.equal((await answer).status, 200);
  await closed;
  const { rows } = await app.pool.query(`SELECT event_type FROM audit_log`);
  assert.deepEqual(rows, [{ event_type: 'refund.listed' }]);
});

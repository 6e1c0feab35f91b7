import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createPool } from '../database/pool.ts';
import { type EventHead, startReceiving } from './inbox.ts';
import { createTestWorld, type TestWorld } from './test-world.ts';

let world: TestWorld;
before(async () => {
  world = await createTestWorld();
});
after(() => world.close());

const LIVE = { live: false };
const head = (id: string): EventHead => ({
  stripe_event_id: id,
  event_type: 'refund.updated',
  object_type: 'refund',
  object_id: `re_${id}`,
  livemode: false,
  stripe_account_id: null,
  stripe_created_at: new Date(),
});
const count = async (sql: string) => (await world.pool.query<{ n: number }>(sql)).rows[0]?.n;

test('events that come at once, several times each and to several instances, are one row and one job each', async () => {
  const ids = Array.from({ length: 250 }, (_, index) => `evt_${index}`);
  const instances = [startReceiving(world.pool, LIVE), startReceiving(world.pool, LIVE)];
  const receipts = await Promise.all(
    [ids, [...ids].reverse(), ids].flatMap((order, turn) =>
      order.map(async (id) => ({ id, ...(await instances[turn % 2]?.(head(id))) })),
    ),
  );
  const first = receipts.filter(({ status }) => status === 'received');
  assert.deepEqual(first.map(({ id }) => id).sort(), [...ids].sort());
  const known = new Map(first.map(({ id, event_id }) => [id, event_id]));
  for (const { id, event_id } of receipts) assert.equal(event_id, known.get(id));
  assert.equal(await count('SELECT count(*) AS n FROM stripe_events'), 250);
  assert.equal(await count('SELECT count(DISTINCT key) AS n FROM graphile_worker.jobs'), 250);
  assert.equal(await count('SELECT count(*) AS n FROM graphile_worker.jobs'), 250);
});

test('what cannot be stored is told to everybody who waits for it, and what comes after is stored', async () => {
  await using stack = new AsyncDisposableStack();
  const pool = createPool({ connectionString: world.databaseUrl, max: 2 });
  stack.defer(() => pool.end());
  const receive = startReceiving(pool, LIVE);
  await world.pool.query('ALTER TABLE stripe_events RENAME TO away');
  const answers = await Promise.allSettled(['a', 'b', 'c'].map((id) => receive(head(`evt_later_${id}`))));
  await world.pool.query('ALTER TABLE away RENAME TO stripe_events');
  assert.deepEqual(
    answers.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  );
  assert.equal((await receive(head('evt_later_a'))).status, 'received');
});

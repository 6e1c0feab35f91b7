import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { receiveEvents } from './inbox.ts';
import { pruneEvents } from './queries.ts';
import { createTestWorld, type TestWorld, until } from './test-world.ts';

let world: TestWorld;
before(async () => {
  world = await createTestWorld();
});
after(() => world.close());

const stored = async () =>
  (
    await world.pool.query<{ stripe_event_id: string }>(
      'SELECT stripe_event_id FROM stripe_events ORDER BY 1',
    )
  ).rows.map(({ stripe_event_id }) => stripe_event_id);

/** Events of this status, received so many days ago. */
async function events(status: string, days: number, count = 1): Promise<string[]> {
  const heads = Array.from({ length: count }, (_, index) => ({
    stripe_event_id: `evt_${status}_${days}_${index}`,
    event_type: 'refund.updated',
    object_type: 'refund',
    object_id: 're_1',
    livemode: false,
    stripe_account_id: null,
    stripe_created_at: new Date(),
  }));
  await receiveEvents(world.pool, heads, { live: false });
  const ids = heads.map(({ stripe_event_id }) => stripe_event_id);
  await world.pool.query(
    `UPDATE stripe_events SET status = $2, received_at = now() - make_interval(days => $3)
     WHERE stripe_event_id = ANY($1)`,
    [ids, status, days],
  );
  return ids;
}

test('what is done with is forgotten after its time, a bounded number at once; what is not done with never', async () => {
  const kept = [
    ...(await events('received', 400)),
    ...(await events('failed', 400)),
    ...(await events('unmatched', 400)),
    ...(await events('processed', 89)),
    ...(await events('ignored', 89)),
  ];
  await events('processed', 91, 5);
  await events('ignored', 91, 2);
  assert.equal(await pruneEvents(world.pool, 90, 2), 4);
  assert.equal(await pruneEvents(world.pool, 90, 2), 2);
  assert.equal(await pruneEvents(world.pool, 90, 2), 1);
  assert.equal(await pruneEvents(world.pool, 90, 2), 0);
  assert.deepEqual(await stored(), kept.sort());
});

test('a worker forgets by itself, all that there is', async () => {
  await events('processed', 120, 2_500);
  await world.work();
  await until(async () => !(await stored()).some((id) => id.startsWith('evt_processed_120')));
});

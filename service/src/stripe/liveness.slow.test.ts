import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startIssuer } from '../../../local/issuer/start.ts';
import { createPaymentIntent } from '../../../local/stripe/resources/payment_intents.ts';
import { Service, settingsOf } from '../../../test/support/service.ts';
import { API_KEY, createTestWorld, SECRET, until } from './test-world.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
const world = await createTestWorld();
stack.defer(() => world.close());
const issuer = await startIssuer();
stack.defer(() => issuer.close());

const held = async () =>
  (
    await world.pool.query<{ locked_by: string; jobs: number }>(
      'SELECT locked_by, count(*) AS jobs FROM graphile_worker.jobs WHERE locked_by IS NOT NULL GROUP BY locked_by',
    )
  ).rows;
const workers = async () =>
  (await world.pool.query<{ worker_id: string }>('SELECT worker_id FROM job_workers')).rows.map(
    ({ worker_id }) => worker_id,
  );

test('what a worker held that was killed is taken up by another within 15 s, and nothing of one that lives', async () => {
  world.listen();
  await using doomed = new Service({
    ...settingsOf({ databaseUrl: world.databaseUrl, standIn: world.standIn, issuer, webhookSecret: SECRET }),
    STRIPE_API_KEY: API_KEY,
    ROLE: 'worker',
  });
  await doomed.ready();
  await until(async () => (await workers()).length === 1);
  const [victim] = await workers();
  const slow = world.standIn.faults.add({ kind: 'slow', ms: 12_000 });
  for (let index = 0; index < 4; index += 1) {
    createPaymentIntent(world.standIn.world, {
      amount: 900,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
    });
  }
  await world.standIn.deliverer.idle();
  await until(async () => (await held()).some(({ locked_by, jobs }) => locked_by === victim && jobs >= 4));
  await world.work();
  doomed.child.kill('SIGKILL');
  await doomed.ended;
  const killed_at = performance.now();
  world.standIn.faults.clear(slow.id);
  await world.settled();
  const took_ms = performance.now() - killed_at;
  assert.ok(took_ms < 15_000, `${Math.round(took_ms)} ms`);
  assert.ok(took_ms > 5_000, 'it is not given up at the first silence');
  assert.ok(!(await workers()).includes(victim ?? ''), 'the dead one is forgotten');
  const buried = world.logged.filter((line) => line.includes('a worker that has died'));
  assert.equal(buried.length, 1);
  assert.match(buried[0] ?? '', new RegExp(String(victim)));
});

test('a worker that waits long for Stripe keeps its job, and one that is stopped leaves nothing behind', async () => {
  const slow = world.standIn.faults.add({ kind: 'slow', ms: 13_000 });
  const { rows: marks } = await world.pool.query('SELECT max(event_id) AS last FROM stripe_events');
  const second = await world.work();
  createPaymentIntent(world.standIn.world, {
    amount: 900,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
  });
  await world.settled();
  world.standIn.faults.clear(slow.id);
  const { rows } = await world.pool.query(
    'SELECT event_id, status, attempts FROM stripe_events WHERE event_id > $1',
    [marks[0].last],
  );
  assert.ok(rows.length > 0);
  for (const event of rows) assert.equal(event.attempts <= 1, true, `${event.event_id} was tried twice`);
  const before = await workers();
  await second.stop();
  assert.equal((await workers()).length, before.length - 1);
});

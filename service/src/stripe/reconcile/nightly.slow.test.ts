import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import pino from 'pino';
import { createPaymentIntent } from '../../../../local/stripe/resources/payment_intents.ts';
import { createMetrics } from '../../health/metrics.ts';
import { createTestWorld, type TestWorld, until } from '../test-world.ts';
import { measureReconciliation } from './metrics.ts';
import { type NightlyDeps, reconcileLastNight, startNightly } from './nightly.ts';

const DAY_s = 86_400;

let world: TestWorld;
let deps: NightlyDeps;
let logged: string[];
beforeEach(async () => {
  world = await createTestWorld();
  logged = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => logged.push(line) });
  // A minute ago, or a day and a minute: whichever it is, it is the latest such moment.
  const now = new Date();
  const at_min = (now.getUTCHours() * 60 + now.getUTCMinutes() + 1_439) % 1_440;
  deps = { ...world, log, at_min };
});
afterEach(async () => {
  await world.close();
});

/** As if the service had been in use for so long. */
const installed = (days: number) =>
  world.pool.query(
    `UPDATE schema_migrations SET run_on = now() - make_interval(days => $1) WHERE name = '0008_reconcile'`,
    [days],
  );

const pay = () =>
  createPaymentIntent(world.standIn.world, {
    amount: 10_000,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
  }).intent;

const runs = async () =>
  (
    await world.pool.query<{ finished: boolean; days: number }>(
      `SELECT finished_at IS NOT NULL AS finished,
              extract(epoch FROM asked_until - window_from)::int / ${DAY_s} AS days
       FROM reconcile_runs ORDER BY run_id`,
    )
  ).rows;

test('of several instances one reconciles the last 35 days of a night, and it is done once', async () => {
  await installed(3);
  await Promise.all(Array.from({ length: 4 }, () => reconcileLastNight(deps)));
  while (await reconcileLastNight(deps));
  assert.deepEqual(await runs(), [{ finished: true, days: 35 }]);
});

test('the night before it came into use is not made up for', async () => {
  await installed(0);
  assert.equal(await reconcileLastNight(deps), false);
  assert.deepEqual(await runs(), []);
});

test('a night that Stripe was away in is gone on with until it is done', async () => {
  await installed(3);
  pay();
  const { id } = world.standIn.faults.add({ kind: 'reset_before', probability: 1 });
  await assert.rejects(reconcileLastNight(deps));
  world.standIn.faults.clear(id);
  assert.equal(await reconcileLastNight(deps), true);
  assert.deepEqual(await runs(), [{ finished: true, days: 35 }]);
});

test('what runs beside the worker reconciles by itself, says how it went and shows it in the metrics', async () => {
  await installed(3);
  const registry = createMetrics();
  measureReconciliation(registry, world.pool);
  assert.match(await registry.metrics(), /^reconcile_last_finished_timestamp_seconds 0$/m);
  const nightly = startNightly(deps);
  try {
    await until(async () => (await runs()).some(({ finished }) => finished));
  } finally {
    await nightly.stop();
  }
  assert.ok(logged.some((line) => line.includes('"reconciled with Stripe"') && line.includes('"left":0')));
  const { rows } = await world.pool.query('SELECT run_id FROM reconcile_runs');
  await world.pool.query(
    `INSERT INTO reconcile_differences (difference_id, run_id, seen_run_id, brand_id, kind, entity_type, stripe_id, done, found_at)
     VALUES ('difference_1', $1, $1, 'house', 'not_at_stripe', 'refund', 're_1', 'left', now())`,
    [rows[0].run_id],
  );
  const shown = await registry.metrics();
  assert.match(shown, /^reconcile_differences_open\{kind="not_at_stripe"\} 1$/m);
  assert.match(shown, /^reconcile_differences_open\{kind="amount"\} 0$/m);
  const [, at] = /^reconcile_last_finished_timestamp_seconds (\S+)$/m.exec(shown) ?? [];
  assert.ok(Math.abs(Number(at) - Date.now() / 1_000) < 60);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openWorld, type World } from '../stripe/world.ts';
import { inventHistory, SAMPLE } from './history.ts';

const NOW_MS = Date.UTC(2026, 5, 1, 12);

function live(seed: number): World {
  const world = openWorld({ databaseFile: ':memory:', seed: 1 });
  inventHistory(world, seed, NOW_MS).runUntil(NOW_MS);
  return world;
}

function tally(world: World, kind: string, field: string): Map<string, number> {
  const rows = world.store
    .sql(
      `SELECT json_extract(body, '$.${field}') AS value, count(*) AS n FROM objects WHERE kind = ? GROUP BY 1`,
    )
    .all(kind);
  return new Map(rows.map((row) => [String(row.value), Number(row.n)]));
}

const bodies = (world: World) =>
  world.store
    .sql('SELECT body FROM objects ORDER BY seq')
    .all()
    .map((row) => row.body);

test('the sample has the size that the README promises, in every status that Stripe knows, in several currencies', () => {
  const world = live(1);
  assert.equal(world.store.count('payment_intent'), SAMPLE.payments);
  const customers = world.store.count('customer');
  assert.ok(customers > 380 && customers <= SAMPLE.customers, `${customers} customers`);
  const refunds = world.store.count('refund');
  assert.ok(refunds > 500 && refunds < 700, `${refunds} refunds`);
  assert.deepEqual([...tally(world, 'refund', 'status').keys()].sort(), [
    'canceled',
    'failed',
    'pending',
    'requires_action',
    'succeeded',
  ]);
  assert.deepEqual([...tally(world, 'charge', 'currency').keys()].sort(), [
    'eur',
    'gbp',
    'jpy',
    'sek',
    'usd',
  ]);
  assert.ok(world.store.count('dispute') > 5);
  const invoices = world.store.count('invoice_payment');
  assert.ok(invoices > 150 && invoices < 300, `${invoices} payments of subscriptions, by invoice`);
  const [several] = world.store
    .sql(`SELECT count(*) AS n FROM objects WHERE kind = 'refund' GROUP BY charge ORDER BY n DESC LIMIT 1`)
    .all();
  assert.ok(Number(several?.n) >= 3, 'several refunds on one payment');
  world.store.close();
});

test('no payment of the sample gives back more than it took', () => {
  const world = live(1);
  const { n } = world.store
    .sql(
      `SELECT count(*) AS n FROM objects WHERE kind = 'charge' AND json_extract(body, '$.captured')
         AND json_extract(body, '$.amount_refunded') > json_extract(body, '$.amount_captured')`,
    )
    .get() as { n: number };
  assert.equal(n, 0);
  world.store.close();
});

test('the same seed gives the same world to the last object, another seed another one', () => {
  const [first, again, other] = [live(1), live(1), live(2)];
  assert.deepEqual(bodies(first), bodies(again));
  assert.notDeepEqual(bodies(first), bodies(other));
  for (const world of [first, again, other]) world.store.close();
});

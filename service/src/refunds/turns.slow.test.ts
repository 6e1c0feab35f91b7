import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as soon } from 'node:timers/promises';
import { startIssuing } from '../../../test/support/issuing.ts';
import { takeTurns } from './turns.ts';

test('of one payment two things are done at a time, the others in the order in which they came; another payment does not wait', async () => {
  const turns = takeTurns();
  const started: string[] = [];
  const gates = new Map<string, () => void>();
  const run = (payment: string, name: string) =>
    turns(payment, () => {
      started.push(name);
      return new Promise<void>((resolve) => gates.set(name, resolve));
    });
  const all = [run('hot', '1'), run('hot', '2'), run('hot', '3'), run('hot', '4'), run('other', 'a')];
  await soon();
  assert.deepEqual(started.toSorted(), ['1', '2', 'a']);
  gates.get('2')?.();
  await soon();
  assert.equal(started.at(-1), '3');
  gates.get('1')?.();
  await soon();
  assert.equal(started.at(-1), '4');
  for (const name of ['3', '4', 'a']) gates.get(name)?.();
  await Promise.all(all);
});

test('work that fails gives its turn on, and its failure to whoever asked for it', async () => {
  const turns = takeTurns();
  const failing = Array.from({ length: 5 }, () => turns('hot', () => Promise.reject(new Error('failed'))));
  for (const { status } of await Promise.allSettled(failing)) assert.equal(status, 'rejected');
  assert.equal(await turns('hot', async () => 'done'), 'done');
});

test('however many want one payment, they take two connections at the most', async () => {
  await using world = await startIssuing();
  const { payment_id } = await world.pay();
  const service = await world.caller({ scope: 'write:refunds' });
  // Whoever is told of it holds the payment's lock for a while.
  const holder = await world.pool.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT 1 FROM payments WHERE payment_id = $1 FOR UPDATE', [payment_id]);
  const answers = Promise.all(
    Array.from({ length: 32 }, (_, n) =>
      service.post('/v1/refunds', { payment_id, amount_cents: 1 + n }, { 'idempotency-key': `hot-${n}` }),
    ),
  );
  let most = 0;
  // Those who wait for the lock are seen by the database; a caller of another payment is served meanwhile.
  while (most < 2) most = Math.max(most, await waiting());
  const other = await world.pay();
  assert.equal((await service.post('/v1/refunds', { payment_id: other.payment_id })).status, 201);
  most = Math.max(most, await waiting());
  await holder.query('COMMIT');
  holder.release();
  assert.ok((await answers).every(({ status }) => status === 201));
  assert.equal(most, 2);

  async function waiting(): Promise<number> {
    const { rows } = await world.pool.query(
      `SELECT count(*) AS waiting FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return rows[0].waiting;
  }
});

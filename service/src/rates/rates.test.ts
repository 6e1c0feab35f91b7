import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createTestDatabase } from '../../../test/support/database.ts';
import { createPool } from '../database/pool.ts';
import { until } from '../stripe/test-world.ts';
import { shareThroughDatabase } from './queries.ts';
import { countRates, type RatesDeps, type SharedCounts } from './rates.ts';

const database = await createTestDatabase();
const pool = createPool({ connectionString: database.url, max: 4 });
after(async () => {
  await pool.end();
  await database.drop();
});

/** An instance that exchanges when told to: its own clock stands still, so that it never does by itself. */
function instance(shared: SharedCounts = shareThroughDatabase(pool), more: Partial<RatesDeps> = {}) {
  const said: string[] = [];
  const say = (sentence: string) => said.push(sentence);
  const rates = countRates({ shared, log: { warn: (_facts, text) => say(text), info: say }, ...more });
  return {
    ...rates,
    said,
    do(name: string, times: number) {
      for (let time = 0; time < times; time += 1) rates.rate(name).add(1_000_000);
    },
    left: (name: string, limit: number) => rates.rate(name).left(limit).left,
  };
}

test('what instances have done adds up in all of them, whatever their clocks say', async () => {
  const first = instance();
  const second = instance(undefined, { now_ms: () => performance.now() + 12_345_678 });
  first.do('together', 10);
  second.do('together', 5);
  assert.equal(first.left('together', 20), 10);
  await first.exchange();
  await second.exchange();
  assert.equal(second.left('together', 20), 5);
  first.do('together', 1);
  await first.exchange();
  assert.equal(first.left('together', 20), 4);
  assert.equal(first.left('another', 20), 20);
});

test('what is counted while the others are being told is not lost, and not counted twice', async () => {
  const open = shareThroughDatabase(pool);
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = instance({
    ...open,
    async exchange(told) {
      const all = await open.exchange(told);
      await promise;
      return all;
    },
  });
  first.do('meanwhile', 3);
  const exchanging = first.exchange();
  first.do('meanwhile', 4);
  resolve();
  await exchanging;
  assert.equal(first.left('meanwhile', 10), 3);
  await first.exchange();
  assert.equal(first.left('meanwhile', 10), 3);
  const { rows } = await pool.query('SELECT 1 FROM rate_counts');
  assert.ok(rows.length > 0);
});

test('instances that tell of the same things at once, in any order, do not wait for each other for ever', async () => {
  const names = Array.from({ length: 300 }, (_, number) => `same ${number}`);
  const instances = Array.from({ length: 4 }, () => instance());
  for (let round = 0; round < 5; round += 1) {
    for (const one of instances) {
      for (const name of names.sort(() => Math.random() - 0.5)) one.do(name, 1);
    }
    await Promise.all(instances.map((one) => one.exchange()));
  }
  const [last] = instances;
  for (const name of names) last?.do(name, 1);
  await last?.exchange();
  for (const name of names) assert.equal(last?.left(name, 100), 79);
  for (const one of instances) assert.deepEqual(one.said, []);
});

test('nobody who is counted waits, and the others know within a moment', async () => {
  const first = instance();
  const second = instance();
  first.do('soon', 7);
  await until(async () => {
    // An instance learns of a name when it has something to tell of it.
    const left = second.left('soon', 1_000);
    if (left > 990) second.do('soon', 1);
    return left < 1_000 - 7;
  });
});

test('while the others cannot be told each process goes on by itself, says so once, and shares again afterwards', async () => {
  const open = shareThroughDatabase(pool);
  let isDown = true;
  const first = instance({
    ...open,
    exchange: (told) => (isDown ? Promise.reject(new Error('down')) : open.exchange(told)),
  });
  for (let time = 0; time < 3; time += 1) {
    first.do('alone', 2);
    await first.exchange();
  }
  assert.equal(first.left('alone', 6), 0);
  assert.deepEqual(first.said, ['the limits are not shared at the moment: this process counts by itself']);
  isDown = false;
  const second = instance();
  second.do('alone', 100);
  await second.exchange();
  first.do('alone', 1);
  await first.exchange();
  assert.equal(first.left('alone', 200), 99);
  assert.deepEqual(first.said.slice(1), ['the limits are shared with the other instances again']);
});

test('what is past is removed from the database, and what is not stays', async () => {
  await pool.query(
    `INSERT INTO rate_counts SELECT 'old', floor(extract(epoch FROM clock_timestamp()) / 2)::bigint - age, 1 FROM unnest(ARRAY[1, 20, 40, 4000]) age`,
  );
  await shareThroughDatabase(pool).prune();
  const { rows } = await pool.query(`SELECT 1 FROM rate_counts WHERE key = 'old'`);
  assert.equal(rows.length, 2);
});

test('made-up names do not fill the memory', () => {
  const one = countRates({ log: { warn() {}, info() {} } });
  one.rate('first').add(10);
  for (let number = 0; number < 30_000; number += 1) one.rate(`made up ${number}`).add(10);
  assert.equal(one.rate('first').left(10).left, 10);
  assert.equal(one.rate('made up 29999').left(10).left, 9);
});

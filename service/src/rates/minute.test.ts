import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Minute, SLOT_ms, SLOTS } from './minute.ts';

const MINUTE_ms = SLOTS * SLOT_ms;

test('what was done is counted for 58 to 60 s, whenever and however often it is looked at', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ pause_ms: fc.nat({ max: 20_000 }), adds: fc.boolean() }), { maxLength: 200 }),
      fc.integer({ min: 0, max: 1_000_000 }),
      (steps, begin_ms) => {
        const minute = new Minute();
        const done_ms: number[] = [];
        let now_ms = begin_ms;
        for (const { pause_ms, adds } of steps) {
          now_ms += pause_ms;
          if (adds) {
            minute.add(now_ms);
            done_ms.push(now_ms);
          }
          const total = minute.total(now_ms);
          const within = (ms: number) => done_ms.filter((at) => now_ms - at < ms).length;
          assert.ok(total >= within(MINUTE_ms - SLOT_ms) && total <= within(MINUTE_ms), `${total}`);
        }
      },
    ),
  );
});

test('who waits as long as told is let through then, and not before', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 3_000 }), { minLength: 1, maxLength: 100 }),
      fc.integer({ min: 1, max: 50 }),
      (pauses_ms, limit) => {
        const minute = new Minute();
        let now_ms = 0;
        for (const pause_ms of pauses_ms) {
          now_ms += pause_ms;
          const wait_ms = minute.wait_ms(now_ms, limit);
          if (minute.total(now_ms) < limit) {
            assert.equal(wait_ms, 0);
            minute.add(now_ms);
            continue;
          }
          assert.ok(wait_ms > 0 && wait_ms <= MINUTE_ms, `${wait_ms}`);
          now_ms += wait_ms - 1;
          assert.ok(minute.total(now_ms) >= limit);
          now_ms += 1;
          assert.ok(minute.total(now_ms) < limit);
        }
      },
    ),
  );
});

test('what was told is counted once: as known here, and then as what all have done', () => {
  const minute = new Minute();
  minute.add(1_000);
  minute.add(5_000);
  minute.add(5_500);
  assert.equal(minute.untold, 3);
  assert.deepEqual(minute.tell(5_500), [
    { age: 0, count: 2 },
    { age: 2, count: 1 },
  ]);
  assert.equal(minute.untold, 0);
  assert.equal(minute.total(5_500), 3);
  minute.add(6_500);
  minute.learn(7_000, [
    { age: 0, count: 10 },
    { age: 2, count: 5 },
    { age: 40, count: 1_000 },
  ]);
  assert.equal(minute.total(7_000), 16);
  assert.equal(minute.total(2_000 + MINUTE_ms), 11);
  assert.equal(minute.total(7_999 + MINUTE_ms), 0);
});

test('a process that has just begun learns of the minute before it did', () => {
  const minute = new Minute();
  minute.learn(3, [{ age: SLOTS - 1, count: 4 }]);
  assert.equal(minute.total(3), 4);
  assert.equal(minute.total(SLOT_ms), 0);
});

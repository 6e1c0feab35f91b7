import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createJudge } from './liveness.ts';

/** Looks every two seconds at beats that are given by how often it has looked; returns at which look who was found dead. */
function watch(looks: number, beatAt: (look: number) => number, at_ms = (look: number) => look * 2_000) {
  const judge = createJudge();
  for (let look = 0; look < looks; look += 1) {
    const beats = [{ worker_id: 'pool-1', beat: beatAt(look) }];
    if (judge.dead(beats, at_ms(look)).length > 0) return at_ms(look);
  }
  return undefined;
}

test('a queue whose beat stands still is dead after ten seconds, not before', () => {
  assert.equal(
    watch(20, () => 7),
    10_000,
  );
});

test('a queue that beats is never dead, however slowly: once in eight seconds is enough', () => {
  assert.equal(
    watch(1_000, (look) => Math.floor(look / 4)),
    undefined,
  );
});

test('a process that was asleep takes nobody for dead for what it has not seen', () => {
  const asleep = (look: number) => look * 2_000 + (look > 1 ? 60_000 : 0);
  // Awake again it sees the same beat, which moves a moment later, as that of others that were asleep with it does.
  assert.equal(
    watch(50, (look) => (look < 3 ? 1 : look), asleep),
    undefined,
  );
});

test('what was seen before the database was away says nothing afterwards', () => {
  const judge = createJudge();
  const beats = [{ worker_id: 'pool-1', beat: 1 }];
  for (let at_ms = 0; at_ms <= 8_000; at_ms += 2_000) assert.deepEqual(judge.dead(beats, at_ms), []);
  judge.forget();
  assert.deepEqual(judge.dead(beats, 10_000), []);
  assert.deepEqual(judge.dead(beats, 18_000), []);
});

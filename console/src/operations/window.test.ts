import assert from 'node:assert/strict';
import { test } from 'node:test';
import { windowOf } from './window.ts';

const now = new Date('2026-03-10T15:00:00');
const at = (local: string) => new Date(local).toISOString();

test('two days mean all of both; one that is not over yet, or none, means up to now', () => {
  assert.deepEqual(windowOf('2026-03-01', '2026-03-02', now), {
    from: at('2026-03-01T00:00:00'),
    to: at('2026-03-03T00:00:00'),
  });
  for (const until of ['', '2026-03-10', '2026-04-01']) {
    assert.deepEqual(windowOf('2026-03-01', until, now), { from: at('2026-03-01T00:00:00') });
  }
});

test('what means no time is called by what is wrong with it', () => {
  assert.equal(windowOf('', '', now), 'incomplete');
  assert.equal(windowOf('2026-03-11', '', now), 'future');
  assert.equal(windowOf('2026-03-05', '2026-03-04', now), 'backwards');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killAgainAndAgain } from './kill/kills.ts';

test('killed at eight moments under load, the service loses nothing and doubles nothing', async (t) => {
  const seed = 1 + Math.floor(Math.random() * 1_000_000);
  t.diagnostic(`seed ${seed}`);
  const report = await killAgainAndAgain({ times: 8, seed });
  t.diagnostic(JSON.stringify(report));
  assert.ok(report.refunds > 10 && report.repeated > 0, JSON.stringify(report));
});

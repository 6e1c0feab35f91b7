import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crowd, describeCrowd } from './crowd/crowd.ts';

const P99_ms = 250;
/** By which the service may grow: some 20 KB for each connection. */
const GROWTH_MB = 200;

test('with 10,000 idle and 500 slow connections others are still answered quickly, and memory is bounded', async (t) => {
  const report = await crowd({ idle: 10_000, slow: 500, measured_s: 6 });
  t.diagnostic(describeCrowd(report));
  assert.ok(report.crowded.p99_ms < P99_ms, describeCrowd(report));
  const { before = 0, crowded = 0 } = report.resident_mb ?? {};
  assert.ok(crowded - before < GROWTH_MB, describeCrowd(report));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { report, simulate } from './simulation/simulate.ts';

/** As many as fit into a minute and a half on two cores with room to spare; `npm run simulate` is the long one. */
const RUNS = 250;
const WITHIN_ms = 75_000;
/** Fewer would say little. */
const RUNS_AT_LEAST = 50;

test('whatever callers, Stripe, crashes and clocks do at once, no refund is made twice, beyond what was paid, lost or left unexplained', async () => {
  const seed = 1 + Math.floor(Math.random() * 1_000_000_000);
  const result = await simulate({ runs: RUNS, seed, within_ms: WITHIN_ms, shrink_within_ms: 30_000 });
  console.log(report(result, seed));
  assert.equal(result.failures.length, 0, report(result, seed));
  assert.ok(result.runs >= RUNS_AT_LEAST, `only ${result.runs} runs in ${WITHIN_ms / 1_000} s`);
});

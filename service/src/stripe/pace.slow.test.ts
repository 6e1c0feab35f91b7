import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startStripe } from '../../../local/stripe/server.ts';
import { createStripe } from './client.ts';
import { createPace } from './pace.ts';

const KEY = 'sk_test_a_key_of_a_test';
/** What Stripe's sandboxes take in a second. */
const SANDBOX_LIMIT = 25;

test('in no second do more pass than are let, though all come at once', async () => {
  const pace = createPace(20);
  const passed: number[] = [];
  await Promise.all(
    Array.from({ length: 45 }, async () => {
      await pace();
      passed.push(performance.now());
    }),
  );
  for (const [index, at] of passed.entries()) {
    const later = passed[index + 20];
    // Timers may fire a little early.
    if (later !== undefined) assert.ok(later - at >= 950, `${index}: 21 within ${later - at} ms`);
  }
  assert.equal(passed.length, 45);
});

test('a paced client keeps under the limit of a sandbox, where one that is not is refused', async () => {
  const standIn = await startStripe({
    databaseFile: ':memory:',
    apiKey: KEY,
    rate_limit_per_s: SANDBOX_LIMIT,
  });
  try {
    const ask = (perSecond?: number) => {
      const stripe = createStripe({
        api_key: KEY,
        api_base: standIn.url,
        rate_limit_retries: 0,
        ...(perSecond === undefined ? {} : { requests_per_second: perSecond }),
      });
      return Promise.allSettled(Array.from({ length: 60 }, () => stripe.balance.retrieve()));
    };
    const refused = (asked: PromiseSettledResult<unknown>[]) =>
      asked.filter(({ status }) => status === 'rejected').length;
    assert.equal(refused(await ask(20)), 0);
    assert.ok(refused(await ask()) > 0, 'the limit is in force');
  } finally {
    await standIn.close();
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from './fuzz/fuzz.ts';

const REQUESTS = 3_000;

test('whatever is sent, with whatever token: no 5xx, only what is declared, no token, nothing of another brand, nothing changed without leave', async (t) => {
  const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`FUZZ_SEED=${seed}`);
  const report = await fuzz({ requests: REQUESTS, seed });
  t.diagnostic(JSON.stringify(report));
  assert.ok(report.requests >= REQUESTS);
  // Else it was all refused at the door, and nothing of the rest was shown.
  for (const status of ['200', '201', '400', '401', '403', '404', '412', '422']) {
    assert.ok((report.by_status[status] ?? 0) > 0, `no ${status} in ${JSON.stringify(report.by_status)}`);
  }
});

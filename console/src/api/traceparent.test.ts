import assert from 'node:assert/strict';
import { test } from 'node:test';
import { traceparentOf } from './traceparent.ts';

test('all tries under one key are of one trace, another key is of another, and no trace tells a key', async () => {
  const key = crypto.randomUUID();
  const traceparent = await traceparentOf(key);
  assert.match(traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  assert.equal(await traceparentOf(key), traceparent);
  assert.notEqual((await traceparentOf(crypto.randomUUID())).slice(3, 35), traceparent.slice(3, 35));
  assert.ok(!traceparent.includes(key.replaceAll('-', '')));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf } from './address.ts';

for (const [said, address] of [
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['2001:db8::1', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['', null],
  ['unknown', null],
  ["203.0.113.7'; DROP TABLE", null],
] as const) {
  test(`an address that is told as ${JSON.stringify(said)} is recorded as ${address}`, () => {
    assert.equal(addressOf({ ip: said }), address);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, networkOf } from './address.ts';

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

for (const [address, network] of [
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::ffff:c000:207', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::'],
  ['2001:DB8:1:2::', '2001:db8:1:2::'],
  ['::1', '::'],
  ['fe80::1%eth0', 'fe80::'],
  ['unknown', 'unknown'],
  ['a:b', 'unknown'],
  ['', 'unknown'],
  ['10', 'unknown'],
  ['192.0.2.7:4711', '192.0.2.7'],
  ['[2001:db8:1:2::3]:4711', '2001:db8:1:2::'],
  ['[2001:db8:1:2::3]', '2001:db8:1:2::'],
  ['192.0.2.7, 192.0.2.8', 'unknown'],
] as const) {
  test(`whoever is at ${address} is counted as ${network}`, () => {
    assert.equal(networkOf(address), network);
  });
}

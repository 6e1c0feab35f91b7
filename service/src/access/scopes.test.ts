import assert from 'node:assert/strict';
import { test } from 'node:test';
import { grants } from './scopes.ts';

for (const [granted, needed, expected] of [
  ['admin:refunds.read', 'admin:refunds.read', true],
  ['admin:refunds', 'admin:refunds.read', true],
  ['admin:refunds', 'admin:refunds.read.own', true],
  ['admin:refunds.read', 'admin:refunds', false],
  ['admin:refunds.read', 'admin:refunds.issue', false],
  ['admin:refund', 'admin:refunds.read', false],
  ['admin:refunds.re', 'admin:refunds.read', false],
  ['admin:payments', 'admin:refunds.read', false],
  ['admin', 'admin:refunds.read', false],
  ['admin:*', 'admin:refunds.read', false],
  ['ADMIN:REFUNDS.READ', 'admin:refunds.read', false],
  ['manage:refunds', 'read:refunds', true],
  ['manage:refunds', 'write:refunds', true],
  ['manage:refunds', 'admin:refunds', false],
  ['manage:refunds', 'read:payments', false],
  ['read:refunds', 'write:refunds', false],
  ['write:refunds', 'read:refunds', false],
  ['', 'read:refunds', false],
] as const) {
  test(`${granted || 'no scope'} ${expected ? 'covers' : 'does not cover'} ${needed}`, () => {
    assert.equal(grants(new Set(granted.split(' ').filter(Boolean)), needed), expected);
  });
}

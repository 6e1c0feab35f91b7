import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findUnencrypted } from './unencrypted.ts';

const HERE = 'postgres://payments@127.0.0.1/payments';

for (const [address, plain] of [
  [HERE, false],
  ['postgres://payments@%2Fvar%2Frun/payments', false],
  ['postgres:///payments?host=/var/run/postgresql', false],
  ['postgres://payments@db.example/payments', true],
  ['postgres://payments@localhost/payments?host=db.example', true],
  ['postgres://payments@db.example/payments?sslmode=disable', true],
  ['postgres://payments@db.example/payments?sslmode=no-verify', true],
  ['postgres://payments@db.example/payments?sslmode=verify-full', false],
  ['postgres://payments@db.example/payments?sslmode=require', false],
  ['postgres://payments@db.example/payments?ssl=true', false],
] as const) {
  test(`${address} is ${plain ? '' : 'not '}a connection that others could read`, () => {
    assert.deepEqual(
      findUnencrypted({ database_url: address, database_migration_url: address, redis_url: undefined }),
      plain ? ['DATABASE_URL'] : [],
    );
  });
}

test('each setting is named that leads over the network in the clear', () => {
  assert.deepEqual(
    findUnencrypted({
      database_url: HERE,
      database_migration_url: 'postgres://owner@db.example/payments',
      redis_url: 'redis://cache.example:6379',
    }),
    ['DATABASE_MIGRATION_URL', 'REDIS_URL'],
  );
  const redis_url = 'rediss://cache.example:6379';
  assert.deepEqual(findUnencrypted({ database_url: HERE, database_migration_url: HERE, redis_url }), []);
});

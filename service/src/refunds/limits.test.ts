import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestDatabase } from '../../../test/support/database.ts';
import { createPool } from '../database/pool.ts';
import { needsApproval, readLimits, roleOf } from './limits.ts';

test('a service has its own limit; a person is an agent, or an approver where they may approve others', () => {
  const person = (scopes: string[]) => roleOf({ actor_type: 'user', scopes: new Set(scopes) });
  assert.equal(roleOf({ actor_type: 'service', scopes: new Set(['admin:refunds']) }), 'service');
  assert.equal(person(['admin:refunds.issue']), 'agent');
  assert.equal(person(['admin:refunds.issue', 'admin:refunds.approve']), 'approver');
  assert.equal(person(['admin:refunds']), 'approver');
});

test('up to and including its limit a role needs nobody; without any limits it never does; in a currency nobody thought of it always does', () => {
  const limits = { usd: 5_000, jpy: 0 };
  assert.equal(needsApproval(limits, 'usd', 5_000), false);
  assert.equal(needsApproval(limits, 'usd', 5_001), true);
  assert.equal(needsApproval(limits, 'jpy', 1), true);
  assert.equal(needsApproval(limits, 'eur', 1), true);
  assert.equal(needsApproval({}, 'eur', Number.MAX_SAFE_INTEGER), false);
});

test('the table goes before the setting, currency by currency, and is of one brand and one role', async (context) => {
  const database = await createTestDatabase();
  const pool = createPool({ connectionString: database.url, max: 1 });
  context.after(async () => {
    await pool.end();
    await database.drop();
  });
  await pool.query(
    `INSERT INTO approval_limits (brand_id, role, currency, limit_cents)
     VALUES ('default', 'agent', 'usd', 100), ('default', 'agent', 'gbp', 0), ('default', 'approver', 'usd', 9),
            ('another', 'agent', 'usd', 7)`,
  );
  const setting = { agent: { usd: 5_000, eur: 4_000 }, service: { usd: 1 } };
  assert.deepEqual(await readLimits(pool, setting, 'default', 'agent'), { usd: 100, eur: 4_000, gbp: 0 });
  assert.deepEqual(await readLimits(pool, setting, 'default', 'service'), { usd: 1 });
  assert.deepEqual(await readLimits(pool, setting, 'another', 'approver'), {});
});

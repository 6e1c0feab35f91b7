import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rehearse } from './restore/rehearse.ts';

test('books that were lost by a mistake, and with the disk, come back to the point in time, from Stripe up to now, and nothing is paid twice', async (t) => {
  const report = await rehearse({ payments: 20 });
  t.diagnostic(JSON.stringify(report));
  assert.ok(report.mistake.refunds_kept > 20);
  assert.ok(report.disk.answered > report.disk.missing, 'the archive has most of it');
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { get } from 'node:http';
import { test } from 'node:test';
import { startIssuer } from '../local/issuer/start.ts';
import { createPool } from '../service/src/database/pool.ts';
import { createTestDatabase } from './support/database.ts';
import { addMany } from './support/many.ts';
import { residentMemory } from './support/memory.ts';
import { Service, settingsOf } from './support/service.ts';

/** EXPORT_REFUNDS=1000000 for as many as a large platform has. */
const REFUNDS = Number(process.env.EXPORT_REFUNDS ?? 60_000);
const GROWS_LESS_THAN_MB = 50;

test('an export has the rows of the database, however many, and takes the service no more memory for it', {
  timeout: 900_000,
}, async (t) => {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createTestDatabase());
  const issuer = await startIssuer();
  stack.defer(() => issuer.close());
  const pool = createPool({ connectionString: database.url, max: 1, statement_timeout_ms: 0 });
  stack.defer(() => pool.end());
  await addMany(pool, { refunds: REFUNDS, until: new Date() });
  const standIn = { url: 'http://127.0.0.1:1' };
  const service = stack.use(
    new Service({ ...settingsOf({ databaseUrl: database.url, standIn, issuer }), ROLE: 'api' }),
  );
  const url = await service.url();
  const { access_token } = await issuer.mintToken({ scope: 'admin:refunds.read' });
  const headers = { authorization: `Bearer ${access_token}` };
  // What a first answer needs is there before it is looked at what more takes.
  assert.equal((await fetch(`${url}/v1/admin/refunds/export?status=failed`, { headers })).status, 200);

  const before = residentMemory(service.pid)?.now;
  const started = performance.now();
  const digest = createHash('sha256');
  let lines = 0;
  let most = 0;
  await new Promise<void>((resolve, reject) => {
    const request = get(`${url}/v1/admin/refunds/export?format=ndjson`, { headers }, (response) => {
      let rest = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        const parts = (rest + chunk).split('\n');
        rest = parts.pop() ?? '';
        for (const line of parts) digest.update(`${/"refund_id":"(\w+)"/.exec(line)?.[1]}\n`);
        lines += parts.length;
        most = Math.max(most, residentMemory(service.pid)?.now ?? 0);
      });
      response.on('end', resolve).on('error', reject);
    });
    request.on('error', reject);
  });
  const took_s = (performance.now() - started) / 1_000;
  assert.equal(lines, REFUNDS);
  const { rows } = await pool.query<{ refund_id: string }>(
    'SELECT refund_id FROM refunds ORDER BY created_at DESC, refund_id DESC',
  );
  const expected = createHash('sha256');
  for (const { refund_id } of rows) expected.update(`${refund_id}\n`);
  assert.equal(digest.digest('hex'), expected.digest('hex'));
  t.diagnostic(
    `${Math.round(REFUNDS / took_s)} rows/s, ${before?.toFixed(0)} MB before, ${most.toFixed(0)} MB at the most`,
  );
  if (before !== undefined) assert.ok(most - before < GROWS_LESS_THAN_MB, `${before} → ${most} MB`);
});

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { createPool } from '../service/src/database/pool.ts';
import { writePages } from '../service/src/reference/pages.ts';
import { isUp, makeWorldFolder } from './support/local-world.ts';
import { makeDifference } from './support/make.ts';
import { DOCUMENT, operationsOf } from './support/operations.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(`${root}/${path}`, 'utf8');

test('the reference in the repository is made of the document, a page for each operation and no other', () => {
  const pages = writePages(read('openapi.json'));
  assert.deepEqual(readdirSync(`${root}/docs/reference`).sort(), pages.map(({ file }) => file).sort());
  for (const { file, markdown } of pages) assert.equal(read(`docs/reference/${file}`), markdown, file);
});

test('no page says that something is not there: an operationId, a scope, a description', () => {
  for (const { file, markdown } of writePages(read('openapi.json'))) {
    assert.doesNotMatch(markdown, /\(none\)|no scope declared|: *$\n(?=-)|undefined/m, file);
    assert.doesNotMatch(markdown, /^- `\w+` \([^)]*\): *$/m, `${file} has a parameter without a description`);
  }
});

test('Redocly finds nothing to complain of in the document', async () => {
  const config = await createConfig({
    extends: ['recommended'],
    rules: {
      // Probes and metrics are open to all and take nothing that could be wrong.
      'operation-4xx-response': 'off',
      // Webhooks are not asked for: they are signed, not authorized, and nobody calls them by a name.
      'security-defined': 'off',
    },
  });
  const problems = await lintFromString({ source: read('openapi.json'), config });
  assert.deepEqual(
    problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer}`),
    [],
  );
});

test('every curl of the reference works when it is pasted beside a world that npm start has brought up', async (t) => {
  await using folder = await makeWorldFolder();
  await using world = folder.start();
  await isUp(world);
  const { SERVICE_URL = '', DATABASE_MIGRATION_URL = '' } = await folder.env();
  // Nothing differs in a world whose Stripe and books agree: one that somebody has to close.
  const pool = createPool({ connectionString: DATABASE_MIGRATION_URL, max: 1 });
  const { rows } = await pool.query<{ refund_id: string }>(
    `SELECT refund_id FROM refunds WHERE brand_id = 'default' LIMIT 1`,
  );
  await makeDifference(pool, { brand_id: 'default', entity_id: rows[0]?.refund_id ?? '' });
  await pool.end();
  const env = {
    PATH: [dirname(process.execPath), process.env.PATH].join(':'),
    HOME: process.env.HOME ?? '',
    LOCAL_DIR: folder.directory,
    PAYMENTS_URL: SERVICE_URL,
  };
  const failed: string[] = [];
  for (const { id, method, path } of operationsOf()) {
    const samples = (
      DOCUMENT.paths[path]?.[method] as { 'x-codeSamples'?: { source: string }[] } | undefined
    )?.['x-codeSamples'];
    const [{ source } = { source: 'exit 1' }] = samples ?? [];
    // As it is pasted, but that it says when it was refused.
    const script = `curl() { command curl -sS --fail-with-body "$@"; }\n${source}`;
    await promisify(execFile)('bash', ['-c', script], { cwd: root, env, maxBuffer: 64 * 1024 * 1024 }).catch(
      ({ stdout, stderr }: { stdout: string; stderr: string }) => failed.push(`${id}: ${stdout} ${stderr}`),
    );
  }
  assert.deepEqual(failed, []);
  t.diagnostic(`${operationsOf().length} operations`);
  await world.interrupt();
});

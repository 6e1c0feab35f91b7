import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { describeAccess } from './matrix.ts';

const read = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');

test('docs/access.md says what the service enforces (npm run openapi writes it)', () => {
  assert.equal(read('docs/access.md'), describeAccess(read('openapi.json')));
});

test('an auditor is let into what only shows, and a person of no role into nothing', () => {
  const lines = describeAccess(read('openapi.json')).split('\n');
  const head = lines.find((line) => line.startsWith('| operation |')) ?? '';
  const auditors = head.split(' | ').indexOf('auditor');
  assert.ok(auditors > 2);
  const rows = lines.filter((line) => line.startsWith('| `POST') && line.split(' | ').length > auditors);
  assert.ok(rows.length > 5);
  for (const row of rows) assert.equal(row.split(' | ')[auditors]?.trim(), '', row);
});

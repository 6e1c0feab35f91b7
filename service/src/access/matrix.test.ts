import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { describeAccess } from './matrix.ts';

const read = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');

test('docs/access.md says what the service enforces (npm run openapi writes it)', () => {
  assert.equal(read('docs/access.md'), describeAccess(read('openapi.json')));
});

test('an auditor is let into what only shows, and a person of no role into nothing', () => {
  const rows = describeAccess(read('openapi.json'))
    .split('\n')
    .filter((line) => line.startsWith('| `POST'));
  assert.ok(rows.length > 5);
  // The last column is the auditor's.
  for (const row of rows.filter((line) => line.split('|').length > 5)) assert.match(row, /\|\s+\|$/);
});

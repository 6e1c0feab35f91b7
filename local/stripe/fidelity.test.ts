import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { addRoutes } from './routes/routes.ts';

const document = readFileSync(new URL('./FIDELITY.md', import.meta.url), 'utf8');

/** The rows of the table under a heading, as lists of cells. */
function table(heading: string): string[][] {
  const section = document.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** Names of the tests in a file, as written. */
function testNames(file: string): string {
  const url = new URL(`./${file}.test.ts`, import.meta.url);
  assert.ok(existsSync(url), `${file}.test.ts does not exist`);
  return readFileSync(url, 'utf8').replaceAll("\\'", "'");
}

test('FIDELITY.md lists the routes that the server has, and no others', () => {
  const registered: string[] = [];
  addRoutes({ route: (method, path) => registered.push(`${method} ${path}`) });
  const listed = table("Stripe's routes").map(([route]) => (route ?? '').replaceAll('`', ''));
  assert.deepEqual([...listed].sort(), [...registered].sort());
});

test('every behaviour in FIDELITY.md is shown by a test that exists', () => {
  const rows = [...table("Stripe's routes"), ...table('What all routes share')];
  assert.ok(rows.length > 50);
  for (const row of rows) {
    const [file, words] = (row.at(-1) ?? '').split(': ');
    assert.ok(file !== undefined && words !== undefined, row.join(' | '));
    const found = new RegExp(`\\btest\\(\\s*["'\`]${words.replaceAll(/[.*+?^$()[\]{}|\\]/g, '\\$&')}`);
    assert.match(testNames(file), found, row[0]);
  }
});

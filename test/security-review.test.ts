import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const docs = fileURLToPath(new URL('../docs', import.meta.url));
const TOP_TEN = join(docs, 'security-review.md');
const chapters = globSync('security-review/v*.md', { cwd: docs })
  .sort()
  .map((file) => join(docs, file));

interface Row {
  where: string;
  number: string;
  /** Undefined in the Top 10, which has none. */
  level: string | undefined;
  met: string;
  test: string;
}

/** The rows of a file's tables that begin with a requirement's number. */
function readRows(file: string): Row[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => /^\| (\d+\.\d+\.\d+|API\d+) \|/.test(line))
    .map((line) => {
      const cells = line.split('|').slice(1, -1);
      const [number = '', ...rest] = cells.map((cell) => cell.trim());
      const where = `${file.slice(docs.length + 1)} ${number}`;
      assert.equal(cells.length, file === TOP_TEN ? 4 : 5, `${where}: so many cells`);
      const [met = '', test = ''] = rest.slice(-2);
      return { where, number, level: file === TOP_TEN ? undefined : rest[0], met, test };
    });
}

const rows = chapters.flatMap(readRows);
const all = [...rows, ...readRows(TOP_TEN)];

test('every requirement of ASVS 5.0.0 of levels 1 and 2 is there once, in its chapter: 70 and 183', () => {
  assert.equal(new Set(rows.map(({ number }) => number)).size, rows.length);
  const counted = Object.groupBy(rows, ({ level }) => String(level));
  assert.deepEqual(
    Object.entries(counted).map(([level, of]) => [level, of?.length]),
    [
      ['1', 70],
      ['2', 183],
    ],
  );
  for (const { where, number } of rows) {
    assert.ok(where.includes(`/v${number.split('.')[0]?.padStart(2, '0')}-`), where);
  }
});

test('every risk of the API Security Top 10 is there', () => {
  assert.deepEqual(
    readRows(TOP_TEN).map(({ number }) => number),
    Array.from({ length: 10 }, (_, index) => `API${index + 1}`),
  );
});

test('a row says how it is met and by which test, or why not', () => {
  for (const { where, met, test } of all) {
    const excused = /^(Does not apply|By the operator|Gap): \S/.test(met);
    assert.ok(excused || /\]\(\S+\)/.test(met), `${where}: names no file`);
    assert.ok(excused || test === '–' || test.includes('“'), `${where}: names no test`);
    if (test === '–' && !excused)
      assert.match(met, /\]\([^)]*\.(md|json|yml)(#[^)]*)?\)/, `${where}: only a document needs no test`);
  }
});

test('every test that is named is in the file where it is said to be', () => {
  const missing = all.flatMap(({ where, test }) => {
    const file = resolve(dirname(join(docs, where.split(' ')[0] ?? '')));
    return [...test.matchAll(/((?:“[^”]+”[\s,;and]*)+)in \[[^\]]+\]\(([^)]+)\)/g)].flatMap(
      ([, quoted = '', target = '']) => {
        const path = join(file, target);
        if (!existsSync(path)) return [`${where}: ${target}`];
        const text = readFileSync(path, 'utf8').replaceAll("\\'", "'");
        return [...quoted.matchAll(/“([^”]+)”/g)]
          .filter(([, name = '']) => !text.includes(name))
          .map(([, name]) => `${where}: ${name}`);
      },
    );
  });
  assert.deepEqual(missing, []);
});

import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { describeSettings } from '../service/src/config.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const documents = globSync('**/*.md', {
  cwd: root,
  exclude: (path) => /(^|\/)(node_modules|\.local.*)$/.test(path),
});

test('docs/settings.md says what the service reads', () => {
  assert.equal(read('docs/settings.md'), describeSettings(), 'out of date: npm run openapi');
});

test('every link between the documents leads to a file that is there', () => {
  const broken = documents.flatMap((document) =>
    [...read(document).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !existsSync(join(root, dirname(document), target)))
      .map((target) => `${document} → ${target}`),
  );
  assert.deepEqual(broken, []);
});

test('every npm script that the documents name is in package.json', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const unknown = documents.flatMap((document) =>
    [...read(document).matchAll(/npm run (?:-s )?([a-z][a-z:-]*)/g)]
      .map(([, script = '']) => script)
      .filter((script) => scripts[script] === undefined)
      .map((script) => `${document}: ${script}`),
  );
  assert.deepEqual(unknown, []);
});

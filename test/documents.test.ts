import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import GithubSlugger from 'github-slugger';
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

/** The document without its code, in which brackets are no links. */
const prose = (document: string) => read(document).replace(/^```[\s\S]*?^```$|`[^`\n]*`/gm, '');

/** The names under which a document's headings are reached, as GitHub gives them. */
function anchorsOf(document: string): Set<string> {
  const slugger = new GithubSlugger();
  const headings = read(document)
    .replace(/^```[\s\S]*?^```$/gm, '')
    .matchAll(/^#{1,6} +(.+)$/gm);
  const plain = (text: string) => text.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '');
  return new Set([...headings].map(([, text = '']) => slugger.slug(plain(text))));
}

test('every link between the documents leads to a file that is there, and to a heading in it', () => {
  const broken = documents.flatMap((document) =>
    [...prose(document).matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)/g)]
      .filter(([, target = '', anchor]) => {
        const file = target === '' ? document : join(dirname(document), target);
        if (!existsSync(join(root, file))) return true;
        return anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).has(anchor);
      })
      .map(([link]) => `${document} → ${link}`),
  );
  assert.deepEqual(broken, []);
});

test('every JSON block of the documents is JSON', () => {
  const broken = documents.flatMap((document) =>
    [...read(document).matchAll(/^```json\n([\s\S]*?)^```$/gm)].flatMap(([, text = '']) => {
      try {
        JSON.parse(text);
        return [];
      } catch (error) {
        return [`${document}: ${error instanceof Error ? error.message : error}`];
      }
    }),
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

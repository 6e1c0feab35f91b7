import { createHash } from 'node:crypto';
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writePage } from './page.ts';
import { render } from './render.ts';
import { ORDER } from './sections.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dist = join(root, 'docs/dist');

/** Documents beside `docs/` that are in the site, and where. */
const ELSEWHERE: Record<string, string> = {
  'client/README.md': 'client',
  'deploy/README.md': 'deploy',
  'CHANGELOG.md': 'changelog',
  'ARCHITECTURE.md': 'architecture',
};

/** A document's place in the site: `docs/guides/operate.md` is `guides/operate`; the first page is ``. */
const placeOf = (file: string) =>
  ELSEWHERE[file] ??
  file
    .replace(/^docs\//, '')
    .replace(/\.md$/, '')
    .replace(/(^|\/)README$/, '');

const found = globSync('docs/**/*.{md,png}', {
  cwd: root,
  exclude: ['docs/dist/**', 'docs/node_modules/**'],
});
const documents = [...found.filter((file) => file.endsWith('.md')).sort(), ...Object.keys(ELSEWHERE)];
const pictures = new Map(
  found
    .filter((file) => file.endsWith('.png'))
    .map((file) => {
      const hash = createHash('sha256')
        .update(readFileSync(join(root, file)))
        .digest('hex')
        .slice(0, 12);
      return [file, `${posix.basename(file, '.png')}-${hash}.png`];
    }),
);
const style = readFileSync(new URL('style.css', import.meta.url));
const styleName = `style-${createHash('sha256').update(style).digest('hex').slice(0, 12)}.css`;

const known = new Set(documents);
function locate(file: string): string | undefined {
  const picture = pictures.get(file);
  if (picture !== undefined) return `/docs/assets/${picture}`;
  // A link to a folder is one to what its README says.
  const document = [file, posix.join(file, 'README.md')].find((one) => known.has(one));
  if (document === undefined) return undefined;
  const place = placeOf(document);
  return place === '' ? '/docs' : `/docs/${place}`;
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(join(dist, 'assets'), { recursive: true });
writeFileSync(join(dist, 'assets', styleName), style);
for (const [file, name] of pictures) copyFileSync(join(root, file), join(dist, 'assets', name));

const pages = documents.map((file) => ({
  place: placeOf(file),
  address: locate(file) ?? '/docs',
  ...render(readFileSync(join(root, file), 'utf8'), file, locate),
}));
const titles = new Map(pages.map(({ place, title }) => [place, title]));
const missing = ORDER.filter((place) => !titles.has(place));
if (missing.length > 0) throw new Error(`In the site's order, but no document: ${missing.join(', ')}`);
for (const page of pages) {
  const file = join(dist, 'pages', `${page.place === '' ? 'index' : page.place}.html`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, writePage(page, titles, `/docs/assets/${styleName}`));
}
// Last: whoever finds it finds a site that is whole.
writeFileSync(join(dist, 'built.json'), JSON.stringify(pages.map(({ place }) => place)));

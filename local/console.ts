import { execFile } from 'node:child_process';
import { existsSync, globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What `npm run build` builds: from what, and the file that is there once it is. */
const CONSOLE = {
  workspace: '@payments/console',
  sources: [
    'console/{index.html,package.json,vite.config.ts}',
    'console/src/**/*',
    'client/src/**/*',
    'service/src/payments/money.ts',
    'package-lock.json',
  ],
  built: join(root, 'console/dist/index.html'),
};
const DOCS = {
  workspace: '@payments/docs',
  sources: [
    'docs/*.md',
    'docs/{decisions,guides,reference,security-review,site}/**/*',
    'docs/package.json',
    '{client,deploy}/README.md',
    '{CHANGELOG,ARCHITECTURE}.md',
    'package-lock.json',
  ],
  built: join(root, 'docs/dist/built.json'),
};

/** Builds the console's files, unless they are newer than what they are built from. */
export const buildConsole = () => buildWhereOld(CONSOLE);

/** Builds the documentation's pages, likewise. */
export const buildDocs = () => buildWhereOld(DOCS);

async function buildWhereOld({ workspace, sources, built }: typeof CONSOLE): Promise<void> {
  if (existsSync(built)) {
    const built_ms = statSync(built).mtimeMs;
    const files = globSync(sources, { cwd: root });
    if (files.every((source) => statSync(join(root, source)).mtimeMs < built_ms)) return;
  }
  await promisify(execFile)('npm', ['run', '-s', 'build', '-w', workspace], { cwd: root });
}

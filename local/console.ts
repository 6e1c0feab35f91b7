import { execFile } from 'node:child_process';
import { existsSync, globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
/** What the console is built from. */
const SOURCES = [
  'console/{index.html,package.json,vite.config.ts}',
  'console/src/**/*',
  'client/src/**/*',
  'service/src/payments/money.ts',
  'package-lock.json',
];
const BUILT = join(root, 'console/dist/index.html');

/** Builds the console's files, unless they are newer than what they are built from. */
export async function buildConsole(): Promise<void> {
  if (existsSync(BUILT)) {
    const built_ms = statSync(BUILT).mtimeMs;
    const sources = globSync(SOURCES, { cwd: root });
    if (sources.every((source) => statSync(join(root, source)).mtimeMs < built_ms)) return;
  }
  await promisify(execFile)('npm', ['run', '-s', 'build', '-w', '@payments/console'], { cwd: root });
}

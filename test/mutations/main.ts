import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MUTATIONS, type Mutation } from './mutations.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The tree as git knows it, with what is not committed yet, beside the same packages. */
function copyTree(): string {
  const copy = mkdtempSync(join(tmpdir(), 'payments-mutations-'));
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
  });
  for (const file of files.split('\0').filter((name) => name !== '')) {
    cpSync(join(root, file), join(copy, file), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** The names of the tests that fail with a guard taken out. */
async function failing(copy: string, { file, find, replace, tests }: Mutation): Promise<string[]> {
  const path = join(copy, 'service/src', file);
  const text = readFileSync(path, 'utf8');
  if (text.split(find).length !== 2) throw new Error(`In ${file} this does not stand once: ${find}`);
  writeFileSync(
    path,
    text.replace(find, () => replace),
  );
  try {
    const run = spawn(process.execPath, ['test/run.ts', ...tests], {
      cwd: copy,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    run.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
    run.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
    await once(run, 'close');
    const names = [...output.matchAll(/^✖ (.*) \(\d+[.]\d+ms\)$/gm)].map(([, name = '']) => name);
    return [...new Set(names)].filter((name) => !name.startsWith(copy));
  } finally {
    writeFileSync(path, text);
  }
}

const chosen = MUTATIONS.filter(({ name }) => process.argv.slice(2).every((word) => name.includes(word)));
const copy = copyTree();
let missed = 0;
process.stdout.write('| taken out | tests that fail | one of them |\n|---|---|---|\n');
try {
  for (const mutation of chosen) {
    const names = await failing(copy, mutation);
    if (names.length === 0) missed += 1;
    process.stdout.write(`| ${mutation.name} | ${names.length} | ${names[0] ?? '**none**'} |\n`);
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
process.stdout.write(`\n${chosen.length - missed} of ${chosen.length} are noticed.\n`);
process.exitCode = missed === 0 ? 0 : 1;

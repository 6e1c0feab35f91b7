import { existsSync, globSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { buildConsole, buildDocs } from '../local/console.ts';
import { announceServer } from './support/database.ts';
import { startTestServer } from './support/server.ts';
import { watch } from './support/watchdog.ts';

const USAGE = `node test/run.ts [unit | file …]
  (nothing)   every test
  unit        the quick ones: beside the files they test, that start no service and are not named *.slow.test.ts
  file …      these; part of a path is enough (refunds/list)
TEST_DATABASE_URL names a PostgreSQL to use instead of the one that comes through npm.`;

const BESIDE = [
  'service/src/**/*.test.ts',
  'local/**/*.test.ts',
  'cli/**/*.test.ts',
  'client/**/*.test.ts',
  'console/**/*.test.ts',
];
const ACROSS = ['test/**/*.test.ts'];
/** No single test takes longer. */
const TEST_TIMEOUT_ms = 300_000;
const LIMITS = { silence_ms: TEST_TIMEOUT_ms + 30_000, ending_ms: 30_000 };

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function find(patterns: string[]): string[] {
  return globSync(patterns, { cwd: root, exclude: ['**/node_modules/**'] }).sort();
}

function choose(words: string[]): string[] {
  if (words.length === 0) return find([...BESIDE, ...ACROSS]);
  if (words.length === 1 && words[0] === 'unit') {
    return find(BESIDE).filter((file) => !file.endsWith('.slow.test.ts') && !startsService(file));
  }
  const all = find([...BESIDE, ...ACROSS]);
  return words.flatMap((word) => {
    const named = existsSync(word) && word.endsWith('.test.ts');
    const found = named ? [resolve(word)] : all.filter((file) => file.includes(word));
    if (found.length === 0) throw new Error(`No test file is named ${word}.\n${USAGE}`);
    return found;
  });
}

/** To start a service with its issuer costs a second or two of a core, too much to wait for before each commit. */
function startsService(file: string): boolean {
  return /from '.*\/(support\/(app|issuing|service)|test-world|issuer\/start)\.ts'|from '\.\/start\.ts'/.test(
    readFileSync(resolve(root, file), 'utf8'),
  );
}

interface Outcome {
  passed: number;
  failed: number;
}

async function runFiles(files: string[], signal: AbortSignal): Promise<Outcome> {
  const outcome: Outcome = { passed: 0, failed: 0 };
  const empty: string[] = [];
  const hang = new AbortController();
  let hanging: string[] = [];
  const tests = run({
    files: files.map((file) => resolve(root, file)),
    cwd: root,
    concurrency: availableParallelism(),
    timeout: TEST_TIMEOUT_ms,
    signal: AbortSignal.any([signal, hang.signal]),
  });
  const stopWatching = watch(tests, LIMITS, (files) => {
    hanging = files;
    hang.abort(new Error('It hangs'));
  });
  tests.on('test:summary', ({ file, counts }) => {
    if (file !== undefined) return;
    outcome.passed = counts.passed;
    outcome.failed = counts.tests - counts.passed - counts.skipped - counts.todo;
  });
  tests.on('test:pass', ({ name, nesting, file }) => {
    // A file without a single test is reported as one test that passed, named after itself.
    if (nesting === 0 && file !== undefined && resolve(root, name) === file) empty.push(name);
  });
  const report = tests.compose(spec);
  report.pipe(process.stdout, { end: false });
  await finished(report, { writable: false });
  stopWatching();
  for (const name of empty) console.log(`✖ ${name} holds no test`);
  for (const file of hanging) console.log(`✖ ${file} does not end: it started something and did not stop it`);
  return {
    passed: outcome.passed - empty.length,
    failed: outcome.failed + empty.length,
  };
}

async function main(words: string[]): Promise<number> {
  if (words.some((word) => word.startsWith('-'))) {
    console.log(USAGE);
    return 2;
  }
  const files = choose(words);
  const interruption = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => interruption.abort(new Error(name)));
  }
  const started = Date.now();
  // Once, before several tests would at the same time.
  await buildConsole();
  await buildDocs();
  const server = await startTestServer(process.env.TEST_DATABASE_URL);
  console.log(`${server.description}, ${files.length} files`);
  let outcome: Outcome;
  try {
    announceServer(server);
    outcome = interruption.signal.aborted
      ? { passed: 0, failed: 0 }
      : await runFiles(files, interruption.signal);
  } finally {
    await server.stop();
  }
  if (interruption.signal.aborted) console.log('Interrupted.');
  if (outcome.passed + outcome.failed === 0) console.log('No test ran.');
  console.log(`${((Date.now() - started) / 1000).toFixed(1)} s`);
  console.log(`${outcome.passed} passed, ${outcome.failed} failed`);
  return outcome.failed > 0 || outcome.passed === 0 || interruption.signal.aborted ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  console.log('0 passed, 1 failed');
  return 1;
});

import { parseArgs } from 'node:util';
import { report, simulate } from './simulate.ts';

const USAGE = `npm run simulate -- [--runs n] [--seed n] [--replay seed] [--worlds n] [--failures n] [--shrink s]
  --runs n       how many schedules (100)
  --seed n       the first one's seed (any, printed)
  --replay seed  this one only
  --worlds n     how many side by side (3)
  --failures n   ends after so many schedules that went wrong (5)
  --shrink s     seconds in which one that went wrong is made shorter (60)`;

function readNumber(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new Error(`--${name} has to be a whole number above 0.\n${USAGE}`);
  return number;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string' },
      seed: { type: 'string' },
      replay: { type: 'string' },
      worlds: { type: 'string' },
      failures: { type: 'string' },
      shrink: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) {
    console.log(USAGE);
    return 0;
  }
  const replay = values.replay === undefined ? undefined : readNumber('replay', values.replay, 1);
  const runs = replay === undefined ? readNumber('runs', values.runs, 100) : 1;
  const seed = replay ?? readNumber('seed', values.seed, 1 + Math.floor(Math.random() * 1_000_000));
  const worlds = readNumber('worlds', values.worlds, 3);
  const failures_max = readNumber('failures', values.failures, 5);
  const shrink_s = readNumber('shrink', values.shrink, 60);
  const started = performance.now();
  console.log(`seed ${seed}, ${runs} runs`);
  const interruption = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (interruption.signal.aborted) process.exit(130);
      interruption.abort();
      console.log('\nends after the schedules under way');
    });
  }
  const result = await simulate({
    signal: interruption.signal,
    runs,
    seed,
    worlds,
    failures_max,
    shrink_within_ms: shrink_s * 1_000,
    onRun(done, violations) {
      const each_ms = (performance.now() - started) / done;
      const left_s = Math.round(((runs - done) * each_ms) / 1_000);
      const line = `${done} of ${runs} · ${each_ms.toFixed(0)} ms each · ${violations} violations · ${left_s} s left`;
      if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line}`);
      else if (done % 100 === 0) console.log(line);
    },
  });
  if (process.stdout.isTTY) process.stdout.write('\n');
  console.log(report(result, seed));
  return result.failures.length === 0 ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 2;
});
// What dead instances still wait for keeps nobody here.
process.exit();

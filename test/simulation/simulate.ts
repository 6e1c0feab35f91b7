import { addTally, createTally, type Tally } from './history.ts';
import { type Outcome, runSchedule, shrink } from './run.ts';
import { drawSchedule } from './schedule.ts';
import { startWorld, type World } from './world.ts';

export interface SimulationOptions {
  runs: number;
  /** The seed of the first schedule; the others' follow it. */
  seed: number;
  /** Worlds side by side: while one waits for a time-out, another one works. */
  worlds?: number;
  /** No further schedule is begun after this time. */
  within_ms?: number;
  /** After so many that went wrong no further one is begun. */
  failures_max?: number;
  /** How long a schedule that went wrong is made shorter. */
  shrink_within_ms?: number;
  /** Ends it after the schedules under way. */
  signal?: AbortSignal;
  onRun?: (done: number, violations: number) => void;
}

interface Failure {
  seed: number;
  violations: string[];
  /** The shortest history found. */
  history: string[];
}

export interface SimulationResult {
  runs: number;
  tally: Tally;
  failures: Failure[];
  duration_ms: number;
}

/** Runs schedules, one after the other in each world. */
export async function simulate({
  runs,
  seed,
  worlds = 3,
  within_ms = Number.POSITIVE_INFINITY,
  failures_max = 5,
  shrink_within_ms = 60_000,
  signal,
  onRun,
}: SimulationOptions): Promise<SimulationResult> {
  const started = performance.now();
  const tally = createTally();
  const failures: Failure[] = [];
  let next = 0;
  let done = 0;
  const work = async (world: World) => {
    const isOver = () =>
      next >= runs ||
      failures.length >= failures_max ||
      signal?.aborted === true ||
      performance.now() - started > within_ms;
    while (!isOver()) {
      const schedule = drawSchedule(seed + next);
      next += 1;
      const outcome = await runSchedule(world, schedule);
      addTally(tally, outcome.tally);
      done += 1;
      if (outcome.violations.length > 0) {
        const shortest = await shrink(world, schedule, outcome.violations, {
          within_ms: signal?.aborted === true ? 0 : shrink_within_ms,
        });
        failures.push(describeFailure(schedule.seed, outcome, shortest?.outcome));
      }
      onRun?.(done, failures.length);
    }
  };
  const lanes = Array.from({ length: Math.min(worlds, runs) }, async () => {
    const world = await startWorld();
    try {
      await work(world);
    } finally {
      await world.close();
    }
  });
  await Promise.all(lanes);
  return { runs: done, tally, failures, duration_ms: performance.now() - started };
}

function describeFailure(seed: number, outcome: Outcome, shortest = outcome): Failure {
  return {
    seed,
    violations: [...new Set([...outcome.violations, ...shortest.violations])],
    history: shortest.history,
  };
}

/** What was done, in lines for a person. */
export function report({ runs, tally, failures, duration_ms }: SimulationResult, seed: number): string {
  const list = (counts: Map<string, number>) =>
    [...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, n]) => `${name} ${n}`)
      .join(' · ');
  return [
    `seeds ${seed} to ${seed + runs - 1}: ${runs} runs in ${(duration_ms / 1_000).toFixed(0)} s`,
    `operations: ${list(tally.operations)}`,
    `answers: ${list(tally.answers)}`,
    `faults: ${list(tally.faults)}`,
    `violations: ${failures.length}`,
    ...failures.map(describe),
  ].join('\n');
}

const describe = ({ seed, violations, history }: Failure): string =>
  [
    `seed ${seed}`,
    ...violations.map((violation) => `  broken: ${violation}`),
    '  the shortest history found:',
    ...history.map((line) => `    ${line}`),
  ].join('\n');

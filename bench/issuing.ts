import { cpuOfAll_s } from './cpu.ts';
import type { GroupFigures } from './load.ts';
import { onlyRefunds } from './refused.ts';
import { quantile, readHistogram } from './scrape.ts';
import { type BenchWorld, type Program, type Progress, startBenchWorld } from './world.ts';

const MODERATE_PER_S = 100;
const MODERATE_CALLERS = 16;
const BESIDE_EVENTS_CALLERS = 32;
const OWN_PART = 'refund_issue_own_duration_seconds';

export interface IssuingRun extends Omit<GroupFigures, 'name' | 'statuses'> {
  callers: number;
  /** What of a refund's time was not Stripe's, by the service's own measurement. */
  own_p50_ms: number;
  own_p95_ms: number;
  /** Processor time of each program for one refund, in ms, where the system tells. */
  cpu_ms?: Record<Program, number>;
  /** How many cores whatever else runs on this machine took meanwhile: the figures are the worse for it. */
  other_cores?: number;
}

export interface IssuingFigures {
  /** So many are asked for in a second, as far from the limit as a service should run. */
  moderate: IssuingRun;
  /** As many as it gives, with so many callers at once. */
  full: IssuingRun[];
  /** The same with the stand-in's events sent to the service, which works them off beside. */
  beside_events: IssuingRun;
}

export interface IssuingOptions {
  payments: number;
  callers: number[];
  measured_s: number;
  warm_up_s: number;
  onProgress: Progress;
}

/** Measures how many refunds are made in a second, and how long one takes. */
export async function measureIssuing(options: IssuingOptions): Promise<IssuingFigures> {
  const { payments, callers, onProgress } = options;
  await using world = await startBenchWorld({ payments, amount_cents: 10_000_000, onProgress });
  const service = await world.startService();
  const run = (count: number, per_s?: number) => runOnce(world, service.url, options, count, per_s);

  onProgress('warming up');
  await run(callers[0] ?? 1);
  await world.rest();
  onProgress(`${MODERATE_PER_S} refunds/s`);
  const moderate = await run(MODERATE_CALLERS, MODERATE_PER_S);
  const full: IssuingRun[] = [];
  for (const count of callers) {
    onProgress(`${count} callers`);
    full.push(await run(count));
  }
  onProgress(`${BESIDE_EVENTS_CALLERS} callers, with events`);
  await world.sendEventsTo(service.url);
  const beside_events = await run(BESIDE_EVENTS_CALLERS);
  onProgress('checking the books');
  await service.stop();
  await world.check();
  return { moderate, full, beside_events };
}

async function runOnce(
  world: BenchWorld,
  url: string,
  { warm_up_s, measured_s }: IssuingOptions,
  callers: number,
  per_s?: number,
): Promise<IssuingRun> {
  const group = { name: 'all', callers, charges: world.charges, amount_cents: 1_00 };
  const before = await readHistogram(url, OWN_PART);
  const use = measureUse(world);
  const [all] = await world.load(url, [per_s === undefined ? group : { ...group, per_s }], {
    warm_up_s,
    measured_s,
  });
  const used = use();
  const own = await readHistogram(url, OWN_PART, before);
  const { name: _, statuses, ...figures } = onlyRefunds(all);
  return {
    callers,
    ...figures,
    own_p50_ms: quantile(own, 0.5) * 1_000,
    own_p95_ms: quantile(own, 0.95) * 1_000,
    ...(used === undefined
      ? {}
      : { cpu_ms: mapValues(used.cpu_s, (s) => (s / own.count) * 1_000), other_cores: used.other_cores }),
  };
}

/** Begins to measure; what it returns ends it. */
function measureUse(world: BenchWorld) {
  const [started, before_s, allBefore_s] = [performance.now(), world.cpu_s(), cpuOfAll_s()];
  return () => {
    const [took_s, after_s, all_s] = [(performance.now() - started) / 1_000, world.cpu_s(), cpuOfAll_s()];
    if (before_s === undefined || after_s === undefined) return undefined;
    const cpu_s = mapValues(after_s, (s, program) => s - before_s[program]);
    const ours_s = Object.values(cpu_s).reduce((sum, s) => sum + s, 0);
    return { cpu_s, other_cores: Math.max(0, all_s - allBefore_s - ours_s) / took_s };
  };
}

const mapValues = <Name extends string>(
  values: Record<Name, number>,
  change: (value: number, name: Name) => number,
): Record<Name, number> =>
  Object.fromEntries(
    (Object.entries(values) as [Name, number][]).map(([name, value]) => [name, change(value, name)]),
  ) as Record<Name, number>;

import type { GroupFigures } from './load.ts';
import { onlyRefunds } from './refused.ts';
import { quantile, readHistogram } from './scrape.ts';
import { type BenchWorld, type Progress, startBenchWorld } from './world.ts';

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
  cpu_ms?: Record<string, number>;
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
  const cpuBefore_s = world.cpu_s();
  const [all] = await world.load(url, [per_s === undefined ? group : { ...group, per_s }], {
    warm_up_s,
    measured_s,
  });
  const cpu_s = world.cpu_s();
  const own = await readHistogram(url, OWN_PART, before);
  const { name: _, statuses, ...figures } = onlyRefunds(all);
  const made = own.count;
  return {
    callers,
    ...figures,
    own_p50_ms: quantile(own, 0.5) * 1_000,
    own_p95_ms: quantile(own, 0.95) * 1_000,
    ...(cpu_s === undefined || cpuBefore_s === undefined
      ? {}
      : {
          cpu_ms: Object.fromEntries(
            Object.entries(cpu_s).map(([program, used]) => [
              program,
              ((used - cpuBefore_s[program as keyof typeof cpuBefore_s]) / made) * 1_000,
            ]),
          ),
        }),
  };
}

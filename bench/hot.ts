import type { Group, GroupFigures } from './load.ts';
import { onlyRefunds } from './refused.ts';
import { type Progress, startBenchWorld } from './world.ts';

/** Callers who refund many payments, alone and beside a crowd. */
export interface HotFigures {
  others: number;
  crowd: number;
  /** With nobody else there. */
  alone: Side;
  /** While the crowd refunds many payments as well: what so many callers cost whatever they want. */
  beside_spread: Side;
  /** While all of the crowd wants one payment. */
  beside_hot: Side;
}

interface Side {
  others: Seen;
  crowd?: Seen;
}

type Seen = Pick<GroupFigures, 'per_s' | 'p50_ms' | 'p95_ms' | 'p99_ms'>;

export interface HotOptions {
  payments: number;
  others: number;
  crowd: number;
  measured_s: number;
  warm_up_s: number;
  onProgress: Progress;
}

/**
 * Measures what a payment that a crowd wants does to those who want other payments. These ask as often as they can, and
 * share the processors with the crowd, so that what tells is the comparison with a crowd that wants many payments.
 */
export async function measureHot({
  payments,
  others,
  crowd,
  measured_s,
  warm_up_s,
  onProgress,
}: HotOptions): Promise<HotFigures> {
  await using world = await startBenchWorld({ payments, amount_cents: 10_000_000, onProgress });
  const service = await world.startService();
  const half = Math.floor(world.charges.length / 2);
  const [hot = '', ...rest] = world.charges;
  const group = (name: string, callers: number, charges: string[]): Group => ({
    name,
    callers,
    charges,
    amount_cents: 1,
  });
  const many = group('others', others, rest.slice(0, half));
  const run = async (groups: Group[]): Promise<Side> => {
    const [seen, crowded] = await world.load(service.url, groups, { warm_up_s, measured_s });
    return { others: what(seen), ...(crowded === undefined ? {} : { crowd: what(crowded) }) };
  };

  onProgress('warming up');
  await run([many]);
  await world.rest();
  onProgress(`${others} callers alone`);
  const alone = await run([many]);
  onProgress(`beside ${crowd} callers who want many payments`);
  const beside_spread = await run([many, group('crowd', crowd, rest.slice(half))]);
  onProgress(`beside ${crowd} callers who want one payment`);
  const beside_hot = await run([many, group('crowd', crowd, [hot])]);
  onProgress('checking the books');
  await service.stop();
  await world.check();
  return { others, crowd, alone, beside_spread, beside_hot };
}

function what(figures: GroupFigures | undefined): Seen {
  const { per_s, p50_ms, p95_ms, p99_ms } = onlyRefunds(figures);
  return { per_s, p50_ms, p95_ms, p99_ms };
}

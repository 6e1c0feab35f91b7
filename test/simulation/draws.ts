import { createRandom } from '../../local/stripe/random.ts';

/** Seeded decisions: the same seed draws the same ones on every machine. */
export interface Draws {
  /** An integer from `from` up to and including `to`. */
  int(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** One of the values, each as often as its weight. */
  weighted<T>(choices: readonly (readonly [weight: number, value: T])[]): T;
}

export function createDraws(seed: number): Draws {
  const random = createRandom(seed);
  // Seeds that follow one another begin alike.
  for (let skipped = 0; skipped < 8; skipped += 1) random.next();
  const int = (from: number, to: number) => from + Math.floor(random.next() * (to - from + 1));
  const at = <T>(items: readonly T[], index: number): T => {
    const item = items[index];
    if (item === undefined) throw new RangeError('Nothing to draw from');
    return item;
  };
  return {
    int,
    chance: (probability) => random.next() < probability,
    pick: (items) => at(items, int(0, items.length - 1)),
    weighted(choices) {
      let left = random.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
      for (const [weight, value] of choices) {
        left -= weight;
        if (left < 0) return value;
      }
      return at(choices, choices.length - 1)[1];
    },
  };
}

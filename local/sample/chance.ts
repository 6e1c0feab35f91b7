import { createRandom } from '../stripe/random.ts';

/** Chance from a seed: the same seed gives the same world. */
export interface Chance {
  /** A number in [from, to). */
  between(from: number, to: number): number;
  /** A whole number from `from` to `to`, both included. */
  whole(from: number, to: number): number;
  /** True with this probability. */
  happens(probability: number): boolean;
  /** One of them, by their weights. */
  oneOf<T>(choices: readonly (readonly [weight: number, value: T])[]): T;
}

export function createChance(seed: number): Chance {
  const random = createRandom(seed);
  const between = (from: number, to: number) => from + random.next() * (to - from);
  return {
    between,
    whole: (from, to) => Math.floor(between(from, to + 1)),
    happens: (probability) => random.next() < probability,
    oneOf: (choices) => {
      let left = between(
        0,
        choices.reduce((sum, [weight]) => sum + weight, 0),
      );
      for (const [weight, value] of choices) {
        left -= weight;
        if (left < 0) return value;
      }
      throw new RangeError('Nothing to choose from');
    },
  };
}

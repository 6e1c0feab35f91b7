/** A small seeded generator (mulberry32): the same seed gives the same numbers on every machine. */
export type Random = { next(): number; state(): number };

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    /** A number in [0, 1). */
    next: () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = state;
      mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    },
    state: () => state,
  };
}

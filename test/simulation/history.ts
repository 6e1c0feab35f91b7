import type { Step } from './schedule.ts';

/** What was done in a run, in words, for whoever has to understand why it went wrong; and how often what was done. */
export interface Tally {
  operations: Map<string, number>;
  answers: Map<string, number>;
  faults: Map<string, number>;
}

export const createTally = (): Tally => ({ operations: new Map(), answers: new Map(), faults: new Map() });

export function count(counts: Map<string, number>, name: string, by = 1): void {
  if (by > 0) counts.set(name, (counts.get(name) ?? 0) + by);
}

export function addTally(to: Tally, from: Tally): void {
  for (const kind of ['operations', 'answers', 'faults'] as const) {
    for (const [name, n] of from[kind]) count(to[kind], name, n);
  }
}

/** A step as one line. */
export function describe({ do: deed, pace, ...rest }: Step): string {
  return `${deed} ${JSON.stringify(rest)}${pace === 'wait' ? '' : ` (${pace})`}`;
}

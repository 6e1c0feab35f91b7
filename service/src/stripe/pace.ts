import pThrottle from 'p-throttle';

/** Resolves when the next request may leave. Those that wait go in the order in which they came. */
export type Pace = () => Promise<void>;

/** Lets so many pass in any second, and not twice as many across the border of two. */
export function createPace(perSecond: number): Pace {
  return pThrottle({ limit: perSecond, interval: 1_000, strict: true })(async () => {});
}

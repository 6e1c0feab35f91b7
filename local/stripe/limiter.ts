/** Stripe's rate limit: so many requests in any second, then 429. https://docs.stripe.com/rate-limits */
export type Limiter = {
  /** Whether one more request may pass now. */
  take(): boolean;
  /** Changes the limit; undefined lifts it. */
  set(per_s: number | undefined): void;
};

/** A sliding window of one second of real time. */
export function createLimiter(
  per_s: number | undefined,
  now_ms: () => number = () => performance.now(),
): Limiter {
  let limit = per_s;
  let passed_ms: number[] = [];
  return {
    take: () => {
      if (limit === undefined) return true;
      const now = now_ms();
      passed_ms = passed_ms.filter((at) => at > now - 1000);
      if (passed_ms.length >= limit) return false;
      passed_ms.push(now);
      return true;
    },
    set: (next) => {
      limit = next;
      passed_ms = [];
    },
  };
}

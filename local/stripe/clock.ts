/**
 * The stand-in's time: real time plus an offset, or frozen at a moment.
 *
 * Webhook signatures do not use it: a receiver compares their timestamp with its own clock.
 */
export type ClockState = { offset_ms: number; frozen_at_ms: number | null };

export type Clock = {
  /** Milliseconds since 1970. */
  now_ms(): number;
  /** Whole seconds since 1970, as Stripe's `created`. */
  now_s(): number;
  state(): ClockState;
  restore(state: ClockState): void;
  /** Stops at `at_ms` until `run` or another `freeze`. */
  freeze(at_ms: number): void;
  /** Runs with real time from `from_ms` (default: real time itself). */
  run(from_ms?: number): void;
  /** Runs `work` as if it were `at_ms`. */
  at<T>(at_ms: number, work: () => T): T;
};

export function createClock(realNow_ms: () => number = Date.now): Clock {
  let state: ClockState = { offset_ms: 0, frozen_at_ms: null };
  let asOf_ms: number | null = null;
  const now_ms = () => asOf_ms ?? state.frozen_at_ms ?? realNow_ms() + state.offset_ms;
  return {
    now_ms,
    now_s: () => Math.floor(now_ms() / 1000),
    state: () => ({ ...state }),
    restore: (next) => {
      state = { ...next };
    },
    freeze: (at_ms) => {
      state = { offset_ms: at_ms - realNow_ms(), frozen_at_ms: at_ms };
    },
    run: (from_ms) => {
      state = { offset_ms: from_ms === undefined ? 0 : from_ms - realNow_ms(), frozen_at_ms: null };
    },
    at: (at_ms, work) => {
      const before = asOf_ms;
      asOf_ms = at_ms;
      try {
        return work();
      } finally {
        asOf_ms = before;
      }
    },
  };
}

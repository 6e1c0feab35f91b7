const MINUTE_s = 60;
const HOUR_s = 60 * MINUTE_s;

/**
 * How long to wait after each attempt that has failed, in seconds: a little over three days in all, as the specification of Standard
 * Webhooks proposes ("Deliverability and reliability").
 */
const WAITS_s = [
  5,
  5 * MINUTE_s,
  30 * MINUTE_s,
  2 * HOUR_s,
  5 * HOUR_s,
  10 * HOUR_s,
  14 * HOUR_s,
  20 * HOUR_s,
  24 * HOUR_s,
];
/** So much longer a wait may be, by chance: what failed together is not tried again together. */
const JITTER = 0.1;
const RETRY_AFTER_MAX_s = 24 * HOUR_s;

/** From so many failures in a row on an endpoint is only probed: one attempt at a time, after a pause. */
export const PROBED_FROM = 5;
const PAUSE_MAX_s = MINUTE_s;
/** An endpoint to which nothing got through for so long is switched off. */
export const GIVEN_UP_AFTER_s = 3 * 24 * HOUR_s;

/**
 * When to try again.
 *
 * @param attempts those made so far, one or more
 * @param retryAfter_s what the receiver has asked for; it is given more time, never less
 * @returns seconds; undefined: not again
 */
export function nextAttemptIn(
  attempts: number,
  retryAfter_s = 0,
  random = Math.random(),
): number | undefined {
  const wait_s = WAITS_s[attempts - 1];
  if (wait_s === undefined) return undefined;
  return Math.max(wait_s * (1 + JITTER * random), Math.min(retryAfter_s, RETRY_AFTER_MAX_s));
}

/** For how long an endpoint is left alone after so many failures in a row; 0: not at all. Seconds. */
export function pauseAfter(failures: number): number {
  return failures < PROBED_FROM ? 0 : Math.min(2 ** (failures - PROBED_FROM), PAUSE_MAX_s);
}

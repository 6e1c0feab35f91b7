/** What was looked at, and what of it is wrong. */
export interface Finding {
  what: string;
  state: 'ok' | 'warning' | 'wrong';
  sentence: string;
  /** How to mend it. */
  mend?: string;
}

/** So far apart two clocks may be: signatures of webhooks and tokens are good for minutes only. */
const CLOCKS_APART_MAX_s = 10;

/** How another clock differs from this machine's. */
export function compareClocks(what: string, theirs: Date, now = new Date()): Finding {
  const apart_s = Math.round((theirs.getTime() - now.getTime()) / 1_000);
  if (Math.abs(apart_s) <= CLOCKS_APART_MAX_s) {
    return { what, state: 'ok', sentence: 'its clock and this machine’s agree' };
  }
  return {
    what,
    state: 'wrong',
    sentence: `its clock is ${Math.abs(apart_s)} s ${apart_s > 0 ? 'ahead of' : 'behind'} this machine’s`,
    mend: 'Let both be set by NTP (timedatectl set-ntp true).',
  };
}

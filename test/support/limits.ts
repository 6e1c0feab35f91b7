import type { Limits } from '../../service/src/http/limits.ts';

const OFTEN = { reads_per_minute: 1_000_000_000, writes_per_minute: 1_000_000_000 };

/** For tests of something else. */
export const UNLIMITED: Limits = { client: OFTEN, address: OFTEN, failures_per_minute: 1_000_000_000 };

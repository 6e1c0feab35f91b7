import { ServiceError } from '../errors.ts';
import { networkOf } from '../http/address.ts';
import { retryAfter } from '../http/limits.ts';
import type { Rates } from '../rates/rates.ts';

/** How often somebody at an address has failed to say who they are. */
export interface Failures {
  /** Throws where there were too many in the last minute. */
  refuseBeyond(address: string): void;
  add(address: string): void;
}

/** Limits guessing, by address. What is refused does not count, so that trying again does not keep the door shut. */
export function limitFailures(rates: Rates, per_minute: number): Failures {
  const rate = (address: string) => rates.rate(`failures address ${networkOf(address)}`);
  return {
    refuseBeyond(address) {
      const { left, more_in_ms } = rate(address).left(per_minute);
      if (left > 0) return;
      throw new ServiceError('rate_limited', {
        message: 'Too many access tokens from this address were refused: wait as long as Retry-After says.',
        headers: retryAfter(more_in_ms),
      });
    },
    add: (address) => rate(address).add(per_minute),
  };
}

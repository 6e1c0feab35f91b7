import { randomBytes } from 'node:crypto';
import { createRandom } from './random.ts';

const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Length of what follows the prefix, as seen on Stripe's own ids. */
const LENGTHS: Record<string, number> = { cus: 14, whsec: 32, secret: 25 };

export type Ids = {
  /** A new id, e.g. `next('ch')` → `ch_3Q7…`. Never the same twice, also after a restart from `state()`. */
  next(prefix: string): string;
  /** Digits, for acquirer reference numbers and receipt numbers. */
  digits(length: number): string;
  state(): number;
};

/**
 * Ids that look like Stripe's, from a seed: the same seed and the same calls give the same ids.
 * `state` continues a generator that was stopped.
 */
export function createIds(seed: number, state?: number): Ids {
  const start = (seed ^ 0x5171_9e00) >>> 0;
  const random = createRandom(state ?? start);
  // The period is 2^32 draws and an id takes at most 32 of them: more than 100 million ids before a stream comes round.
  const text = (length: number, letters: string) => {
    let out = '';
    for (let index = 0; index < length; index += 1)
      out += letters[Math.floor(random.next() * letters.length)];
    return out;
  };
  return {
    next: (prefix) => {
      const length = LENGTHS[prefix];
      if (length !== undefined) return `${prefix}_${text(length, LETTERS)}`;
      return `${prefix}_${prefix === 'we' || prefix === 'dp' || prefix === 'evt' || prefix === 'pm' ? '1' : '3'}${text(23, LETTERS)}`;
    },
    digits: (length) => text(length, '0123456789'),
    state: () => random.state(),
  };
}

/** A request's id. Not seeded: requests come in no certain order, and must not disturb the ids of objects. */
export function requestId(): string {
  let out = 'req_';
  for (const byte of randomBytes(14)) out += LETTERS[byte % LETTERS.length];
  return out;
}

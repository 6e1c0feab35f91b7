import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type Count, Minute } from './minute.ts';

/** What was done under a key, or all did together. Keys are digests of the same length. */
export interface Told {
  key: string;
  counts: readonly Count[];
}

/** Where instances tell each other what they have counted. */
export interface SharedCounts {
  /** Adds what this instance has counted, and resolves with what all have, for the same keys in any order. */
  exchange(told: readonly Told[]): Promise<Told[]>;
  /** Forgets what nobody needs any more. */
  prune(): Promise<void>;
}

/** How often one thing was done in the last minute. */
export interface Rate {
  /** How much of a limit is left, and in how many milliseconds there is more of it. */
  left(limit: number): { left: number; more_in_ms: number };
  /** It was done once more. */
  add(limit: number): void;
}

export interface Rates {
  rate(name: string): Rate;
  /** Tells the others and learns from them, now. */
  exchange(): Promise<void>;
  /** Stops talking to the others. */
  stop(): Promise<void>;
}

export interface RatesDeps {
  /** Without it this process counts by itself. */
  shared?: SharedCounts | undefined;
  log: { warn(facts: object, sentence: string): void; info(sentence: string): void };
  now_ms?: () => number;
}

/** At most, so that made-up names cannot fill the memory: about 20 MB. The one that was asked about longest ago goes. */
const NAMES_MAX = 20_000;
/** How long others may not know of what was done here. */
const EXCHANGE_ms = 250;
/** The same, where a twentieth of the limit was used since. */
const SOON_ms = 20;
const SOON_SHARE = 20;
const KEYS_AT_ONCE = 1_000;
/** After a failure, so that a store that is down is not asked all the time. */
const PAUSE_ms = 5_000;
const PRUNE_ms = 60_000;

interface Entry {
  key: string;
  minute: Minute;
}

/**
 * Counts what is done, by its name, over the last minute and over all instances. Nobody waits for the others: this process counts, and
 * exchanges what it counted with the others in the background. So all together may go beyond a limit by what they let through between
 * two exchanges. Where there is nobody to exchange with, each process goes on with what it knows.
 */
export function countRates({ shared, log, now_ms = () => performance.now() }: RatesDeps): Rates {
  const entries = new LRUCache<string, Entry>({ max: NAMES_MAX });
  const untold = new Set<Entry>();
  let timer: NodeJS.Timeout | undefined;
  let due_ms = Number.POSITIVE_INFINITY;
  let underWay: Promise<void> | undefined;
  let failing = false;
  let pruned_ms = now_ms();
  let stopped = false;

  const schedule = (delay_ms: number): void => {
    const at_ms = now_ms() + delay_ms;
    if (shared === undefined || stopped || underWay !== undefined || due_ms <= at_ms) return;
    clearTimeout(timer);
    due_ms = at_ms;
    timer = setTimeout(exchange, delay_ms);
    timer.unref();
  };

  const talk = async (store: SharedCounts): Promise<void> => {
    const told = new Map<string, Entry>();
    for (const entry of untold) {
      if (told.size === KEYS_AT_ONCE) break;
      untold.delete(entry);
      told.set(entry.key, entry);
    }
    const now = now_ms();
    const counts = [...told.values()].map(({ key, minute }) => ({ key, counts: minute.tell(now) }));
    for (const { key, counts: all } of await store.exchange(counts))
      told.get(key)?.minute.learn(now_ms(), all);
    if (now_ms() - pruned_ms < PRUNE_ms) return;
    pruned_ms = now_ms();
    await store.prune();
  };

  const exchange = async (): Promise<void> => {
    // One that is under way does not tell of what was done since it began.
    while (underWay !== undefined) await underWay;
    clearTimeout(timer);
    due_ms = Number.POSITIVE_INFINITY;
    if (shared === undefined || untold.size === 0) return;
    underWay = (async () => {
      try {
        await talk(shared);
        if (failing) log.info('the limits are shared with the other instances again');
        failing = false;
      } catch (error) {
        if (!failing)
          log.warn({ err: error }, 'the limits are not shared at the moment: this process counts by itself');
        failing = true;
      } finally {
        underWay = undefined;
      }
      if (untold.size > 0) schedule(failing ? PAUSE_ms : untold.size >= KEYS_AT_ONCE ? 0 : EXCHANGE_ms);
    })();
    await underWay;
  };

  return {
    rate(name) {
      let entry = entries.get(name);
      if (entry === undefined) {
        entry = { key: digest(name), minute: new Minute() };
        entries.set(name, entry);
      }
      const known = entry;
      return {
        left(limit) {
          const now = now_ms();
          const left = Math.max(0, limit - known.minute.total(now));
          return {
            left,
            more_in_ms: left === 0 ? known.minute.wait_ms(now, limit) : known.minute.reset_ms(now),
          };
        },
        add(limit) {
          known.minute.add(now_ms());
          // While the others cannot be told, those who wait to be told of must not become ever more.
          if (shared === undefined || untold.size >= NAMES_MAX) return;
          untold.add(known);
          const soon = known.minute.untold * SOON_SHARE >= limit;
          schedule(failing ? PAUSE_ms : soon ? SOON_ms : EXCHANGE_ms);
        },
      };
    },
    exchange,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await underWay;
    },
  };
}

/** Names are of any length, and some are addresses: the others see neither. */
const digest = (name: string) => createHash('sha256').update(name).digest('base64url').slice(0, 22);

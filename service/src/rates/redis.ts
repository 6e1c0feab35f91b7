import { setTimeout as wait } from 'node:timers/promises';
import { SLOT_ms, SLOTS } from './minute.ts';
import type { SharedCounts, Told } from './rates.ts';

/**
 * Adds to the counts of one key, a hash of slot → count, and tells all of the last minute. Slots are Redis's own, told by how long ago they
 * were. One key a call, so that a cluster may have it anywhere. A key that nobody adds to is gone two minutes later.
 */
const EXCHANGE = `
local time = redis.call('TIME')
local now = math.floor((time[1] * 1000 + math.floor(time[2] / 1000)) / ${SLOT_ms})
for i = 1, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[1], string.format('%.0f', now - ARGV[i]), ARGV[i + 1])
end
redis.call('PEXPIRE', KEYS[1], ${2 * SLOTS * SLOT_ms})
local counts = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local age = now - all[i]
  if age >= ${SLOTS} then
    redis.call('HDEL', KEYS[1], all[i])
  else
    counts[#counts + 1] = age
    counts[#counts + 1] = tonumber(all[i + 1])
  end
end
return counts`;

const PREFIX = 'payments:rates:';
/** For all keys of one exchange. Nobody waits for it, but as long as it takes nothing else is exchanged. */
const TIMEOUT_ms = 2_000;
const CONNECT_TIMEOUT_ms = 5_000;

/** Counts shared through Redis, until closed. */
export interface RedisCounts extends SharedCounts {
  close(): void;
}

/**
 * Instances that share a Redis (7 or later, or what speaks like it) count together in it. It may be down at any time, also at the start: it is
 * connected to again and again, and meanwhile exchanges fail at once.
 */
export async function shareThroughRedis(url: string): Promise<RedisCounts> {
  // Loaded by those only who have one.
  const { createClient } = await import('@redis/client');
  const client = createClient({
    url,
    name: 'payments',
    disableOfflineQueue: true,
    socket: { connectTimeout: CONNECT_TIMEOUT_ms },
  });
  // Each failed exchange is told of; a listener there has to be, or the process would end.
  client.on('error', () => {});
  client.connect().catch(() => {});

  const exchangeOne = async ({ key, counts }: Told): Promise<Told> => {
    const reply = await client.eval(EXCHANGE, {
      keys: [`${PREFIX}${key}`],
      arguments: counts.flatMap(({ age, count }) => [String(age), String(count)]),
    });
    return { key, counts: readCounts(reply) };
  };

  return {
    async exchange(told) {
      const timeout = new AbortController();
      const late = wait(TIMEOUT_ms, undefined, { signal: timeout.signal }).then(() => {
        throw new Error(`Redis did not answer within ${TIMEOUT_ms} ms`);
      });
      try {
        return await Promise.race([Promise.all(told.map(exchangeOne)), late]);
      } finally {
        late.catch(() => {});
        timeout.abort();
      }
    },
    // Keys expire by themselves.
    async prune() {},
    close: () => client.destroy(),
  };
}

/** Ages and counts in turn. */
function readCounts(reply: unknown): Told['counts'] {
  if (!Array.isArray(reply)) throw new TypeError('Redis answered something else than counts');
  const numbers = reply.map(Number);
  return Array.from({ length: numbers.length / 2 }, (_, at) => ({
    age: numbers[2 * at] ?? 0,
    count: numbers[2 * at + 1] ?? 0,
  }));
}

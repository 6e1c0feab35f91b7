import { setTimeout as wait } from 'node:timers/promises';
import { type BenchWorld, type Progress, startBenchWorld } from './world.ts';

/** The limit of a sandbox; in live mode it is 100. https://docs.stripe.com/rate-limits */
const STRIPE_PER_S = 25;
const CALLERS = 16;
/** How many requests fail before anything has happened, and how many after; five in a row, which stop the sending, stay rare. */
const LOST_SHARE = 0.1;

export interface RecoveryFigures {
  /** Refunds of which the service did not know what had become, when recovery began. */
  unknown: number;
  /** Of these, how many were at Stripe. */
  made: number;
  /** Until the last of them was known, from the start of the process that recovers. */
  took_s: number;
  /** Requests to Stripe meanwhile, and how many of them it had no time for. */
  requests: number;
  refused_429: number;
}

export interface RecoveryOptions {
  payments: number;
  unknown: number;
  onProgress: Progress;
}

/**
 * Measures how soon unknown outcomes are known, half of them made at Stripe and half not, under a sandbox's rate limit; and
 * that each is made once.
 */
export async function measureRecovery({
  payments,
  unknown,
  onProgress,
}: RecoveryOptions): Promise<RecoveryFigures> {
  await using world = await startBenchWorld({ payments, amount_cents: 10_000_000, onProgress });
  // Nobody recovers yet.
  const api = await world.startService({ ROLE: 'api' });
  for (const [index, kind] of ['error_500_before', 'error_500_after'].entries()) {
    await world.control('POST', '/faults', {
      kind,
      method: 'POST',
      route: '/v1/refunds',
      probability: LOST_SHARE,
      seed: index + 1,
    });
  }
  onProgress(`making refunds until ${unknown} outcomes are unknown`);
  const group = { name: 'all', callers: CALLERS, charges: world.charges, amount_cents: 1 };
  let now = 0;
  while (now < unknown) {
    await world.load(api.url, [group], { warm_up_s: 0, measured_s: 1 });
    now = await countUnknown(world);
  }
  await world.control('DELETE', '/faults');
  await api.stop();

  const before = await world.countAtStripe();
  const known = await countMade(world);
  await world.control('POST', '/rate_limit', { per_s: STRIPE_PER_S });
  await world.control('DELETE', '/calls');
  onProgress(`finding out about ${now}`);
  const started = performance.now();
  const worker = await world.startService({ ROLE: 'worker' });
  let left = now;
  while (left > 0) {
    await wait(250);
    left = await countUnknown(world);
  }
  const took_s = (performance.now() - started) / 1_000;
  const calls = (await world.control('GET', '/calls')) as Record<string, number>;
  await worker.stop();
  await world.check();
  const refused = calls['rate limited'] ?? 0;
  const served = Object.values(calls).reduce((sum, count) => sum + count, 0);
  return { unknown: now, made: before - known, took_s, requests: served, refused_429: refused };
}

async function countUnknown({ pool }: BenchWorld): Promise<number> {
  const { rows } = await pool.query('SELECT count(*) AS count FROM refunds WHERE recover_at IS NOT NULL');
  return rows[0].count;
}

async function countMade({ pool }: BenchWorld): Promise<number> {
  const { rows } = await pool.query(
    'SELECT count(*) AS count FROM refunds WHERE stripe_refund_id IS NOT NULL',
  );
  return rows[0].count;
}

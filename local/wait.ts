import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { ServiceProcess } from './processes.ts';
import type { StripeStandIn } from './stripe/server.ts';

/** Waits until the service says that it is ready; rejects with its last words if it ends instead. */
export async function waitUntilReady(
  serviceUrl: string,
  service: ServiceProcess,
  timeout_ms = 30_000,
): Promise<void> {
  const ended = service.ended.then((lastLines) => {
    throw new Error(`The service did not start:\n${lastLines}`);
  });
  await Promise.race([ended, poll(timeout_ms, 'The service is not ready', () => isReady(serviceUrl))]);
}

async function isReady(serviceUrl: string): Promise<boolean> {
  try {
    return (await fetch(new URL('/readyz', serviceUrl))).ok;
  } catch {
    return false;
  }
}

/** Waits until every webhook has been delivered and every event stored has been dealt with. */
export async function waitUntilSettled(
  stripe: StripeStandIn,
  databaseUrl: string,
  timeout_ms = 60_000,
): Promise<void> {
  await stripe.deliverer.idle();
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    await poll(timeout_ms, 'Some events are still not dealt with', async () => {
      const { rowCount } = await client.query(
        `SELECT 1 FROM stripe_events WHERE status = 'received' LIMIT 1`,
      );
      return rowCount === 0;
    });
  } finally {
    await client.end();
  }
}

async function poll(timeout_ms: number, complaint: string, done: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + timeout_ms;
  while (!(await done())) {
    if (Date.now() > deadline) throw new Error(`${complaint} after ${timeout_ms / 1000} s.`);
    await pause(50);
  }
}

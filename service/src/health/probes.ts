import { Gauge, type Registry } from 'prom-client';
import type { Connections } from '../database/pool.ts';

const EVERY_MS = 10_000;

export type Status = 'pass' | 'warn' | 'fail';

export interface Check {
  status: Status;
  /** A sentence, where it is not a pass. */
  output?: string;
}

/** Something outside that the service needs, knocked at from time to time. */
export interface Probe {
  check(): Check;
  stop(): void;
}

/**
 * Knocks at once and every ten seconds, so that a readiness check never waits for somebody else. Never reached since the start: not
 * ready. Reached before and lost now: a warning, since what is in the books can still be answered.
 */
export function startProbe(name: string, knock: () => Promise<void>): Probe {
  let everReached = false;
  let reached = false;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const run = async () => {
    try {
      await knock();
      reached = everReached = true;
    } catch {
      reached = false;
    }
    // Until it is reached for the first time somebody is waiting for us to be ready.
    if (!stopped) timer = setTimeout(run, everReached ? EVERY_MS : 500).unref();
  };
  void run();
  return {
    check() {
      if (reached) return { status: 'pass' };
      return everReached
        ? { status: 'warn', output: `${name} cannot be reached at the moment.` }
        : { status: 'fail', output: `${name} has not been reached since the start.` };
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** Shows whom the service reaches, and how its connections to the database are used. */
export function measureNeighbours(
  registry: Registry,
  probes: Record<string, Probe>,
  pool: Pick<Connections, 'usage'>,
): void {
  new Gauge({
    name: 'neighbour_reached',
    help: 'Whether what the service needs outside is reached: 1, or 0.',
    labelNames: ['neighbour'],
    registers: [registry],
    collect() {
      for (const [neighbour, probe] of Object.entries(probes)) {
        this.set({ neighbour }, probe.check().status === 'pass' ? 1 : 0);
      }
    },
  });
  new Gauge({
    name: 'database_connections',
    help: 'Connections to the database: at work, idle; and requests that wait for one.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      for (const [state, count] of Object.entries(pool.usage())) this.set({ state }, count);
    },
  });
}

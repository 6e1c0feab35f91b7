import type { Logger as Log } from 'pino';
import type { Pool } from '../database/pool.ts';
import * as queries from './job-queries.ts';

/** Between two beats of a queue, and between its looks at the others'. */
const BEAT_ms = 2_000;
/**
 * A queue is dead when its beat has stood still for as long as this, seen by one that was awake all the while. With the
 * queue's own look for jobs every two seconds, what a killed process held is taken up within 15 s.
 */
const DEAD_AFTER_ms = 9_000;
/** Looks that must have found the same beat: one long pause between two of them says nothing. */
const DEAD_AFTER_LOOKS = 4;

export interface LivenessOptions {
  pool: Pool;
  log: Log;
  /** The job queue of this process as it names itself now; undefined where it does not run. */
  workerId: () => string | undefined;
}

/**
 * Says every two seconds that this process's job queue is at work, and gives back what those held that no longer say so.
 * Nobody's clock decides, only whether a beat moves while this process looks on: neither a clock that jumps nor a
 * database that was away for everybody makes a living queue look dead. One that is taken for dead and lives after
 * all, because its process was asleep, does harm to nobody: an event that is processed twice changes nothing.
 */
export function startLiveness({ pool, log, workerId }: LivenessOptions): { stop(): Promise<void> } {
  const judge = createJudge();
  const said = new Set<string>();
  const look = async () => {
    const mine = workerId();
    if (mine === undefined) return judge.forget();
    try {
      said.add(mine);
      for (const dead of judge.dead(await queries.beat(pool, mine), performance.now())) {
        if (await queries.bury(pool, dead))
          log.warn({ worker_id: dead.worker_id }, 'took up the jobs of a worker that has died');
      }
    } catch {
      // While the database was away nobody could beat.
      judge.forget();
    }
  };
  let looking = look();
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, BEAT_ms);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await looking;
      for (const one of said) await queries.leave(pool, one).catch(() => undefined);
    },
  };
}

/** Finds out, from beats looked at again and again, who is dead. */
export interface Judge {
  /** @param now_ms by a clock that never jumps */
  dead(beats: readonly queries.Beat[], now_ms: number): queries.Beat[];
  /** Begins anew: something else than their death may have kept them from beating. */
  forget(): void;
}

export function createJudge(): Judge {
  let known = new Map<string, { beat: number; since_ms: number; looks: number }>();
  return {
    dead(beats, now_ms) {
      const before = known;
      known = new Map();
      return beats.filter(({ worker_id, beat }) => {
        const seen = before.get(worker_id);
        const next =
          seen?.beat === beat ? { ...seen, looks: seen.looks + 1 } : { beat, since_ms: now_ms, looks: 1 };
        known.set(worker_id, next);
        return next.looks >= DEAD_AFTER_LOOKS && now_ms - next.since_ms >= DEAD_AFTER_ms;
      });
    },
    forget() {
      known.clear();
    },
  };
}

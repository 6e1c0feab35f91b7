import { catchUp } from '../stripe/time.ts';
import { transact, type World } from '../stripe/world.ts';

/** Things that are to happen in the stand-in's world, each at its time. */
export interface Schedule {
  /** Plans one; what would lie beyond the end of the story is left out. */
  plan(at_ms: number, happen: () => void): void;
  /** Lets everything before `until_ms` happen, in order, with what falls due at Stripe in between. Returns how many. */
  runUntil(until_ms: number): number;
}

export function createSchedule(world: World, end_ms: number): Schedule {
  const planned: { at_ms: number; happen: () => void }[] = [];
  let sorted = true;
  return {
    plan(at_ms, happen) {
      if (at_ms >= end_ms) return;
      planned.push({ at_ms, happen });
      sorted = false;
    },
    runUntil(until_ms) {
      let done = 0;
      transact(world, () => {
        for (;;) {
          // What happens may plan more. Latest first, so that the next one is taken off the end.
          if (!sorted) planned.sort((a, b) => b.at_ms - a.at_ms);
          sorted = true;
          const next = planned.at(-1);
          if (next === undefined || next.at_ms >= until_ms) break;
          planned.pop();
          world.clock.at(next.at_ms, () => {
            catchUp(world);
            next.happen();
          });
          done += 1;
        }
        world.clock.at(until_ms, () => catchUp(world));
      });
      return done;
    },
  };
}

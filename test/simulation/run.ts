import { land, type Play, play } from './deeds.ts';
import { count, createTally, type Tally } from './history.ts';
import { checkAtRest } from './invariants.ts';
import { bringToRest } from './rest.ts';
import type { Schedule } from './schedule.ts';
import type { World } from './world.ts';

export interface Outcome {
  tally: Tally;
  deaths: number;
  violations: string[];
  history: string[];
}

/** Plays one schedule from nothing to rest, and checks what has to be true then. */
export async function runSchedule(world: World, { instances, steps }: Schedule): Promise<Outcome> {
  await world.reset(instances);
  const playing: Play = {
    world,
    wishes: [],
    history: [],
    tally: createTally(),
    violations: [],
    underWay: new Set(),
  };
  try {
    await play(playing, steps);
    await land(playing);
    await bringToRest(playing);
    await checkAtRest(playing);
  } catch (error) {
    playing.violations.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  const deaths = world.deaths();
  count(playing.tally.faults, 'instances stopped dead', deaths);
  const { tally, violations, history } = playing;
  if (violations.length > 0) history.push(...world.complaints.slice(-20));
  return { tally, deaths, violations, history };
}

/**
 * The shortest schedule found that still goes wrong: steps are left out, many at first, then one by one. What happens between
 * steps is real and differs from time to time, so each is given a few tries.
 */
export async function shrink(
  world: World,
  schedule: Schedule,
  violations: readonly string[],
  { within_ms, tries = 3 }: { within_ms: number; tries?: number },
): Promise<{ schedule: Schedule; outcome: Outcome } | undefined> {
  const deadline = performance.now() + within_ms;
  const kinds = new Set(violations.map(kindOf));
  const fails = async (candidate: Schedule): Promise<Outcome | undefined> => {
    for (let attempt = 0; attempt < tries && performance.now() < deadline; attempt += 1) {
      const outcome = await runSchedule(world, candidate);
      if (outcome.violations.some((violation) => kinds.has(kindOf(violation)))) return outcome;
    }
    return undefined;
  };
  let found: { schedule: Schedule; outcome: Outcome } | undefined;
  let shortest = schedule;
  for (let size = Math.ceil(schedule.steps.length / 2); size >= 1 && performance.now() < deadline; ) {
    let shorter = false;
    for (let at = 0; at < shortest.steps.length && performance.now() < deadline; ) {
      const steps = shortest.steps.toSpliced(at, size);
      const candidate = { ...shortest, steps };
      const outcome = steps.length === 0 ? undefined : await fails(candidate);
      if (outcome === undefined) at += size;
      else {
        shortest = candidate;
        found = { schedule: candidate, outcome };
        shorter = true;
      }
    }
    if (size === 1 && !shorter) break;
    size = size === 1 ? 1 : Math.ceil(size / 2);
  }
  return found;
}

/** A violation without the names and amounts of the run that it happened in. */
const kindOf = (violation: string) => violation.replaceAll(/\w*[\d_]\w*|"[^"]*"/g, '#').slice(0, 60);

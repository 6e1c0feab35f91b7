import { AsyncLocalStorage } from 'node:async_hooks';

/** How far time has been moved on, in all that is stored, since the world began. */
export interface Clock {
  jumped_ms: number;
}

interface Flight<Owner> {
  owner: Owner;
  clock: Clock;
  began_ms: number;
}

const flights = new AsyncLocalStorage<Flight<unknown>>();
const realNow = Date.now;

/**
 * Time is moved on by moving everything that is stored into the past. Work under way at that moment was asleep for as long:
 * for it, and for nobody else, this machine's clock has jumped.
 */
Date.now = () => {
  const flight = flights.getStore();
  return realNow() + (flight === undefined ? 0 : flight.clock.jumped_ms - flight.began_ms);
};

/** Runs work that `owner` does, from now on by `clock`. */
export const fly = <T>(owner: unknown, clock: Clock, work: () => T): T =>
  flights.run({ owner, clock, began_ms: clock.jumped_ms }, work);

/** Whose work is being done. */
export function flying(): unknown {
  const flight = flights.getStore();
  if (flight === undefined) throw new Error('Nobody does this');
  return flight.owner;
}

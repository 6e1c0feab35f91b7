import { pruneEvents } from './events.ts';
import { pruneKeys } from './idempotency.ts';
import { disputeActions } from './resources/disputes.ts';
import { refundActions } from './resources/refunds.ts';
import { anythingDue, type DueActions, runDue } from './schedule.ts';
import { transact, type World } from './world.ts';

const ACTIONS: DueActions = { ...refundActions, ...disputeActions };

export type ClockReading = { now: number; now_ms: number; frozen: boolean };

export function readClock(world: World): ClockReading {
  return {
    now: world.clock.now_s(),
    now_ms: world.clock.now_ms(),
    frozen: world.clock.state().frozen_at_ms !== null,
  };
}

/** Does what has fallen due: refunds settle or fail, reference numbers arrive, disputes open. Returns how much was done. */
export function catchUp(world: World): number {
  const now_ms = world.clock.now_ms();
  if (!anythingDue(world, now_ms)) return 0;
  return transact(world, () => runDue(world, ACTIONS, now_ms));
}

/**
 * Sets the clock, frozen there or running on from there, and does all that falls due on the way. Setting it back undoes nothing.
 * `at_s` in seconds since 1970.
 */
export function setClock(world: World, at_s: number, options: { frozen?: boolean } = {}): ClockReading {
  transact(world, () => {
    if (options.frozen ?? true) world.clock.freeze(at_s * 1000);
    else world.clock.run(at_s * 1000);
    saveClock(world);
    runDue(world, ACTIONS, world.clock.now_ms());
  });
  return readClock(world);
}

/** Moves the clock on by `by_s` seconds; frozen stays frozen, running stays running. Does all that falls due on the way. */
export function advanceClock(world: World, by_s: number): ClockReading {
  transact(world, () => {
    const { frozen_at_ms } = world.clock.state();
    if (frozen_at_ms !== null) world.clock.freeze(frozen_at_ms + by_s * 1000);
    else world.clock.run(world.clock.now_ms() + by_s * 1000);
    saveClock(world);
    runDue(world, ACTIONS, world.clock.now_ms());
  });
  return readClock(world);
}

/** The clock runs with real time again. */
export function resetClock(world: World): ClockReading {
  transact(world, () => {
    world.clock.run();
    saveClock(world);
    runDue(world, ACTIONS, world.clock.now_ms());
  });
  return readClock(world);
}

function saveClock(world: World): void {
  world.store.setSetting('clock', JSON.stringify(world.clock.state()));
}

/** Forgets what Stripe would have forgotten: idempotency keys after 24 hours, events and their deliveries after 30 days. */
export function prune(world: World): { keys: number; events: number } {
  return transact(world, () => ({ keys: pruneKeys(world), events: pruneEvents(world) }));
}

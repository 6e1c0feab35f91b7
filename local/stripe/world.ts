import Stripe from 'stripe';
import { type Clock, type ClockState, createClock } from './clock.ts';
import { createIds, type Ids } from './ids.ts';
import { openStore, type Store } from './store.ts';

/** The API version whose shapes the stand-in speaks: the installed SDK's. */
export const API_VERSION: string = Stripe.API_VERSION;

/** How long things take, in seconds of the stand-in's clock. */
export type Delays = {
  /** A pending refund until it succeeds or fails. */
  refund_settles_s: number;
  /** A succeeded refund until it turns out to have failed. */
  refund_fails_late_s: number;
  /** A succeeded card refund until its acquirer reference number (ARN) is known; Stripe: up to 7 working days. */
  refund_arn_s: number;
  /** A payment with a disputing card until its dispute. */
  dispute_opens_s: number;
};

const DEFAULT_DELAYS: Delays = {
  refund_settles_s: 60,
  refund_fails_late_s: 120,
  refund_arn_s: 3 * 86_400,
  dispute_opens_s: 2,
};

/** The request on whose behalf something happens; events carry it. */
type RequestContext = { id: string; idempotency_key: string | null };

/** Everything that the domain functions use. One per database. */
export type World = {
  store: Store;
  clock: Clock;
  ids: Ids;
  livemode: boolean;
  delays: Delays;
  /** The request being served; null for what happens by itself or by a control function. */
  request: RequestContext | null;
  /** Called with an event's id and the endpoints that want it, in the transaction that made the event. */
  onEvent: (event: Stripe.Event) => void;
};

export type WorldOptions = {
  databaseFile: string;
  /** Seed of the ids. A database remembers its own after the first start. */
  seed?: number;
  livemode?: boolean;
  delays?: Partial<Delays>;
};

export function openWorld(options: WorldOptions): World {
  const store = openStore(options.databaseFile);
  const clock = createClock();
  const savedClock = store.setting('clock');
  if (savedClock !== undefined) clock.restore(JSON.parse(savedClock) as ClockState);
  const savedIds = store.setting('ids');
  return {
    store,
    clock,
    ids: createIds(options.seed ?? 1, savedIds === undefined ? undefined : Number(savedIds)),
    livemode: options.livemode ?? false,
    delays: { ...DEFAULT_DELAYS, ...options.delays },
    request: null,
    onEvent: () => undefined,
  };
}

/** Runs `work` in one transaction that also remembers how far the ids have come. Use it around many calls at once to make them fast. */
export function transact<T>(world: World, work: () => T): T {
  return world.store.transaction(() => {
    const before = world.ids.state();
    const result = work();
    if (world.ids.state() !== before) world.store.setSetting('ids', String(world.ids.state()));
    return result;
  });
}

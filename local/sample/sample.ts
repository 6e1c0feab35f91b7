import { transact, type World } from '../stripe/world.ts';
import { inventHistory, SAMPLE } from './history.ts';
import { connectWebhooks, type WebhookTarget } from './webhooks.ts';

const DAY_MS = 86_400_000;

/** The sample in a stand-in's world. */
export interface Sample {
  /** The day from which on the service has to ask for what is past; undefined before the sample is made. */
  since(): string | undefined;
  /**
   * Makes the whole sample in one transaction: what is past happens before the service's endpoint is registered, so
   * that it has to be asked for; the last day after, so that it comes by webhook. Returns `since`.
   */
  make(seed: number, now_ms: number, webhooks: WebhookTarget): string;
}

export function openSample(world: World): Sample {
  return {
    since: () => world.store.setting('sample_since'),
    make: (seed, now_ms, webhooks) =>
      transact(world, () => {
        const history = inventHistory(world, seed, now_ms);
        history.runUntil(now_ms - DAY_MS);
        connectWebhooks(world, webhooks);
        history.runUntil(now_ms);
        const since = new Date(now_ms - (SAMPLE.days + 1) * DAY_MS).toISOString().slice(0, 10);
        world.store.setSetting('sample_since', since);
        return since;
      }),
  };
}

import { transact, type World } from '../stripe/world.ts';
import { inventHistory, SAMPLE } from './history.ts';
import { connectWebhooks, type WebhookTarget } from './webhooks.ts';

const DAY_MS = 86_400_000;

/** How far the sample has come: made at the stand-in, and brought into the service. Survives a kill -9. */
type Stage = 'none' | 'made' | 'filled';

export function openSample(world: World) {
  return {
    stage: () => (world.store.setting('sample') ?? 'none') as Stage,

    /**
     * Makes the whole sample in one transaction: what is past happens before the service's endpoint is registered, so
     * that it has to be asked for; the last day after, so that it comes by webhook.
     */
    make(seed: number, now_ms: number, webhooks: WebhookTarget): void {
      transact(world, () => {
        const history = inventHistory(world, seed, now_ms);
        history.runUntil(now_ms - DAY_MS);
        connectWebhooks(world, webhooks);
        history.runUntil(now_ms);
        world.store.setSetting(
          'sample_since',
          new Date(now_ms - (SAMPLE.days + 1) * DAY_MS).toISOString().slice(0, 10),
        );
        world.store.setSetting('sample', 'made' satisfies Stage);
      });
    },

    /** The day from which on the service has to ask for what is past. */
    since: () => world.store.setting('sample_since') ?? '',

    markFilled: () => world.store.setSetting('sample', 'filled' satisfies Stage),
  };
}

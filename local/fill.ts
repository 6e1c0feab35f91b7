import type { Books } from './books.ts';
import { runCli } from './processes.ts';
import { askForRefunds, type Desk } from './sample/asked.ts';
import { openSample } from './sample/sample.ts';
import { connectWebhooks, sendWaiting, type WebhookTarget } from './sample/webhooks.ts';
import type { Steps } from './steps.ts';
import type { StripeStandIn } from './stripe/server.ts';
import { poll } from './wait.ts';

const SEED = 20_260_101;
const PROGRESS_EVERY_MS = 100;
/** Jobs that a killed worker held are taken up by others only minutes later; that is not waited for. */
const SETTLE_WITHIN_MS = 15_000;

export interface FillDeps {
  steps: Steps;
  stripe: StripeStandIn;
  books: Books;
  /** What the service runs with. */
  env: Record<string, string>;
  webhooks: WebhookTarget;
  desk: Desk;
}

/**
 * Makes the sample at Stripe and brings it into the books by the ways of production: what is past by `payments
 * backfill`, the last day by signed webhooks, and what people ask for here through the API. Does only what has not been done yet; may be stopped or killed anywhere.
 */
export async function fillWorld({ steps, stripe, books, env, webhooks, desk }: FillDeps): Promise<void> {
  const sample = openSample(stripe.world);
  const since =
    sample.since() ??
    (await steps.run('90 days of business at Stripe', async () => sample.make(SEED, Date.now(), webhooks)));
  connectWebhooks(stripe.world, webhooks);
  sendWaiting(stripe);
  const settle = async () => {
    const settled = async () =>
      stripe.deliverer.list({ status: 'pending', limit: 1 }).length === 0 && (await books.haveNoOpenEvents());
    await poll(settled, steps.signal, SETTLE_WITHIN_MS);
  };
  if (await books.areFilled()) return;

  await steps.run("Stripe's past, read into the books", async (progress) => {
    const { store } = stripe.world;
    const kinds = ['charge', 'invoice_payment', 'refund', 'dispute'] as const;
    const total = kinds.reduce((sum, kind) => sum + store.count(kind), 0);
    let looking = Promise.resolve();
    const timer = setInterval(() => {
      looking = looking.then(async () => progress((await books.objectsRead()) / total)).catch(() => {});
    }, PROGRESS_EVERY_MS);
    try {
      await runCli(['backfill', '--since', since, '--json'], env, steps.signal);
    } finally {
      clearInterval(timer);
      await looking;
    }
  });
  await steps.run("The last day's signed webhooks", settle);
  await steps.run('Refunds asked for through the API', async (progress) => {
    await askForRefunds(stripe.world, desk, SEED, progress);
    await settle();
  });
}

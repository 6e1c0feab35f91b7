import { addControl } from './control.ts';
import { createDeliverer, type Deliverer, type DeliveryOptions } from './delivery.ts';
import { createFaults, type FaultRule, type Faults, type WebhookFaultRule } from './faults.ts';
import { createHttp } from './http.ts';
import { addRoutes } from './routes/routes.ts';
import { catchUp, prune } from './time.ts';
import { type Delays, openWorld, type World } from './world.ts';

export type StripeStandInOptions = {
  /** Where everything is kept, or ':memory:'. A file survives a kill -9 and is found again by the next start. */
  databaseFile: string;
  /** The only API key that is accepted. A live-mode key (`sk_live_…`) makes `livemode` true. */
  apiKey: string;
  /** Default: a free one. */
  port?: number;
  host?: '127.0.0.1';
  /** Seed of the ids; the same seed and the same calls give the same ids. */
  seed?: number;
  /** How long things take, in seconds of the stand-in's clock. */
  delays?: Partial<Delays>;
  /** Requests per second (real time) above which the answer is 429; Stripe: 100 live, 25 in a sandbox. Default: no limit. */
  rate_limit_per_s?: number;
  /** Faults in force from the start. */
  faults?: FaultRule[];
  webhookFaults?: WebhookFaultRule[];
  webhooks?: DeliveryOptions;
};

export type StripeStandIn = {
  /** E.g. `http://127.0.0.1:34567`. */
  url: string;
  host: '127.0.0.1';
  port: number;
  /** For the domain functions: `createRefund(standIn.world, …)`. */
  world: World;
  faults: Faults;
  deliverer: Deliverer;
  /** The API keys that are good: while one is rolled, the old one and the new one. */
  apiKeys: Set<string>;
  /** Requests per route since the start, e.g. `{'POST /v1/refunds' → 12}`. */
  calls: Map<string, number>;
  /** How many requests are under way that may still change something; those with an idempotency key, as the SDK's are. */
  underWay: () => number;
  close(): Promise<void>;
};

const TICK_MS = 200;
const PRUNE_EVERY_MS = 600_000;

/** Starts the stand-in. */
export async function startStripe(options: StripeStandInOptions): Promise<StripeStandIn> {
  const host = options.host ?? '127.0.0.1';
  const world = openWorld({
    databaseFile: options.databaseFile,
    livemode: options.apiKey.startsWith('sk_live_'),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.delays === undefined ? {} : { delays: options.delays }),
  });
  const faults = createFaults();
  for (const rule of options.faults ?? []) faults.add(rule);
  for (const rule of options.webhookFaults ?? []) faults.addWebhook(rule);
  const deliverer = createDeliverer(world, faults, options.webhooks);

  const apiKeys = new Set([options.apiKey]);
  const http = createHttp({
    world,
    faults,
    apiKeys,
    rate_limit_per_s: options.rate_limit_per_s,
    afterEffect: () => catchUp(world),
  });
  addRoutes(http);
  addControl({ world, faults, deliverer, http });
  await http.app.listen({ host, port: options.port ?? 0 });
  const address = http.app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  prune(world);
  const ticking = setInterval(() => {
    catchUp(world);
    deliverer.pump();
  }, TICK_MS);
  const pruning = setInterval(() => prune(world), PRUNE_EVERY_MS);
  ticking.unref();
  pruning.unref();

  return {
    url: `http://${host}:${port}`,
    host,
    port,
    world,
    faults,
    deliverer,
    apiKeys,
    calls: http.calls,
    underWay: http.underWay,
    close: async () => {
      clearInterval(ticking);
      clearInterval(pruning);
      await deliverer.close();
      await http.app.close();
      world.store.close();
    },
  };
}

import { createWebhookEndpoint } from '../../local/stripe/resources/webhook_endpoints.ts';
import { TEST_KEY } from '../../local/stripe/testing.ts';
import { recoverDue } from '../../service/src/refunds/recover.ts';
import { createStripe } from '../../service/src/stripe/client.ts';
import { until } from '../../service/src/stripe/test-world.ts';
import { startWorker } from '../../service/src/stripe/worker.ts';
import { startTestApp, type TestApp } from './app.ts';
import { type Caller, type IssuingOptions, type IssuingWorld, startIssuing } from './issuing.ts';
import { assertSameAsStripe } from './same-as-stripe.ts';

/** Several instances of the service, a worker, one database and one Stripe, which delivers its webhooks to one of the instances. */
export interface Fleet extends IssuingWorld {
  /** The same caller, at each of the instances. */
  callers(who: { scope?: string; as?: string }): Promise<Everywhere>;
  /** Waits until every webhook is delivered and worked on, and of every refund it is known what has become. */
  settled(): Promise<void>;
}

/** A caller at each of several instances. */
export type Everywhere = [first: Caller, second: Caller, ...others: Caller[]];

export interface FleetOptions extends IssuingOptions {
  instances?: number;
}

/** Starts them; on disposal the books are held to their rules and, at rest, to what Stripe has. */
export async function startFleet({ instances = 2, ...options }: FleetOptions = {}): Promise<Fleet> {
  await using stack = new AsyncDisposableStack();
  const settings: IssuingOptions = { sending: { breaks_after: 1_000 }, ...options };
  const { stripe: standInOptions, ...each } = settings;
  const world = stack.use(await startIssuing(settings));
  const { standIn, pool, databaseUrl } = world;
  const others: TestApp[] = [];
  for (let number = 1; number < instances; number += 1) {
    others.push(stack.use(await startTestApp({ ...each, standIn, beside: world })));
  }
  const [listener = world] = others;
  createWebhookEndpoint(standIn.world, {
    url: `${listener.url}/v1/webhooks/stripe`,
    enabled_events: ['*'],
    secret: 'whsec_test',
  });
  const worker = await startWorker({
    pool,
    stripe: createStripe({ api_key: TEST_KEY, api_base: standIn.url }),
    default_brand: 'default',
    connectionString: databaseUrl,
    log: world.app.log as never,
  });
  stack.defer(() => worker.stop());

  const isAtRest = async () => {
    await standIn.deliverer.idle();
    await pool.query('UPDATE refunds SET recover_at = clock_timestamp() WHERE recover_at IS NOT NULL');
    await recoverDue(world.deps);
    const { rows } = await pool.query<{ open: number }>(
      `SELECT (SELECT count(*) FROM stripe_events WHERE status = 'received')
            + (SELECT count(*) FROM refunds WHERE recover_at IS NOT NULL) AS open`,
    );
    return rows[0]?.open === 0;
  };
  const owned = stack.move();
  return {
    ...world,
    async callers(who) {
      const first = await world.caller(who);
      const [second = first, ...rest] = await Promise.all(others.map((other) => world.caller(who, other)));
      return [first, second, ...rest];
    },
    settled: () => until(isAtRest),
    async [Symbol.asyncDispose]() {
      try {
        standIn.faults.clear();
        await until(isAtRest);
        await assertSameAsStripe(pool, standIn.world);
      } finally {
        await owned.disposeAsync();
      }
    },
  };
}

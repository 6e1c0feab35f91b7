import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startIssuer } from '../local/issuer/start.ts';
import { createPaymentIntent } from '../local/stripe/resources/payment_intents.ts';
import { createWebhookEndpoint } from '../local/stripe/resources/webhook_endpoints.ts';
import { startStripe } from '../local/stripe/server.ts';
import { TEST_KEY } from '../local/stripe/testing.ts';
import { createPool, type Pool } from '../service/src/database/pool.ts';
import { until } from '../service/src/stripe/test-world.ts';
import { type Balancer, startBalancer } from './support/balancer.ts';
import { assertBooksBalance } from './support/books.ts';
import { createTestDatabase } from './support/database.ts';
import { releaseNext } from './support/next.ts';
import { assertSameAsStripe } from './support/same-as-stripe.ts';
import { Service, settingsOf } from './support/service.ts';

const PAYMENTS = 60;
const LOOK_EVERY_ms = 100;
/** Requests at each stage of an update before the next instance is replaced. */
const ENOUGH = 150;

interface World {
  balancer: Balancer;
  pool: Pool;
  standIn: Awaited<ReturnType<typeof startStripe>>;
  /** Starts an instance of a version, and sends requests there once it is ready. */
  start(script?: string): Promise<Instance>;
  load(): Promise<Load>;
}

interface Instance {
  url: string;
  service: Service;
}

/** Two kinds of callers: who read, and who issue refunds; each goes on whatever happens. */
interface Load {
  answered: number;
  /** What was not answered as it should be. */
  failed: string[];
  /** Waits until that many more have been answered. */
  more(requests: number): Promise<void>;
  end(): Promise<void>;
}

async function startWorld(stack: AsyncDisposableStack): Promise<World> {
  const database = stack.use(await createTestDatabase());
  const issuer = await startIssuer();
  stack.defer(() => issuer.close());
  const standIn = await startStripe({ databaseFile: ':memory:', apiKey: TEST_KEY });
  stack.defer(() => standIn.close());
  const pool = createPool({ connectionString: database.url, max: 2 });
  stack.defer(() => pool.end());
  const balancer = stack.use(await startBalancer(LOOK_EVERY_ms));
  const settings = {
    ...settingsOf({ databaseUrl: database.url, standIn, issuer, webhookSecret: 'whsec_test' }),
    DRAIN_SECONDS: '1',
    RATE_LIMIT_READS_PER_MINUTE: '1000000',
    RATE_LIMIT_WRITES_PER_MINUTE: '1000000',
  };

  const load = async (): Promise<Load> => {
    const { rows: payments } = await pool.query<{ payment_id: string }>('SELECT payment_id FROM payments');
    assert.equal(payments.length, PAYMENTS);
    const { access_token } = await issuer.mintToken({
      scope: 'admin:refunds.read admin:payments.read admin:refunds.issue',
    });
    const stop = new AbortController();
    const told: Load = {
      answered: 0,
      failed: [],
      async more(requests) {
        const enough = told.answered + told.failed.length + requests;
        await until(async () => told.answered + told.failed.length >= enough);
      },
      async end() {
        stop.abort();
        await Promise.all(callers);
      },
    };
    const send = async (path: string, wanted: number[], init: RequestInit = {}) => {
      try {
        const response = await fetch(`${balancer.url}${path}`, {
          ...init,
          headers: { authorization: `Bearer ${access_token}`, ...init.headers },
        });
        const text = await response.text();
        if (wanted.includes(response.status)) told.answered += 1;
        else told.failed.push(`${path} ${response.status} ${text}`);
        return text;
      } catch (error) {
        told.failed.push(`${path} ${error}`);
        return '';
      }
    };
    const read = async () => {
      while (!stop.signal.aborted) {
        await send('/v1/admin/refunds?limit=20', [200]);
        await send('/v1/admin/payments?limit=20', [200]);
        await pause(10);
      }
    };
    let asked = 0;
    const issue = async () => {
      while (!stop.signal.aborted) {
        const number = asked++;
        const init = {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'idempotency-key': `rolling-${number}` },
          body: JSON.stringify({
            payment_id: payments[number % PAYMENTS]?.payment_id,
            amount_cents: 10 + number,
            reason: 'duplicate',
          }),
        };
        const first = await send('/v1/admin/refunds', [201], init);
        // Most likely by another instance, perhaps of another version.
        const again = await send('/v1/admin/refunds', [201], init);
        if (again !== first) told.failed.push(`asked again: ${first} ${again}`);
        await pause(10);
      }
    };
    const callers = [read(), read(), issue(), issue(), issue()];
    return told;
  };

  return {
    balancer,
    pool,
    standIn,
    load,
    async start(script) {
      const service = stack.use(new Service(settings, script));
      const url = await service.ready();
      await balancer.add(url);
      return { url, service };
    },
  };
}

/** Payments come in by webhooks, through the balancer. */
async function fill({ standIn, balancer, pool }: World): Promise<void> {
  createWebhookEndpoint(standIn.world, {
    url: `${balancer.url}/v1/webhooks/stripe`,
    enabled_events: ['*'],
    secret: 'whsec_test',
  });
  for (let number = 0; number < PAYMENTS; number += 1) {
    createPaymentIntent(standIn.world, {
      amount: 1_000_000,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
    });
  }
  await until(async () => {
    const { rows } = await pool.query<{ n: number }>('SELECT count(*) AS n FROM payments');
    return rows[0]?.n === PAYMENTS;
  });
}

/** Another version's instance is started and takes requests; then one is told to stop. */
async function replace(world: World, old: Instance, load: Load, script?: string): Promise<Instance> {
  const instance = await world.start(script);
  await load.more(ENOUGH);
  assert.equal(await old.service.stop(), 0, old.service.output);
  await load.more(ENOUGH);
  assert.ok(world.balancer.served(instance.url) > 0);
  return instance;
}

test('an update to the next version, whose migration runs while this one serves, and the way back, fail no request and lose no refund', async (t) => {
  await using stack = new AsyncDisposableStack();
  const world = await startWorld(stack);
  const next = join(releaseNext(stack), 'service/src/main.ts');
  const [one, two] = [await world.start(), await world.start()];
  await fill(world);
  const load = await world.load();
  stack.defer(() => load.end());
  await load.more(ENOUGH);

  const newOne = await replace(world, one, load, next);
  const { rows } = await world.pool.query(
    `SELECT FROM schema_migrations WHERE name = '9999_of_the_next_version'`,
  );
  assert.equal(rows.length, 1, 'this version has served on the schema of the next');
  const newTwo = await replace(world, two, load, next);
  const oldOne = await replace(world, newOne, load);
  const oldTwo = await replace(world, newTwo, load);
  await load.end();

  assert.deepEqual(load.failed, []);
  await world.standIn.deliverer.idle();
  await until(async () => {
    const { rows: open } = await world.pool.query<{ n: number }>(
      `SELECT (SELECT count(*) FROM stripe_events WHERE status = 'received') + (SELECT count(*) FROM refunds WHERE recover_at IS NOT NULL) AS n`,
    );
    return open[0]?.n === 0;
  });
  const ours = await assertSameAsStripe(world.pool, world.standIn.world);
  await assertBooksBalance(world.pool);
  t.diagnostic(`${load.answered} requests answered, none failed; ${ours.size} refunds`);
  assert.deepEqual(await Promise.all([oldOne.service.stop(), oldTwo.service.stop()]), [0, 0]);
});

test('a request that an instance drops is noticed: one that is killed under load makes some fail', async () => {
  await using stack = new AsyncDisposableStack();
  const world = await startWorld(stack);
  const one = await world.start();
  await world.start();
  await fill(world);
  const load = await world.load();
  stack.defer(() => load.end());
  await load.more(ENOUGH);
  await one.service.stop('SIGKILL');
  await load.more(ENOUGH);
  await load.end();
  assert.ok(load.failed.length > 0);
});

import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { startIssuer } from '../../local/issuer/start.ts';
import { createRandom, type Random } from '../../local/stripe/random.ts';
import { createPaymentIntent } from '../../local/stripe/resources/payment_intents.ts';
import { createRefund } from '../../local/stripe/resources/refunds.ts';
import {
  createWebhookEndpoint,
  updateWebhookEndpoint,
} from '../../local/stripe/resources/webhook_endpoints.ts';
import { type StripeStandIn, startStripe } from '../../local/stripe/server.ts';
import { TEST_KEY } from '../../local/stripe/testing.ts';
import { advanceClock } from '../../local/stripe/time.ts';
import { transact } from '../../local/stripe/world.ts';
import { sealAudit } from '../../service/src/audit/seal.ts';
import { verifyAudit } from '../../service/src/audit/verify.ts';
import { verifyBooks } from '../../service/src/books/verify.ts';
import { createPool, type Pool } from '../../service/src/database/pool.ts';
import { backfill } from '../../service/src/stripe/backfill.ts';
import { createStripe } from '../../service/src/stripe/client.ts';
import { createTestDatabase } from '../support/database.ts';
import { assertSameAsStripe } from '../support/same-as-stripe.ts';
import { Service, settingsOf } from '../support/service.ts';

export interface KillOptions {
  /** How often the service is killed. */
  times: number;
  seed: number;
  onKill?: (killed: number, answered: number) => void;
}

export interface KillReport {
  kills: number;
  /** Keys that were answered, and how many of the answers were a refund. */
  answered: number;
  refunds: number;
  /** Answers that were lost, or not come to, and asked for again under the same key. */
  repeated: number;
  /** Made in the dashboard meanwhile. */
  dashboard: number;
  /** Faults of Stripe's API and of its webhooks, by kind. */
  faults: Record<string, number>;
  /** Under the audit log, which is as it was sealed. */
  seals: number;
}

const SECRET = 'whsec_of_the_kills';
const PAYMENTS = 300;
const CALLERS = 10;
/** Refunds of these are made at Stripe itself. */
const DASHBOARD_SHARE = 0.1;

/** What a caller knows: the bodies that were answered under its keys. */
interface Ledger {
  answers: Map<string, { sent: string; status: number; text: string }>;
  repeated: number;
  stopped: boolean;
}

/**
 * Lets callers refund, Stripe fail and tell, and kills the service again and again, holding the books to their rules after each
 * kill and, once all is at rest, against Stripe and against what the callers were told.
 */
export async function killAgainAndAgain({ times, seed, onKill }: KillOptions): Promise<KillReport> {
  await using stack = new AsyncDisposableStack();
  const random = createRandom(seed);
  const database = stack.use(await createTestDatabase());
  const pool = createPool({ connectionString: database.url, max: 4, statement_timeout_ms: 60_000 });
  stack.defer(() => pool.end());
  const standIn = await startStripe({ databaseFile: ':memory:', apiKey: TEST_KEY, seed });
  stack.defer(() => standIn.close());
  const issuer = await startIssuer();
  stack.defer(() => issuer.close());
  const charges = await fill(pool, standIn);
  const endpoint = createWebhookEndpoint(standIn.world, {
    url: 'http://127.0.0.1:1/',
    enabled_events: ['*'],
    secret: SECRET,
  });
  const faults = misbehave(standIn, seed);

  const settings = {
    ...settingsOf({ databaseUrl: database.url, standIn, issuer, webhookSecret: SECRET }),
    RATE_LIMIT_WRITES_PER_MINUTE: '1000000',
  };
  let url = '';
  const start = async () => {
    const service = new Service(settings);
    url = await service.ready();
    updateWebhookEndpoint(standIn.world, endpoint.id, { url: `${url}/v1/webhooks/stripe` });
    return service;
  };
  let service = await start();
  stack.defer(async () => {
    await service.stop();
  });

  const ledger: Ledger = { answers: new Map(), repeated: 0, stopped: false };
  const { access_token } = await issuer.mintToken({ scope: 'admin:refunds.issue' });
  const post = (key: string, body: string) =>
    fetch(`${url}/v1/admin/refunds`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${access_token}`,
        'content-type': 'application/json',
        'idempotency-key': key,
      },
      body,
    });
  const callers = Array.from({ length: CALLERS }, (_, number) =>
    call(ledger, post, createRandom(seed + 1 + number), `${number}`, charges),
  );
  const desk = refundInDashboard(ledger, standIn, createRandom(seed - 1), charges);

  for (let kill = 1; kill <= times; kill += 1) {
    // The moment is the point: anywhere in whatever is under way.
    await wait(random.next() * 1_000);
    await service.stop('SIGKILL');
    assert.deepEqual(await verifyBooks(pool), [], `after kill ${kill} (seed ${seed})`);
    assert.deepEqual((await verifyAudit(pool)).findings, [], `after kill ${kill} (seed ${seed})`);
    onKill?.(kill, ledger.answers.size);
    await letTimePass(pool);
    service = await start();
  }
  ledger.stopped = true;
  const dashboard = await desk;
  const fired = faults.stop();
  await Promise.all(callers);
  await comeToRest(pool, standIn);

  await assertAnswersStand(ledger, post, seed);
  const made = await assertSameAsStripe(pool, standIn.world);
  for (const { status, text } of ledger.answers.values()) {
    if (status === 201) assert.ok(made.has((JSON.parse(text) as { refund_id: string }).refund_id), text);
  }
  assert.deepEqual(await verifyBooks(pool), [], `at rest (seed ${seed})`);
  // The last of the audit log, which a worker would seal next.
  await sealAudit(pool);
  const audit = await verifyAudit(pool);
  assert.deepEqual(audit.findings, [], `at rest (seed ${seed})`);
  const refunds = [...ledger.answers.values()].filter(({ status }) => status < 300).length;
  return {
    kills: times,
    answered: ledger.answers.size,
    refunds,
    repeated: ledger.repeated,
    dashboard,
    faults: fired,
    seals: audit.seals,
  };
}

/** Payments that the books know before anything is killed. */
async function fill(pool: Pool, standIn: StripeStandIn): Promise<string[]> {
  const charges = transact(standIn.world, () =>
    Array.from({ length: PAYMENTS }, (_, number) => {
      const { intent } = createPaymentIntent(standIn.world, {
        amount: 10_000,
        currency: number % 5 === 0 ? 'jpy' : 'eur',
        payment_method: 'pm_card_visa',
        confirm: true,
        metadata: { customer_id: `customer_${number % 40}` },
      });
      return String(intent.latest_charge);
    }),
  );
  const stripe = createStripe({ api_key: TEST_KEY, api_base: standIn.url });
  await backfill({ pool, stripe, default_brand: 'default' }, { since: new Date(Date.now() - 86_400_000) });
  return charges;
}

/** Stripe's API and its webhooks fail every now and then. */
function misbehave({ faults }: StripeStandIn, seed: number): { stop(): Record<string, number> } {
  const kinds = [
    'error_500_before',
    'error_500_after',
    'reset_before',
    'reset_after',
    'rate_limit_429',
  ] as const;
  for (const [index, kind] of kinds.entries()) {
    faults.add({ kind, method: 'POST', route: '/v1/refunds', probability: 0.03, seed: seed + index });
  }
  faults.add({ kind: 'slow_after', method: 'POST', route: '/v1/refunds', probability: 0.1, seed, ms: 300 });
  for (const kind of ['doubled', 'delayed', 'reordered'] as const) {
    faults.addWebhook({ kind, probability: 0.05, seed, delay_ms: 500 });
  }
  return {
    stop() {
      const { requests, webhooks } = faults.list();
      faults.clear();
      return Object.fromEntries([...requests, ...webhooks].map(({ kind, fired }) => [kind, fired]));
    },
  };
}

/** An honest client: one key for each thing that is meant, asked again under that key until there is an answer. */
async function call(
  ledger: Ledger,
  post: (key: string, body: string) => Promise<Response>,
  random: Random,
  name: string,
  charges: string[],
): Promise<void> {
  const pick = <T>(choices: readonly T[]) => choices[Math.floor(random.next() * choices.length)] as T;
  for (let number = 0; !ledger.stopped; number += 1) {
    const key = `${name}-${number}`;
    const sent = JSON.stringify({
      charge_id: pick(charges),
      amount_cents: 1 + Math.floor(random.next() * 3_000),
      reason: 'requested_by_customer',
    });
    for (;;) {
      const answer = await ask(post, key, sent);
      if (answer !== undefined) {
        ledger.answers.set(key, { sent, ...answer });
        break;
      }
      ledger.repeated += 1;
      await wait(50);
    }
  }
}

/** The answer, or nothing where there is none yet: the service is gone, busy, or still at the first attempt. */
async function ask(
  post: (key: string, body: string) => Promise<Response>,
  key: string,
  sent: string,
): Promise<{ status: number; text: string } | undefined> {
  try {
    const response = await post(key, sent);
    const text = await response.text();
    const { status } = response;
    const underWay = status === 409 && (JSON.parse(text) as { field?: string }).field === 'Idempotency-Key';
    return status === 500 || status === 503 || underWay ? undefined : { status, text };
  } catch {
    return undefined;
  }
}

/** Somebody refunds in Stripe's dashboard meanwhile. */
async function refundInDashboard(
  ledger: Ledger,
  { world }: StripeStandIn,
  random: Random,
  charges: string[],
): Promise<number> {
  let made = 0;
  while (!ledger.stopped) {
    await wait(200 + random.next() * 400);
    const charge = charges[Math.floor(random.next() * charges.length * DASHBOARD_SHARE)] ?? '';
    try {
      createRefund(world, { charge, amount: 1 + Math.floor(random.next() * 500) });
      made += 1;
    } catch {
      // Nothing is left of it.
    }
  }
  return made;
}

/** Whoever held a key, or was to find out about a refund, is dead: what they would have waited for is over. */
async function letTimePass(pool: Pool): Promise<void> {
  await pool.query('UPDATE idempotency_keys SET held_until = now() WHERE answered_at IS NULL');
  await pool.query('UPDATE refunds SET recover_at = now() WHERE recover_at IS NOT NULL');
}

/**
 * Of every refund it is known what has become, every webhook is delivered and worked on. Waits that are meant for hours are cut
 * short: between looks at Stripe, between tries of an event, between deliveries. Stripe's clock moves only once no outcome
 * is unknown, since its keys do not live for ever.
 */
async function comeToRest(pool: Pool, { world, deliverer }: StripeStandIn): Promise<void> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    await pool.query('UPDATE refunds SET recover_at = now() WHERE recover_at > now()');
    await pool.query('UPDATE graphile_worker._private_jobs SET run_at = now() WHERE run_at > now()');
    const { rows } = await pool.query<{ unknown: number; events: number }>(
      `SELECT (SELECT count(*) FROM refunds WHERE recover_at IS NOT NULL) AS unknown,
              (SELECT count(*) FROM stripe_events WHERE status = 'received') AS events`,
    );
    const { unknown = 0, events = 0 } = rows[0] ?? {};
    const undelivered = deliverer.list({ status: 'pending', limit: 1 }).length;
    if (unknown + events + undelivered === 0) return;
    if (unknown === 0) {
      advanceClock(world, 600);
      await deliverer.idle();
    }
    assert.ok(Date.now() < deadline, `not at rest after two minutes: ${unknown} unknown, ${events} events`);
    await wait(100);
  }
}

/** Whatever was answered is answered again with the same bytes. */
async function assertAnswersStand(
  { answers }: Ledger,
  post: (key: string, body: string) => Promise<Response>,
  seed: number,
): Promise<void> {
  const queue = answers.entries();
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      for (const [key, { sent, status, text }] of queue) {
        const again = await post(key, sent);
        assert.deepEqual([again.status, await again.text()], [status, text], `key ${key} (seed ${seed})`);
      }
    }),
  );
}

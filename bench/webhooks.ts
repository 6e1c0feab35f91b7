import assert from 'node:assert/strict';
import http from 'node:http';
import { availableParallelism } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import Stripe from 'stripe';
import { startIssuer } from '../local/issuer/start.ts';
import { createPaymentIntent } from '../local/stripe/resources/payment_intents.ts';
import { createRefund } from '../local/stripe/resources/refunds.ts';
import { startStripe } from '../local/stripe/server.ts';
import { TEST_KEY } from '../local/stripe/testing.ts';
import { transact, type World } from '../local/stripe/world.ts';
import { verifyBooks } from '../service/src/books/verify.ts';
import { createPool, type Pool } from '../service/src/database/pool.ts';
import { Service, settingsOf } from '../test/support/service.ts';
import { startDatabase } from './database.ts';

const SECRET = 'whsec_of_the_measurement';
/** Connections over which events are sent at once. */
const SENDERS = 16;
/** Payments are made at the stand-in so many in one of its transactions. */
const BATCH = 500;

/** What was measured, on this machine, with the service, a durable PostgreSQL, the stand-in and the sender on the same cores. */
export interface WebhookFigures {
  cores: number;
  /** Events sent, each another one, and not one of them lost. */
  events: number;
  /** Events of which the service said that it has stored them, while no worker ran. */
  accepted_per_s: number;
  /** From sending an event to its answer. */
  accept_p50_ms: number;
  accept_p99_ms: number;
  /** Worked off by one worker process, Stripe asked about each, over the whole queue. */
  processed_per_s: number;
  /** The same at its beginning, with the queue full, and at its end: per tenth of the queue. */
  processed_per_s_by_tenth: number[];
  /** Accepted and processed by one process that does both, at once. */
  both: { accepted_per_s: number; processed_per_s: number };
}

export interface WebhookMeasurement {
  /** How long the queue is when the worker starts. */
  events: number;
  onProgress?: (sentence: string) => void;
}

/** Measures how fast Stripe's events are taken in and worked off, and that none is lost when the queue is long. */
export async function measureWebhooks({
  events: wanted,
  onProgress = () => {},
}: WebhookMeasurement): Promise<WebhookFigures> {
  await using stack = new AsyncDisposableStack();
  const { databaseUrl } = await startDatabase(stack);
  const standIn = await startStripe({ databaseFile: ':memory:', apiKey: TEST_KEY, seed: 1 });
  stack.defer(() => standIn.close());
  const issuer = await startIssuer();
  stack.defer(() => issuer.close());
  const pool = createPool({ connectionString: databaseUrl, max: 2 });
  stack.defer(() => pool.end());
  const settings = settingsOf({ databaseUrl, standIn, issuer, webhookSecret: SECRET });
  const start = async (role: string) => {
    const service = new Service({ ...settings, ROLE: role });
    return { service, url: await service.ready() };
  };

  onProgress(`making payments and refunds until there are ${wanted} events`);
  const queued = makeEvents(standIn.world, wanted);
  const api = await start('api');
  onProgress(`sending ${queued.length} events`);
  const accepting = await send(api.url, queued);
  onProgress(`accepted ${round(accepting.per_s)}/s; working them off`);
  await api.service.stop();

  const worker = await start('worker');
  const tenths = await workOff(pool, queued.length, onProgress);
  await worker.service.stop();

  const beside = makeEvents(standIn.world, Math.ceil(wanted / 10));
  const all = await start('all');
  onProgress(`sending ${beside.length} more to a process that works them off as well`);
  const started = performance.now();
  const taken = await send(all.url, beside);
  await until(async () => (await countOpen(pool)) === 0);
  const took_s = (performance.now() - started) / 1_000;
  await all.service.stop();

  await assertNothingLost(pool, queued.length + beside.length);
  assert.deepEqual(await verifyBooks(pool), []);
  return {
    cores: availableParallelism(),
    events: queued.length,
    accepted_per_s: round(accepting.per_s),
    accept_p50_ms: accepting.p50_ms,
    accept_p99_ms: accepting.p99_ms,
    processed_per_s: round(queued.length / tenths.reduce((sum, { took_s }) => sum + took_s, 0)),
    processed_per_s_by_tenth: tenths.map(({ events, took_s }) => round(events / took_s)),
    both: { accepted_per_s: round(taken.per_s), processed_per_s: round(beside.length / took_s) },
  };
}

const round = Math.round;

/** Signed bodies of events that the stand-in has really had: of payments, a fifth of them refunded. */
function makeEvents(world: World, wanted: number): string[] {
  const before = new Set<string>();
  for (const { id } of world.store.list('event', { where: {}, created: {}, limit: 10_000_000 }))
    before.add(id);
  const bodies: string[] = [];
  for (let index = 0; ; index += BATCH) {
    transact(world, () => {
      for (let one = index; one < index + BATCH; one += 1) {
        const { intent } = createPaymentIntent(world, {
          amount: 5_000,
          currency: 'usd',
          payment_method: 'pm_card_visa',
          confirm: true,
          metadata: { customer_id: `customer_${one % 1_000}` },
        });
        if (one % 5 === 0) createRefund(world, { payment_intent: intent.id, amount: 500 });
      }
    });
    const count = world.store.count('event');
    if (count - before.size >= wanted) break;
  }
  for (const { id, body } of world.store.list('event', { where: {}, created: {}, limit: 10_000_000 })) {
    if (!before.has(id) && bodies.length < wanted) bodies.push(JSON.stringify(body));
  }
  return bodies;
}

/** Sends each event once, over connections that are kept, and fails unless each is answered 200. */
async function send(url: string, bodies: readonly string[]) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: SENDERS });
  const target = new URL('/v1/webhooks/stripe', url);
  const took_ms: number[] = [];
  const queue = bodies.values();
  const started = performance.now();
  const sender = async () => {
    for (const body of queue) {
      const at = performance.now();
      await post(target, agent, body);
      took_ms.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
  const all_s = (performance.now() - started) / 1_000;
  agent.destroy();
  took_ms.sort((a, b) => a - b);
  const at = (share: number) => Math.round((took_ms[Math.floor(took_ms.length * share)] ?? 0) * 10) / 10;
  return { per_s: bodies.length / all_s, p50_ms: at(0.5), p99_ms: at(0.99) };
}

function post(target: URL, agent: http.Agent, body: string): Promise<void> {
  const signature = Stripe.webhooks.generateTestHeaderString({ payload: body, secret: SECRET });
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'stripe-signature': signature,
  };
  return new Promise((resolve, reject) => {
    const request = http.request(target, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.on('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`The webhook answered ${response.statusCode}`));
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

const countOpen = async (pool: Pool): Promise<number> => {
  const { rows } = await pool.query("SELECT count(*) AS open FROM stripe_events WHERE status = 'received'");
  return rows[0].open;
};

/** How long each tenth of the queue takes, from the moment at which the worker has begun. */
async function workOff(pool: Pool, events: number, onProgress: (sentence: string) => void) {
  const tenths: { events: number; took_s: number }[] = [];
  let open = await countOpen(pool);
  let at = performance.now();
  for (let tenth = 9; tenth >= 0; tenth -= 1) {
    const goal = Math.floor((events * tenth) / 10);
    let now = open;
    await until(async () => {
      now = await countOpen(pool);
      return now <= goal;
    });
    const took_s = (performance.now() - at) / 1_000;
    tenths.push({ events: open - now, took_s });
    onProgress(`${now} left, ${round((open - now) / took_s)}/s`);
    at = performance.now();
    open = now;
    if (now === 0) break;
  }
  return tenths;
}

async function assertNothingLost(pool: Pool, sent: number): Promise<void> {
  const { rows } = await pool.query<{ status: string; events: number }>(
    'SELECT status, count(*) AS events FROM stripe_events GROUP BY status',
  );
  const stored = rows.reduce((sum, { events }) => sum + events, 0);
  const odd = rows.filter(({ status }) => status !== 'processed' && status !== 'ignored');
  if (stored !== sent || odd.length > 0)
    throw new Error(`Of ${sent} events ${stored} are stored: ${JSON.stringify(rows)}`);
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await wait(200);
}

import { createHmac } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import type Stripe from 'stripe';
import type { Faults } from './faults.ts';
import { createRandom } from './random.ts';
import { listeners, signingSecrets } from './resources/webhook_endpoints.ts';
import { transact, type World } from './world.ts';

/** Waits between attempts. The sum is just under three days, after which Stripe gives up: https://docs.stripe.com/webhooks#retries */
const BACKOFF_MS = [5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200, 43_200, 43_200, 43_200].map(
  (s) => s * 1000,
);
const GIVE_UP_AFTER_MS = 3 * 86_400_000;

export type DeliveryOptions = {
  /** Deliveries under way at once. */
  concurrency?: number;
  /** How long a receiver may take to answer. */
  timeout_ms?: number;
  /** How long a `reordered` delivery is held where no further one comes, in real milliseconds. */
  reorder_flush_ms?: number;
};

type DeliveryRow = {
  id: number;
  event: string;
  type: string | null;
  endpoint: string;
  status: 'pending' | 'held' | 'succeeded' | 'failed' | 'lost';
  attempts: number;
  /** Seconds of the stand-in's clock; null where there is no next attempt. */
  next_attempt: number | null;
  last_status: number | null;
  last_error: string | null;
};

export type Deliverer = {
  /** Sends what is due now. Called after every commit that made an event, and by the clock. */
  pump(): void;
  /** Resolves once nothing is due and nothing under way. */
  idle(): Promise<void>;
  /** Sends an event again to one endpoint, or to all that listen. Returns how many deliveries that makes. */
  redeliver(eventId: string, endpointId?: string): number;
  list(filter: { event?: string; status?: string; limit?: number }): DeliveryRow[];
  close(): Promise<void>;
};

/**
 * `Stripe-Signature`: `t` is real time, one `v1` for each secret (several while a secret rotates).
 * https://docs.stripe.com/webhooks#verify-manually
 */
export function signatureHeader(
  body: string,
  secrets: string[],
  at_s: number = Math.floor(Date.now() / 1000),
): string {
  const signatures = secrets.map(
    (secret) => `v1=${createHmac('sha256', secret).update(`${at_s}.${body}`).digest('hex')}`,
  );
  return [`t=${at_s}`, ...signatures].join(',');
}

/** An event as it is shown and sent: with the number of endpoints that have not yet taken it. */
export function renderEvent(world: World, event: Stripe.Event): Stripe.Event {
  const row = world.store
    .sql(
      "SELECT count(DISTINCT endpoint_id) AS n FROM deliveries WHERE event_id = ? AND status IN ('pending', 'held', 'lost')",
    )
    .get(event.id);
  return { ...event, pending_webhooks: Number(row?.n ?? 0) };
}

/** Delivers events to webhook endpoints: signed, in parallel, retried, remembered in the database. */
export function createDeliverer(world: World, faults: Faults, options: DeliveryOptions = {}): Deliverer {
  const concurrency = options.concurrency ?? 32;
  const timeout_ms = options.timeout_ms ?? 10_000;
  const reorder_flush_ms = options.reorder_flush_ms ?? 250;
  const agents = {
    'http:': new http.Agent({ keepAlive: true, maxSockets: concurrency }),
    'https:': new https.Agent({ keepAlive: true, maxSockets: concurrency }),
  };
  const underWay = new Set<number>();
  const waiters: (() => void)[] = [];
  const held = new Map<string, { seqs: number[]; timer: NodeJS.Timeout }>();
  let closed = false;

  // What was held when the process died goes out now.
  world.store.sql("UPDATE deliveries SET status = 'pending' WHERE status = 'held'").run();

  world.onEvent = (event) => {
    const endpoints = listeners(world, event.type);
    for (const endpoint of endpoints) enqueue(event.id, event.type, endpoint.id);
    if (endpoints.length > 0) world.store.onCommit(pump);
  };

  function insert(
    event: string,
    endpoint: string,
    status: 'pending' | 'held' | 'lost',
    at_ms: number,
  ): number {
    const done = world.store
      .sql(
        'INSERT INTO deliveries (event_id, endpoint_id, status, created_ms, next_attempt_ms) VALUES (?, ?, ?, ?, ?)',
      )
      .run(event, endpoint, status, world.clock.now_ms(), status === 'lost' ? null : at_ms);
    return Number(done.lastInsertRowid);
  }

  function enqueue(event: string, type: string, endpoint: string): void {
    const hit = faults.forWebhook(type);
    const now_ms = world.clock.now_ms();
    if (hit.some((rule) => rule.kind === 'lost')) {
      insert(event, endpoint, 'lost', now_ms);
      return;
    }
    const delay_ms = hit.find((rule) => rule.kind === 'delayed')?.delay_ms ?? 5000;
    const at_ms = hit.some((rule) => rule.kind === 'delayed') ? now_ms + delay_ms : now_ms;
    const reorder = hit.find((rule) => rule.kind === 'reordered');
    const copies = hit.some((rule) => rule.kind === 'doubled') ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const seq = insert(event, endpoint, reorder === undefined ? 'pending' : 'held', at_ms);
      if (reorder !== undefined)
        world.store.onCommit(() => hold(reorder.id, seq, reorder.window ?? 3, reorder.seed ?? 1));
    }
  }

  function hold(rule: string, seq: number, window: number, seed: number): void {
    const group = held.get(rule) ?? {
      seqs: [],
      timer: setTimeout(() => release(rule, seed), reorder_flush_ms),
    };
    held.set(rule, group);
    group.seqs.push(seq);
    if (group.seqs.length >= window) release(rule, seed);
  }

  /** Sends a held group one by one, in an order that is not the one it came in. */
  function release(rule: string, seed: number): void {
    const group = held.get(rule);
    if (group === undefined) return;
    clearTimeout(group.timer);
    held.delete(rule);
    const order = otherOrder(group.seqs, seed);
    for (const seq of order) underWay.add(seq);
    const chain = async () => {
      for (const seq of order) {
        world.store
          .sql("UPDATE deliveries SET status = 'pending' WHERE seq = ? AND status = 'held'")
          .run(seq);
        await attempt(seq);
      }
    };
    void chain().finally(settle);
  }

  function pump(): void {
    if (closed) return;
    const free = concurrency - underWay.size;
    if (free <= 0) return;
    const rows = world.store
      .sql(
        "SELECT seq FROM deliveries WHERE status = 'pending' AND next_attempt_ms <= ? ORDER BY next_attempt_ms, seq LIMIT ?",
      )
      .all(Math.ceil(world.clock.now_ms()), free + underWay.size);
    let started = 0;
    for (const row of rows) {
      const seq = Number(row.seq);
      if (underWay.has(seq)) continue;
      if (started === free) break;
      started += 1;
      underWay.add(seq);
      void attempt(seq).finally(settle);
    }
    if (started === 0) settle();
  }

  function settle(): void {
    if (closed || (underWay.size === 0 && held.size === 0 && !anyDue()))
      for (const wake of waiters.splice(0)) wake();
  }

  const anyDue = () =>
    world.store
      .sql("SELECT 1 FROM deliveries WHERE status = 'pending' AND next_attempt_ms <= ? LIMIT 1")
      .get(Math.ceil(world.clock.now_ms())) !== undefined;

  async function attempt(seq: number): Promise<void> {
    try {
      if (closed) return;
      const row = world.store
        .sql(
          'SELECT event_id, endpoint_id, attempts, created_ms, next_attempt_ms FROM deliveries WHERE seq = ?',
        )
        .get(seq);
      if (row === undefined) return;
      const endpoint = world.store.find('webhook_endpoint', String(row.endpoint_id));
      const event = world.store.find('event', String(row.event_id));
      if (endpoint === undefined || event === undefined) {
        finish(seq, {
          status: 'failed',
          error: 'the endpoint or the event no longer exists',
          httpStatus: null,
        });
        return;
      }
      const body = JSON.stringify(renderEvent(world, event.body), null, 2);
      const result = await post(
        endpoint.body.url,
        body,
        signatureHeader(body, signingSecrets(world, endpoint.id)),
      );
      if (closed) return;
      if (result.status !== null && result.status >= 200 && result.status < 300) {
        finish(seq, { status: 'succeeded', httpStatus: result.status, error: null });
        return;
      }
      const attempts = Number(row.attempts);
      const wait_ms = BACKOFF_MS[Math.min(attempts, BACKOFF_MS.length - 1)] ?? 0;
      // Counted from when the attempt was due, so that moving the clock by three days runs every retry in between.
      const next_ms = Number(row.next_attempt_ms) + wait_ms;
      const over = next_ms - Number(row.created_ms) > GIVE_UP_AFTER_MS;
      finish(seq, {
        status: over ? 'failed' : 'pending',
        httpStatus: result.status,
        error: result.error ?? `HTTP ${result.status}`,
        ...(over ? {} : { next_ms }),
      });
    } finally {
      underWay.delete(seq);
      if (!closed) pump();
    }
  }

  function finish(
    seq: number,
    outcome: {
      status: 'pending' | 'succeeded' | 'failed';
      httpStatus: number | null;
      error: string | null;
      next_ms?: number;
    },
  ): void {
    world.store
      .sql(
        'UPDATE deliveries SET status = ?, attempts = attempts + 1, last_status = ?, last_error = ?, next_attempt_ms = ? WHERE seq = ?',
      )
      .run(outcome.status, outcome.httpStatus, outcome.error, outcome.next_ms ?? null, seq);
  }

  function post(
    url: string,
    body: string,
    signature: string,
  ): Promise<{ status: number | null; error: string | null }> {
    return new Promise((resolve) => {
      if (!URL.canParse(url)) {
        resolve({ status: null, error: `${url} is not an address` });
        return;
      }
      const target = new URL(url);
      const secure = target.protocol === 'https:';
      const request = (secure ? https : http).request(
        target,
        {
          method: 'POST',
          agent: secure ? agents['https:'] : agents['http:'],
          headers: {
            'content-type': 'application/json; charset=utf-8',
            'content-length': Buffer.byteLength(body),
            'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
            'stripe-signature': signature,
            accept: '*/*; q=0.5, application/xml',
          },
        },
        (response) => {
          response.resume();
          response.on('end', () => resolve({ status: response.statusCode ?? null, error: null }));
          response.on('error', (error) => resolve({ status: null, error: error.message }));
        },
      );
      request.setTimeout(timeout_ms, () => request.destroy(new Error(`no answer within ${timeout_ms} ms`)));
      request.on('error', (error) => resolve({ status: null, error: error.message }));
      request.end(body);
    });
  }

  return {
    pump,
    idle: () =>
      new Promise((resolve) => {
        waiters.push(resolve);
        pump();
      }),
    redeliver: (eventId, endpointId) =>
      transact(world, () => {
        const event = world.store.find('event', eventId);
        if (event === undefined) return 0;
        const endpoints =
          endpointId === undefined ? listeners(world, event.body.type).map((one) => one.id) : [endpointId];
        for (const endpoint of endpoints) insert(eventId, endpoint, 'pending', world.clock.now_ms());
        world.store.onCommit(pump);
        return endpoints.length;
      }),
    list: (filter) => {
      const conditions = ['1 = 1'];
      const values: (string | number)[] = [];
      if (filter.event !== undefined) {
        conditions.push('event_id = ?');
        values.push(filter.event);
      }
      if (filter.status !== undefined) {
        conditions.push('deliveries.status = ?');
        values.push(filter.status);
      }
      return world.store
        .sql(
          `SELECT deliveries.*, objects.event_type FROM deliveries LEFT JOIN objects ON objects.id = deliveries.event_id
           WHERE ${conditions.join(' AND ')} ORDER BY deliveries.seq DESC LIMIT ?`,
        )
        .all(...values, filter.limit ?? 100)
        .map((row) => ({
          id: Number(row.seq),
          event: String(row.event_id),
          type: row.event_type === null ? null : String(row.event_type),
          endpoint: String(row.endpoint_id),
          status: String(row.status) as DeliveryRow['status'],
          attempts: Number(row.attempts),
          next_attempt: row.next_attempt_ms === null ? null : Math.floor(Number(row.next_attempt_ms) / 1000),
          last_status: row.last_status === null ? null : Number(row.last_status),
          last_error: row.last_error === null ? null : String(row.last_error),
        }));
    },
    close: async () => {
      closed = true;
      for (const group of held.values()) clearTimeout(group.timer);
      held.clear();
      agents['http:'].destroy();
      agents['https:'].destroy();
      settle();
    },
  };
}

/** A seeded shuffle that never gives back the order it was given, where there are at least two. */
function otherOrder(items: number[], seed: number): number[] {
  const random = createRandom(seed);
  const order = [...items];
  for (let index = order.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random.next() * (index + 1));
    const [a, b] = [order[index], order[other]];
    if (a === undefined || b === undefined) continue;
    order[index] = b;
    order[other] = a;
  }
  return order.every((item, index) => item === items[index]) ? order.reverse() : order;
}

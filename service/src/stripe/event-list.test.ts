import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestApp, type TestApp } from '../../../test/support/app.ts';
import { readDeclared } from '../../../test/support/declared.ts';
import { makePayment } from '../../../test/support/make.ts';
import type { Queryable } from '../database/pool.ts';
import { listEvents } from './event-list.ts';
import type { EventStatus } from './queries.ts';
import { EVENT_STATUSES } from './shelf.ts';

const PATH = '/v1/admin/webhook-events';

interface Shown {
  event_id: string;
  stripe_event_id: string;
  event_type: string;
  object_id: string | null;
  status: EventStatus;
  attempts: number;
  error: { code: string; message: string } | null;
  received_at: string;
  processed_at: string | null;
}

let world: TestApp;
before(async () => {
  world = await startTestApp();
});
after(() => world[Symbol.asyncDispose]());

const OPERATOR = { scope: 'admin:operations.read' };

async function ask(
  path: string,
  who: Parameters<TestApp['issuer']['mintToken']>[0] = OPERATOR,
  headers = {},
) {
  const { access_token } = await world.issuer.mintToken(who);
  const response = await fetch(`${world.url}${path}`, {
    headers: { authorization: `Bearer ${access_token}`, ...headers },
  });
  const body = await readDeclared<{ events: Shown[] }>(PATH, response);
  const next = /^<([^>]*)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];
  return { status: response.status, events: body.events, next };
}

async function readAll(query: string, who = OPERATOR): Promise<string[]> {
  const ids: string[] = [];
  for (let next: string | undefined = `${PATH}?${query}`; next !== undefined; ) {
    const page: Awaited<ReturnType<typeof ask>> = await ask(next, who);
    assert.equal(page.status, 200);
    ids.push(...page.events.map(({ stripe_event_id }) => stripe_event_id));
    next = page.next;
  }
  return ids;
}

let serial = 0;
async function store(event: {
  status?: EventStatus;
  event_type?: string;
  object?: [type: string, id: string];
  received_at?: Date;
  error?: string;
}): Promise<string> {
  serial += 1;
  const id = `evt_listed_${serial}`;
  const [object_type, object_id] = event.object ?? ['charge', `ch_nobodys_${serial}`];
  await world.pool.query(
    `INSERT INTO stripe_events (event_id, stripe_event_id, event_type, object_type, object_id, livemode, status, error,
                                stripe_created_at, received_at)
     VALUES ($1, $2, $3, $4, $5, false, $6, $7, now(), $8)`,
    [
      `event_listed_${String(serial).padStart(4, '0')}`,
      id,
      event.event_type ?? 'charge.updated',
      object_type,
      object_id,
      event.status ?? 'processed',
      event.error ?? null,
      event.received_at ?? new Date(),
    ],
  );
  return id;
}

test('events of every status are one list, the latest received first, page by page, also where many came at one moment', async () => {
  const moment = Date.parse('2026-03-01T00:00:00Z');
  const stored: string[] = [];
  for (let number = 0; number < 23; number += 1) {
    const status = EVENT_STATUSES[number % EVENT_STATUSES.length] ?? 'failed';
    stored.push(await store({ status, received_at: new Date(moment + Math.floor(number / 6)) }));
  }
  const window = 'received_at_gte=2026-03-01T00:00:00Z&received_at_lt=2026-03-01T00:00:01Z';
  for (const limit of [1, 4, 100])
    assert.deepEqual(await readAll(`${window}&limit=${limit}`), stored.toReversed());
});

test('the list is narrowed by status, type, object and time, alone and together', async () => {
  const early = new Date('2026-04-01T00:00:00Z');
  const late = new Date('2026-04-02T00:00:00Z');
  const object: [string, string] = ['refund', 're_narrowed'];
  const refund = { object, event_type: 'refund.updated' };
  const first = await store({ ...refund, status: 'failed', received_at: early });
  const second = await store({ ...refund, status: 'unmatched', received_at: late });
  const other = await store({ status: 'failed', received_at: late });
  assert.deepEqual(await readAll('object_id=re_narrowed'), [second, first]);
  assert.deepEqual(await readAll('object_id=re_narrowed&status=failed'), [first]);
  assert.deepEqual(await readAll('event_type=refund.updated&received_at_gte=2026-04-02T00:00:00Z'), [second]);
  assert.deepEqual(
    await readAll('status=failed&received_at_gte=2026-04-01T12:00:00Z&received_at_lt=2026-04-03T00:00:00Z'),
    [other],
  );
  assert.deepEqual(await readAll('object_id=re_unknown'), []);
});

test('why an event is where it is comes as a code and a sentence', async () => {
  await store({
    object: ['charge', 'ch_explained'],
    status: 'unmatched',
    error: 'gone_at_stripe: Stripe no longer knows the object.',
  });
  const { events } = await ask(`${PATH}?object_id=ch_explained`);
  assert.deepEqual(events[0]?.error, {
    code: 'gone_at_stripe',
    message: 'Stripe no longer knows the object.',
  });
});

test('whoever is bound to a brand, or names one, sees events of what is in its books only; whoever is not sees all', async () => {
  const { payment } = await makePayment(world.pool, { brand_id: 'acme', refunds: [{}], disputes: [{}] });
  const { rows } = await world.pool.query<{ re: string; dp: string }>(
    `SELECT stripe_refund_id AS re, stripe_dispute_id AS dp FROM refunds JOIN disputes USING (payment_id) WHERE payment_id = $1`,
    [payment.payment_id],
  );
  const received_at = new Date('2026-05-01T00:00:00Z');
  const objects: [string, string][] = [
    ['charge', String(payment.stripe_charge_id)],
    ['payment_intent', String(payment.stripe_payment_intent_id)],
    ['refund', String(rows[0]?.re)],
    ['dispute', String(rows[0]?.dp)],
  ];
  const theirs: string[] = [];
  for (const object of objects) theirs.unshift(await store({ object, received_at }));
  const nobodys = await store({ received_at });
  const window = 'received_at_gte=2026-05-01T00:00:00Z&received_at_lt=2026-05-01T00:00:01Z';
  assert.deepEqual(await readAll(`${window}&limit=2`), [nobodys, ...theirs]);
  const bound = (brand: string) => ({ ...OPERATOR, brand });
  assert.deepEqual(await readAll(`${window}&limit=2`, bound('acme')), theirs);
  assert.deepEqual(await readAll(window, bound('globex')), []);
  const named = await ask(`${PATH}?${window}`, OPERATOR, { 'x-brand-id': 'acme' });
  assert.deepEqual(
    named.events.map(({ stripe_event_id }) => stripe_event_id),
    theirs,
  );
  // Where one list goes on, the other does not.
  const { next } = await ask(`${PATH}?${window}&limit=1`);
  assert.equal((await ask(String(next), bound('default'))).status, 400);
});

test('a page of the list reads no more of the inbox than the page, however much there is', async () => {
  await world.pool.query(
    `INSERT INTO stripe_events (event_id, stripe_event_id, event_type, object_type, object_id, livemode, status,
                                stripe_created_at, received_at)
     SELECT 'event_bulk_' || n, 'evt_bulk_' || n, 'charge.updated', 'charge', 'ch_bulk_' || n, false,
            (ARRAY['processed', 'ignored'])[1 + n % 2], now(), now() - make_interval(secs => n)
     FROM generate_series(1, 20000) AS n`,
  );
  await world.pool.query('ANALYZE stripe_events');
  const plans: string[] = [];
  const explained = {
    query: async ({ text, values }: { text: string; values: unknown[] }) => {
      const { rows } = await world.pool.query(`EXPLAIN (ANALYZE, BUFFERS) ${text}`, values);
      plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
      return { rows: [] };
    },
  } as unknown as Queryable;
  const page = { after: { created_at: new Date(Date.now() - 5_000_000), id: 'event' }, limit: 20 };
  for (const filters of [{}, { status: 'processed' }, { object_id: 'ch_bulk_7' }] as const)
    await listEvents(explained, filters, page);
  for (const plan of plans) {
    assert.doesNotMatch(plan, /Seq Scan on stripe_events/);
    const blocks = Number(/Buffers: shared hit=(\d+)/.exec(plan)?.[1]);
    assert.ok(blocks < 400, plan);
  }
  assert.equal(plans.length, 3);
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Stripe from 'stripe';
import { createTestWorld, SECRET, type TestWorld } from './test-world.ts';

let world: TestWorld;
let number = 0;
before(async () => {
  world = await createTestWorld();
});
after(async () => {
  await world.close();
});

function event(overrides: Record<string, unknown> = {}): { id: string; body: string } {
  number += 1;
  const id = `evt_${number}`;
  const body = JSON.stringify({
    id,
    object: 'event',
    api_version: '2026-10-28.endive',
    created: Math.floor(Date.now() / 1000),
    livemode: false,
    pending_webhooks: 1,
    request: null,
    type: 'charge.succeeded',
    data: { object: { id: 'ch_1', object: 'charge', billing_details: { email: 'jenny@example.com' } } },
    ...overrides,
  });
  return { id, body };
}

function sign(body: string, { secret = SECRET, age_s = 0 } = {}): string {
  return Stripe.webhooks.generateTestHeaderString({
    payload: body,
    secret,
    timestamp: Math.floor(Date.now() / 1000) - age_s,
  });
}

async function post(
  body: string,
  signature: string | null = sign(body),
  contentType: string | null = 'application/json; charset=utf-8',
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(world.webhookUrl, {
    method: 'POST',
    // Bytes have no type of their own, so that none is sent where none is given.
    body: Buffer.from(body),
    headers: {
      ...(contentType === null ? {} : { 'content-type': contentType }),
      ...(signature === null ? {} : { 'stripe-signature': signature }),
    },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const stored = async (stripeEventId: string) =>
  (
    await world.pool.query(
      `SELECT e.status, e.error, e.object_type, e.object_id, (SELECT count(*) FROM graphile_worker.jobs j WHERE j.key = e.event_id) AS jobs
       FROM stripe_events e WHERE stripe_event_id = $1`,
      [stripeEventId],
    )
  ).rows;

test('a signed event is stored with one job and answered with its ids', async () => {
  const { id, body } = event();
  const answer = await post(body);
  assert.equal(answer.status, 200);
  assert.deepEqual(Object.keys(answer.body), ['event_id', 'stripe_event_id', 'event_type', 'status']);
  assert.equal(answer.body.stripe_event_id, id);
  assert.equal(answer.body.event_type, 'charge.succeeded');
  assert.equal(answer.body.status, 'received');
  assert.deepEqual(await stored(id), [
    { status: 'received', error: null, object_type: 'charge', object_id: 'ch_1', jobs: 1 },
  ]);
});

test('nothing of the object but its id and type is stored or logged', async () => {
  const { body } = event();
  await post(body);
  const { rows } = await world.pool.query(
    `SELECT stripe_events::text AS row FROM stripe_events
     UNION ALL SELECT payload::text FROM graphile_worker._private_jobs`,
  );
  assert.ok(rows.length > 0);
  assert.doesNotMatch(JSON.stringify(rows), /jenny/);
  assert.doesNotMatch(world.logged.join(''), /jenny/);
});

test('an event that comes again is answered 200 as a duplicate of the one that is stored', async () => {
  const { id, body } = event();
  const first = await post(body);
  const second = await post(body);
  assert.deepEqual([second.status, second.body.status], [200, 'duplicate']);
  assert.equal(second.body.event_id, first.body.event_id);
  assert.equal((await stored(id)).length, 1);
});

test('one event delivered many times at the same moment is one row, one job, and 200 each time', async () => {
  const { id, body } = event();
  const answers = await Promise.all(Array.from({ length: 20 }, () => post(body)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal(answers.filter((answer) => answer.body.status === 'received').length, 1);
  assert.equal(answers.filter((answer) => answer.body.status === 'duplicate').length, 19);
  assert.equal(new Set(answers.map((answer) => answer.body.event_id)).size, 1);
  assert.deepEqual(
    (await stored(id)).map(({ jobs }) => jobs),
    [1],
  );
});

test('any content type is taken, and none, since the bytes are what is signed', async () => {
  for (const contentType of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/vnd.x+json',
    null,
  ]) {
    const { body } = event();
    assert.equal((await post(body, sign(body), contentType)).status, 200, String(contentType));
  }
});

test('either of the configured secrets is taken, so that one can replace the other', async () => {
  const { body } = event();
  assert.equal((await post(body, sign(body, { secret: 'whsec_of_another_endpoint' }))).status, 200);
  const other = event();
  const both = `${sign(other.body, { secret: 'whsec_unknown' })},${sign(other.body).split(',')[1]}`;
  assert.equal((await post(other.body, both)).status, 200);
});

const unsigned: [name: string, make: (body: string) => [body: string, signature: string | null]][] = [
  ['unsigned', (body) => [body, null]],
  ['with an empty signature', (body) => [body, '']],
  ['with a signature that is none', (body) => [body, 'hello']],
  ['with a time and no signature', (body) => [body, 't=1700000000']],
  ['signed for another secret', (body) => [body, sign(body, { secret: 'whsec_of_somebody_else' })]],
  ['signed more than 300 s ago', (body) => [body, sign(body, { age_s: 301 })]],
  ['signed with a time that is none', (body) => [body, sign(body).replace(/t=\d+/, 't=soon')]],
  ['truncated', (body) => [body.slice(0, -20), sign(body)]],
  ['changed by one byte', (body) => [body.replace('ch_1', 'ch_2'), sign(body)]],
  ['empty', (body) => ['', sign(body)]],
];
for (const [name, make] of unsigned) {
  test(`an event that is ${name} is refused with 401 and not stored`, async () => {
    const { id, body } = event();
    const answer = await post(...make(body));
    assert.equal(answer.status, 401);
    assert.deepEqual(Object.keys(answer.body), ['error', 'message']);
    assert.equal(answer.body.error, 'unauthenticated');
    assert.deepEqual(await stored(id), []);
  });
}

test('an event signed just under 300 s ago is taken', async () => {
  const { body } = event();
  assert.equal((await post(body, sign(body, { age_s: 295 }))).status, 200);
});

const notEvents: [name: string, body: string][] = [
  ['text', 'hello'],
  ['truncated before it was signed', '{"id": "evt_x", "object": "event"'],
  ['null', 'null'],
  ['a number', '42'],
  ['a list', '[]'],
  ['an empty object', '{}'],
  ['another object of Stripe', '{"id": "ch_1", "object": "charge", "created": 1, "livemode": false}'],
  ['an event without an object', event({ data: {} }).body],
  ['an event whose id is no id', event({ id: { $gt: '' } }).body],
  ['an event whose id has a NUL', event({ id: 'evt_\u0000' }).body],
  ['an event whose id is too long', event({ id: `evt_${'x'.repeat(300)}` }).body],
  ['an event whose time is no time', event({ created: 'yesterday' }).body],
  ['an event whose time is beyond all calendars', event({ created: 1e18 }).body],
  ['an event of no mode', event({ livemode: 'no' }).body],
  ['a thin event of API v2', '{"id": "evt_x", "object": "v2.core.event", "type": "v1.billing.meter.error"}'],
];
for (const [name, body] of notEvents) {
  test(`a signed body that is ${name} is refused with 400`, async () => {
    const before = await world.pool.query('SELECT count(*) AS events FROM stripe_events');
    const answer = await post(body);
    assert.equal(answer.status, 400);
    assert.deepEqual(
      [Object.keys(answer.body), answer.body.error],
      [['error', 'message'], 'validation_error'],
    );
    const after = await world.pool.query('SELECT count(*) AS events FROM stripe_events');
    assert.deepEqual(after.rows, before.rows);
  });
}

test('a body of more than 1 MiB is refused with 413, signed or not', async () => {
  const { id, body } = event({ padding: 'x'.repeat(1024 * 1024) });
  const answer = await post(body);
  assert.deepEqual([answer.status, answer.body.error], [413, 'payload_too_large']);
  assert.deepEqual(await stored(id), []);
});

test('a body of nearly 1 MiB is taken', async () => {
  const { body } = event({ padding: 'x'.repeat(1024 * 1000) });
  assert.equal((await post(body)).status, 200);
});

test('a type that says nothing about payments is answered 200 and stored as ignored, without a job', async () => {
  const types: [type: string, object: Record<string, unknown>][] = [
    ['customer.created', { object: 'customer', id: 'cus_1' }],
    ['a.type.that.stripe.invents.tomorrow', { object: 'something', id: 'x_1' }],
    ['review.opened', { object: 'review', id: 'prv_1' }],
    ['balance.available', { object: 'balance' }],
    ['charge.something_new', { object: 'something', id: 'x_1' }],
    ['charge.succeeded', { object: 'charge' }],
  ];
  for (const [type, object] of types) {
    const { id, body } = event({ type, data: { object } });
    const answer = await post(body);
    assert.deepEqual([answer.status, answer.body.status], [200, 'ignored'], type);
    assert.deepEqual(
      (await stored(id)).map(({ status, jobs }) => [status, jobs]),
      [['ignored', 0]],
      type,
    );
  }
});

test('an event of a connected account or of the other mode goes to the shelf, without a job', async () => {
  for (const [overrides, code] of [
    [{ account: 'acct_1' }, 'connected_account'],
    [{ livemode: true }, 'other_mode'],
  ] as const) {
    const { id, body } = event(overrides);
    const answer = await post(body);
    assert.deepEqual([answer.status, answer.body.status], [200, 'unmatched']);
    const [row] = await stored(id);
    assert.deepEqual([row?.status, row?.jobs], ['unmatched', 0]);
    assert.match(row?.error, new RegExp(`^${code}: \\w.*\\.$`));
  }
});

test('a hundred events that come at once are each answered long before Stripe gives up, which is after ten seconds', async () => {
  const slowest = await Promise.all(
    Array.from({ length: 100 }, async () => {
      const { body } = event();
      const started = performance.now();
      assert.equal((await post(body)).status, 200);
      return performance.now() - started;
    }),
  );
  assert.ok(Math.max(...slowest) < 5_000, `the slowest took ${Math.max(...slowest)} ms`);
});

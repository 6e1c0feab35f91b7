import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signatureHeader } from './delivery.ts';
import { pay, receiver, refusal, start } from './testing.ts';

const DAY_S = 86_400;

test('events are delivered signed, with the secret that only the creation shows', async (t) => {
  const { standIn, stripe } = await start(t);
  const inbox = await receiver(t);
  const endpoint = await stripe.webhookEndpoints.create({ url: inbox.url, enabled_events: ['*'] });
  assert.match(endpoint.secret ?? '', /^whsec_[0-9A-Za-z]{32}$/);
  assert.equal((await stripe.webhookEndpoints.retrieve(endpoint.id)).secret, undefined);
  const customer = await stripe.customers.create({}, { idempotencyKey: 'key-of-the-call' });
  await standIn.deliverer.idle();
  const [one] = inbox.received;
  assert.ok(one !== undefined);
  const event = stripe.webhooks.constructEvent(one.body, one.signature, endpoint.secret ?? '');
  assert.ok(event.type === 'customer.created');
  assert.equal(event.data.object.id, customer.id);
  assert.equal(event.pending_webhooks, 1);
  assert.deepEqual(event.request, {
    id: customer.lastResponse.requestId,
    idempotency_key: 'key-of-the-call',
  });
  assert.throws(() => stripe.webhooks.constructEvent(`${one.body} `, one.signature, endpoint.secret ?? ''));
  assert.equal((await stripe.events.retrieve(event.id)).pending_webhooks, 0);
});

test('the signature carries real time even when the clock is elsewhere', async (t) => {
  const { standIn, stripe, control } = await start(t);
  const inbox = await receiver(t);
  const endpoint = await stripe.webhookEndpoints.create({
    url: inbox.url,
    enabled_events: ['customer.created'],
  });
  await control('POST', '/clock', { now: 1_700_000_000 });
  await stripe.customers.create();
  await standIn.deliverer.idle();
  const [one] = inbox.received;
  assert.ok(one !== undefined);
  const event = stripe.webhooks.constructEvent(one.body, one.signature, endpoint.secret ?? '', 300);
  assert.equal(event.created, 1_700_000_000);
});

test('a signature is what the SDK makes of the same body, secret and time', async (t) => {
  const { stripe } = await start(t);
  const body = '{"id":"evt_1"}';
  const theirs = stripe.webhooks.generateTestHeaderString({
    payload: body,
    secret: 'whsec_a',
    timestamp: 1_700_000_000,
  });
  assert.equal(signatureHeader(body, ['whsec_a'], 1_700_000_000), theirs);
});

test('an endpoint gets only the events that it asked for, while it is enabled', async (t) => {
  const { standIn, stripe } = await start(t);
  const refunds = await receiver(t);
  const endpoint = await stripe.webhookEndpoints.create({
    url: refunds.url,
    enabled_events: ['refund.created', 'charge.refunded'],
  });
  const { charge } = await pay(stripe);
  await stripe.refunds.create({ charge, amount: 100 });
  await standIn.deliverer.idle();
  assert.deepEqual(refunds.types().sort(), ['charge.refunded', 'refund.created']);
  await stripe.webhookEndpoints.update(endpoint.id, { disabled: true });
  await stripe.refunds.create({ charge, amount: 100 });
  await standIn.deliverer.idle();
  assert.equal(refunds.received.length, 2);
  await stripe.webhookEndpoints.update(endpoint.id, { disabled: false, enabled_events: ['refund.created'] });
  await stripe.refunds.create({ charge, amount: 100 });
  await standIn.deliverer.idle();
  assert.equal(refunds.received.length, 3);
  assert.deepEqual(
    (await stripe.webhookEndpoints.list()).data.map((one) => one.id),
    [endpoint.id],
  );
  assert.equal((await stripe.webhookEndpoints.del(endpoint.id)).deleted, true);
  assert.equal((await refusal(stripe.webhookEndpoints.retrieve(endpoint.id))).statusCode, 404);
});

test('events from before there was an endpoint are never delivered', async (t) => {
  const { standIn, stripe } = await start(t);
  const inbox = await receiver(t);
  await stripe.customers.create();
  await stripe.webhookEndpoints.create({ url: inbox.url, enabled_events: ['*'] });
  await standIn.deliverer.idle();
  assert.equal(inbox.received.length, 0);
});

test('a delivery that is refused is tried again with growing waits until it is taken', async (t) => {
  const { standIn, stripe, control } = await start(t);
  const inbox = await receiver(t, (count) => (count <= 3 ? 500 : 200));
  await stripe.webhookEndpoints.create({ url: inbox.url, enabled_events: ['customer.created'] });
  await stripe.customers.create();
  await standIn.deliverer.idle();
  assert.equal(inbox.received.length, 1);
  const [event] = (await stripe.events.list({ type: 'customer.created' })).data;
  assert.equal(event?.pending_webhooks, 1);
  assert.equal((await stripe.events.list({ delivery_success: false })).data.length, 1);
  for (const [wait, count] of [
    [4, 1],
    [1, 2],
    [29, 2],
    [1, 3],
    [120, 4],
  ] as const) {
    await control('POST', '/clock', { advance: wait });
    assert.equal(inbox.received.length, count, `after ${wait} s more`);
  }
  const { data } = (await control('GET', '/deliveries')) as {
    data: { status: string; attempts: number; last_status: number }[];
  };
  assert.deepEqual(
    data.map((one) => [one.status, one.attempts, one.last_status]),
    [['succeeded', 4, 200]],
  );
  assert.equal(new Set(inbox.received.map((one) => one.event.id)).size, 1);
  assert.equal(
    (await stripe.events.list({ delivery_success: true, type: 'customer.created' })).data.length,
    1,
  );
});

test('after three days a delivery is given up, and can be sent again by hand', async (t) => {
  const { standIn, stripe, control } = await start(t);
  let works = false;
  const inbox = await receiver(t, () => (works ? 200 : 503));
  await stripe.webhookEndpoints.create({ url: inbox.url, enabled_events: ['customer.created'] });
  await stripe.customers.create();
  await standIn.deliverer.idle();
  await control('POST', '/clock', { advance: 3 * DAY_S });
  const tries = inbox.received.length;
  assert.ok(tries > 8, `${tries} attempts`);
  await control('POST', '/clock', { advance: 7 * DAY_S });
  assert.equal(inbox.received.length, tries);
  const { data } = (await control('GET', '/deliveries?status=failed')) as { data: { event: string }[] };
  assert.equal(data.length, 1);
  works = true;
  assert.deepEqual(await control('POST', `/events/${data[0]?.event}/redeliver`), { deliveries: 1 });
  assert.equal(inbox.received.length, tries + 1);
});

test('a receiver that does not answer in time counts as failed', async (t) => {
  const { standIn, stripe, control } = await start(t, { webhooks: { timeout_ms: 50 } });
  const inbox = await receiver(t, (count) => (count === 1 ? 0 : 200));
  await stripe.webhookEndpoints.create({ url: inbox.url, enabled_events: ['customer.created'] });
  await stripe.customers.create();
  await standIn.deliverer.idle();
  const { data } = (await control('GET', '/deliveries')) as { data: { last_error: string }[] };
  assert.equal(data[0]?.last_error, 'no answer within 50 ms');
  await control('POST', '/clock', { advance: 5 });
  assert.equal(inbox.received.length, 2);
});

test('while a secret rotates, both sign; afterwards only the new one', async (t) => {
  const { standIn, stripe, control } = await start(t);
  const inbox = await receiver(t);
  const endpoint = await stripe.webhookEndpoints.create({
    url: inbox.url,
    enabled_events: ['customer.created'],
  });
  const { secret } = await control('POST', `/webhook_endpoints/${endpoint.id}/roll`, {
    old_expires_in: 3_600,
  });
  await stripe.customers.create();
  await standIn.deliverer.idle();
  const [during] = inbox.received;
  assert.ok(during !== undefined);
  assert.equal(during.signature.match(/v1=/g)?.length, 2);
  for (const one of [String(secret), endpoint.secret ?? ''])
    assert.ok(stripe.webhooks.constructEvent(during.body, during.signature, one));
  await control('POST', '/clock', { advance: 3_600 });
  await stripe.customers.create();
  await standIn.deliverer.idle();
  const after = inbox.received[1];
  assert.ok(after !== undefined);
  assert.ok(stripe.webhooks.constructEvent(after.body, after.signature, String(secret)));
  assert.throws(() => stripe.webhooks.constructEvent(after.body, after.signature, endpoint.secret ?? ''));
});

test('a lost webhook never comes; its event can still be read', async (t) => {
  const { standIn, stripe, control } = await start(t);
  const inbox = await receiver(t);
  await stripe.webhookEndpoints.create({ url: inbox.url, enabled_events: ['customer.created'] });
  await control('POST', '/webhook_faults', { kind: 'lost', times: 1 });
  const lost = await stripe.customers.create();
  const found = await stripe.customers.create();
  await standIn.deliverer.idle();
  await control('POST', '/clock', { advance: 4 * DAY_S });
  const ids = inbox.received.map(({ event }) => event.type === 'customer.created' && event.data.object.id);
  assert.deepEqual(ids, [found.id]);
  const missed = await stripe.events.list({ delivery_success: false });
  assert.deepEqual(
    missed.data.map((event) => event.type === 'customer.created' && event.data.object.id),
    [lost.id],
  );
});

test('a doubled webhook comes twice with the same event', async (t) => {
  const { standIn, stripe, control } = await start(t);
  const inbox = await receiver(t);
  await stripe.webhookEndpoints.create({ url: inbox.url, enabled_events: ['customer.created'] });
  await control('POST', '/webhook_faults', { kind: 'doubled', types: ['customer.created'] });
  await stripe.customers.create();
  await standIn.deliverer.idle();
  assert.equal(inbox.received.length, 2);
  assert.equal(new Set(inbox.received.map((one) => one.event.id)).size, 1);
});

test('a delayed webhook comes when the clock has gone that far', async (t) => {
  const { standIn, stripe, control } = await start(t);
  const inbox = await receiver(t);
  await stripe.webhookEndpoints.create({ url: inbox.url, enabled_events: ['customer.created'] });
  await control('POST', '/webhook_faults', { kind: 'delayed', delay_ms: 60_000 });
  await stripe.customers.create();
  await standIn.deliverer.idle();
  await control('POST', '/clock', { advance: 59 });
  assert.equal(inbox.received.length, 0);
  await control('POST', '/clock', { advance: 1 });
  assert.equal(inbox.received.length, 1);
});

test('reordered webhooks all come, in another order than they happened', async (t) => {
  const { standIn, stripe, control } = await start(t);
  const inbox = await receiver(t);
  await stripe.webhookEndpoints.create({ url: inbox.url, enabled_events: ['customer.created'] });
  await control('POST', '/webhook_faults', { kind: 'reordered', window: 4 });
  const made: string[] = [];
  for (let index = 0; index < 4; index += 1) made.push((await stripe.customers.create()).id);
  await standIn.deliverer.idle();
  const got = inbox.received.map(({ event }) =>
    event.type === 'customer.created' ? event.data.object.id : '',
  );
  assert.deepEqual([...got].sort(), [...made].sort());
  assert.notDeepEqual(got, made);
});

test('an endpoint needs an address with a scheme and the events that it wants', async (t) => {
  const { stripe } = await start(t);
  const scheme = await refusal(stripe.webhookEndpoints.create({ url: 'example.com', enabled_events: ['*'] }));
  assert.deepEqual([scheme.code, scheme.param], ['url_invalid', 'url']);
  const port = await refusal(stripe.webhookEndpoints.create({ url: 'http://a:b:c/', enabled_events: ['*'] }));
  assert.equal(port.code, 'url_invalid');
});

test('events are listed by type, by types and by time, and end after 30 days', async (t) => {
  const { stripe, control } = await start(t);
  const { charge } = await pay(stripe);
  await control('POST', '/clock', { advance: 29 * DAY_S });
  await stripe.refunds.create({ charge, amount: 100 });
  const types = async (params: Parameters<typeof stripe.events.list>[0]) =>
    (await stripe.events.list(params)).data.map((event) => event.type);
  assert.deepEqual(await types({ type: 'charge.*' }), ['charge.refunded', 'charge.succeeded']);
  assert.deepEqual(await types({ types: ['refund.created', 'charge.succeeded'] }), [
    'refund.created',
    'charge.succeeded',
  ]);
  const [old] = (await stripe.events.list({ type: 'charge.succeeded' })).data;
  assert.ok(old !== undefined);
  await control('POST', '/clock', { advance: 2 * DAY_S });
  assert.deepEqual(await types({ types: ['refund.created', 'charge.succeeded'] }), ['refund.created']);
  assert.equal((await refusal(stripe.events.retrieve(old.id))).statusCode, 404);
});

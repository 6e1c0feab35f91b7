import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { idOf } from '../../../local/stripe/resources/charges.ts';
import { openDispute, setDisputeStatus } from '../../../local/stripe/resources/disputes.ts';
import { createPaymentIntent } from '../../../local/stripe/resources/payment_intents.ts';
import { createRefund } from '../../../local/stripe/resources/refunds.ts';
import { countTraces } from '../../../test/support/books.ts';
import {
  type AnswerBody,
  type Caller,
  type IssuingWorld,
  type Reply,
  startIssuing,
} from '../../../test/support/issuing.ts';
import { makePayment } from '../../../test/support/make.ts';

let world: IssuingWorld;
let agent: Caller;
let service: Caller;

before(async () => {
  world = await startIssuing();
  agent = await world.caller({ as: 'agent' });
  service = await world.caller({ scope: 'admin:refunds write:refunds' });
});
after(() => world[Symbol.asyncDispose]());

test('a refund is made at Stripe, and answered as the page says, with what Stripe has made of it', async () => {
  const paid = await world.pay();
  const { payment_id, charge_id } = paid;
  const { status, body } = await agent.post('/v1/admin/refunds', {
    charge_id,
    amount_cents: 2_500,
    reason: 'duplicate',
  });
  const [made] = world.refundsAtStripe(paid);
  assert.equal(status, 201);
  assert.deepEqual(body, {
    refund_id: body.refund_id,
    payment_id,
    charge_id,
    amount_cents: 2_500,
    status: 'succeeded',
    stripe_refund_id: made?.id,
  });
  assert.equal(made?.amount, 2_500);
  assert.equal(made?.reason, 'duplicate');
  assert.deepEqual(made?.metadata, { refund_id: body.refund_id });
});

test('an amount that is left out is all that is left, and after that nothing is', async () => {
  const paid = await world.pay({ amount_cents: 5_800, currency: 'jpy' });
  const { payment_id } = paid;
  const first = await service.post('/v1/refunds', { payment_id, amount_cents: 800 });
  assert.deepEqual(
    [first.status, Object.keys(first.body)],
    [201, ['refund_id', 'payment_id', 'amount_cents', 'status']],
  );
  const rest = await service.post('/v1/admin/refunds', { payment_id, full: true });
  assert.deepEqual([rest.status, rest.body.amount_cents], [201, 5_000]);
  const more = await service.post('/v1/admin/refunds', { payment_id, amount_cents: 1 });
  assert.deepEqual(
    [more.status, more.body],
    [
      409,
      { error: 'conflict', message: 'The payment has already been refunded in full.', refundable_cents: 0 },
    ],
  );
  assert.equal(world.refundsAtStripe(paid).length, 2);
});

test('an answer has what its operation declares and nothing else, also where the whole refund is told', async () => {
  const { payment_id } = await world.pay();
  const { body } = await service.post('/v1/admin/refunds', { payment_id, amount_cents: 100 });
  const synced = await service.post(`/v1/admin/refunds/${body.refund_id}/sync`);
  const read = await service.get(`/v1/admin/refunds/${body.refund_id}`);
  assert.equal(synced.status, 200);
  assert.equal(synced.text, read.text);
  assert.ok(!('recover_at' in synced.body) && !('brand_id' in synced.body));
});

/** An error's body is a code, a sentence, and what the caller needs besides. */
function assertRefused(
  { status, body }: Reply<AnswerBody>,
  expected: { status: number; error: string; message: RegExp } & Partial<
    Pick<AnswerBody, 'field' | 'refundable_cents' | 'refund_id'>
  >,
) {
  const { message, error: _, ...rest } = body;
  const { status: code, error, message: sentence, ...facts } = expected;
  assert.deepEqual([status, body.error, rest], [code, error, facts]);
  assert.match(message, sentence);
  assert.match(message, /^[A-Z0-9].*\.$/);
}

test('more than is left is refused with what is left, and nothing is written', async () => {
  const { payment_id } = await world.pay({ amount_cents: 5_000 });
  const before = await countTraces(world.pool);
  assertRefused(await service.post('/v1/refunds', { payment_id, amount_cents: 5_001 }), {
    status: 409,
    error: 'conflict',
    field: 'amount_cents',
    message: /^50\.01 USD is more than what is left to refund: 50\.00 USD\.$/,
    refundable_cents: 5_000,
  });
  assert.deepEqual(await countTraces(world.pool), before);
});

test('amounts are told in the decimals of their currency: a yen has none', async () => {
  const { payment_id } = await world.pay({ amount_cents: 5_800, currency: 'jpy' });
  const { body } = await service.post('/v1/refunds', { payment_id, amount_cents: 9_000 });
  assert.equal(body.message, '9000 JPY is more than what is left to refund: 5800 JPY.');
});

test('what is on its way is not left, and a refusal says how much that is', async () => {
  const { payment_id } = await world.pay({ amount_cents: 6_605 });
  const first = await service.post('/v1/admin/refunds', { payment_id });
  assert.deepEqual([first.status, first.body.status], [201, 'pending']);
  assertRefused(await service.post('/v1/refunds', { payment_id, amount_cents: 1 }), {
    status: 409,
    error: 'conflict',
    message: /^Nothing is left to refund: 0\.00 USD has been refunded, and 66\.05 USD is on its way\.$/,
    refundable_cents: 0,
  });
});

test('a payment of another brand, or one that is not there, is not found, and neither writes anything but the key', async () => {
  const { payment_id, charge_id } = await world.pay();
  const stranger = await world.caller({ scope: 'admin:refunds write:refunds', brand: 'another' });
  const before = await countTraces(world.pool);
  for (const [body, field] of [
    [{ payment_id }, 'payment_id'],
    [{ payment_id: 'payment_01kar2jz4eexs8wx0kgmh1xb5p' }, 'payment_id'],
  ] as const) {
    assertRefused(
      await stranger.post('/v1/refunds', body, { 'idempotency-key': `stranger-${body.payment_id}` }),
      {
        status: 404,
        error: 'not_found',
        message: /^There is no such payment\.$/,
        field,
      },
    );
  }
  for (const charge of [charge_id, 'ch_unknown_to_everybody']) {
    assertRefused(await stranger.post('/v1/admin/refunds', { charge_id: charge }), {
      status: 404,
      error: 'not_found',
      message: /^There is no such charge\.$/,
      field: 'charge_id',
    });
  }
  assert.deepEqual(await countTraces(world.pool), before);
});

test('a charge that only Stripe knows yet is asked for and refunded', async () => {
  const { intent } = createPaymentIntent(world.standIn.world, {
    amount: 4_000,
    currency: 'eur',
    payment_method: 'pm_card_visa',
    confirm: true,
    metadata: { customer_id: 'early' },
  });
  const charge_id = idOf(intent.latest_charge) ?? '';
  const answer = await agent.post('/v1/admin/refunds', { charge_id }, { 'idempotency-key': 'early' });
  assert.deepEqual([answer.status, answer.body.amount_cents], [201, 4_000]);
  assert.equal(world.refundsAtStripe({ payment_intent_id: intent.id }).length, 1);
});

for (const status of ['requires_capture', 'failed', 'canceled', 'processing']) {
  test(`a payment that is ${status} is refused as what it is`, async () => {
    const { payment } = await makePayment(world.pool, { status, captured_cents: 0 });
    assertRefused(await service.post('/v1/refunds', { payment_id: payment.payment_id }), {
      status: 412,
      error: 'precondition_failed',
      message: new RegExp(
        `only a payment that has succeeded can be refunded; this one is ${status.replace('_', ' ')}`,
        'i',
      ),
    });
  });
}

test('a disputed payment is refused with the reason; an inquiry does not stand against a refund', async () => {
  const disputed = await makePayment(world.pool, { disputes: [{ status: 'needs_response' }] });
  assertRefused(await service.post('/v1/refunds', { payment_id: disputed.payment.payment_id }), {
    status: 412,
    error: 'precondition_failed',
    message: /disputed \(needs response\).*pay the customer twice/,
  });
  const asked = await world.pay();
  openDispute(world.standIn.world, { charge: asked.charge_id, inquiry: true });
  await world.deps.provider.refreshPayment(
    { stripe_payment_intent_id: asked.payment_intent_id, stripe_charge_id: asked.charge_id },
    'test',
  );
  assert.equal((await service.post('/v1/refunds', { payment_id: asked.payment_id })).status, 201);
});

test('a dispute that only Stripe knows of is its refusal in words, and after that the books know it', async () => {
  const paid = await world.pay();
  const dispute = openDispute(world.standIn.world, { charge: paid.charge_id });
  const refused = await agent.post('/v1/admin/refunds', { charge_id: paid.charge_id, amount_cents: 500 });
  assertRefused(refused, {
    status: 412,
    error: 'precondition_failed',
    message: /^Stripe refused the refund: .*(charged back|disputed)/,
    refund_id: refused.body.refund_id,
  });
  const { rows } = await world.pool.query('SELECT status FROM disputes WHERE stripe_dispute_id = $1', [
    dispute.id,
  ]);
  assert.deepEqual(rows, [{ status: 'needs_response' }]);
  // From now on it is refused without anything being written.
  const again = await agent.post('/v1/admin/refunds', { charge_id: paid.charge_id, amount_cents: 500 });
  assert.deepEqual([again.status, again.body.refund_id], [412, undefined]);
  setDisputeStatus(world.standIn.world, dispute.id, 'won');
});

test('a refund made in the dashboard, of which the books do not know, cannot be refunded on top of: afterwards they know it', async () => {
  const paid = await world.pay({ amount_cents: 10_000 });
  createRefund(world.standIn.world, { charge: paid.charge_id, amount: 8_000 });
  const refused = await service.post('/v1/admin/refunds', {
    payment_id: paid.payment_id,
    amount_cents: 5_000,
  });
  assertRefused(refused, {
    status: 409,
    error: 'conflict',
    message: /^Stripe refused the refund: .*greater than unrefunded amount/i,
    refund_id: refused.body.refund_id,
  });
  const again = await service.post('/v1/admin/refunds', { payment_id: paid.payment_id, amount_cents: 5_000 });
  assert.deepEqual([again.status, again.body.refundable_cents], [409, 2_000]);
  const row = await world.row(refused.body.refund_id);
  assert.deepEqual([row.status, row.counted_cents, row.owed_cents], ['failed', 0, 0]);
});

test('a payment that was refunded in full in the dashboard is a conflict, not a failure of ours', async () => {
  const paid = await world.pay();
  createRefund(world.standIn.world, { charge: paid.charge_id });
  const refused = await service.post('/v1/refunds', { payment_id: paid.payment_id });
  assert.deepEqual([refused.status, refused.body.error], [409, 'conflict']);
  const again = await service.post('/v1/refunds', { payment_id: paid.payment_id });
  assert.equal(again.body.message, 'The payment has already been refunded in full.');
});

for (const [amount, status, error, message] of [
  [6_602, 502, 'upstream_failed', /^The refund failed: /],
  [6_607, 502, 'upstream_failed', /^Stripe refused the refund: .*balance/i],
  [6_608, 412, 'precondition_failed', /^Stripe refused the refund: /],
] as const) {
  test(`a refund of ${amount} at the stand-in, which it refuses, is ${status} with its reason, and holds nothing after`, async () => {
    const { payment_id } = await world.pay();
    const refused = await service.post('/v1/refunds', { payment_id, amount_cents: amount });
    assertRefused(refused, { status, error, message, refund_id: refused.body.refund_id });
    const { status: ended, owed_cents, recover_at } = await world.row(refused.body.refund_id);
    assert.deepEqual([ended, owed_cents, recover_at], ['failed', 0, null]);
    const other = await service.post('/v1/refunds', { payment_id });
    assert.deepEqual([other.status, other.body.amount_cents], [201, 10_000]);
  });
}

test('the same amount of a payment again without a key is taken for a double click; a key of its own means it', async () => {
  const { payment_id } = await world.pay();
  const body = { payment_id, amount_cents: 1_000 };
  const first = await service.post('/v1/refunds', body);
  assertRefused(await service.post('/v1/refunds', body), {
    status: 409,
    error: 'conflict',
    field: 'Idempotency-Key',
    message:
      /^A refund of 10\.00 USD of this payment was asked for less than five minutes ago\. .*Idempotency-Key of its own\.$/,
    refund_id: first.body.refund_id,
    refundable_cents: 9_000,
  });
  assert.equal((await service.post('/v1/refunds', { ...body, amount_cents: 1_001 })).status, 201);
  const meant = await service.post('/v1/refunds', body, {
    'idempotency-key': 'another-one',
  });
  assert.equal(meant.status, 201);
  assert.notEqual(meant.body.refund_id, first.body.refund_id);
});

test('a repeat of a full refund is told that it is a repeat only where it names the amount', async () => {
  const { payment_id } = await world.pay();
  const first = await service.post('/v1/refunds', { payment_id, amount_cents: 10_000 });
  const repeated = await service.post('/v1/refunds', { payment_id, amount_cents: 10_000 });
  assert.deepEqual([repeated.status, repeated.body.refund_id], [409, first.body.refund_id]);
});

test('after five minutes, or where the first has failed, the same amount may be asked for again without a key', async () => {
  const { payment_id } = await world.pay({ amount_cents: 20_000 });
  await service.post('/v1/refunds', { payment_id, amount_cents: 6_607 });
  assert.equal((await service.post('/v1/refunds', { payment_id, amount_cents: 6_607 })).status, 502);
  const first = await service.post('/v1/refunds', { payment_id, amount_cents: 100 });
  await world.pool.query(
    "UPDATE refunds SET created_at = created_at - interval '301 seconds' WHERE refund_id = $1",
    [first.body.refund_id],
  );
  assert.equal((await service.post('/v1/refunds', { payment_id, amount_cents: 100 })).status, 201);
});

test('whoever says what they take to be left is refused where that has changed', async () => {
  const { payment_id } = await world.pay();
  await service.post('/v1/refunds', { payment_id, amount_cents: 4_000 });
  const body = { payment_id, amount_cents: 1_000, expected_refundable_cents: 10_000 };
  assertRefused(await service.post('/v1/admin/refunds', body), {
    status: 412,
    error: 'precondition_failed',
    field: 'expected_refundable_cents',
    message: /^What is left to refund has changed: it is 60\.00 USD\.$/,
    refundable_cents: 6_000,
  });
  const right = await service.post('/v1/admin/refunds', { ...body, expected_refundable_cents: 6_000 });
  assert.equal(right.status, 201);
});

test('what Stripe is told of a reason is what the table says: nothing of free text, and fraudulent only where it was picked', async () => {
  for (const [reason, told] of [
    ['fraudulent', 'fraudulent'],
    ['Fraudulent', null],
    ['fraudulent card, says the customer', null],
    ['defective', 'requested_by_customer'],
    ['goodwill', null],
    ['has had an operation', null],
    [null, null],
  ] as const) {
    const paid = await world.pay();
    const { body, status } = await agent.post('/v1/admin/refunds', { charge_id: paid.charge_id, reason });
    assert.equal(status, 201);
    const [made] = world.refundsAtStripe(paid);
    assert.equal(made?.reason, told, String(reason));
    assert.deepEqual(made?.metadata, { refund_id: body.refund_id });
    assert.equal((await world.row(body.refund_id)).reason, reason);
  }
});

test('a note and a free-text reason are in the refund and nowhere else: not at Stripe, in the audit log, the events or the logs', async () => {
  const paid = await world.pay();
  const secrets = { reason: 'allergic to walnuts', note: 'called about the hazelnuts' };
  const { body } = await agent.post(
    '/v1/admin/refunds',
    { charge_id: paid.charge_id, ...secrets },
    { 'idempotency-key': 'nuts' },
  );
  const detail = await agent.get<{ reason: string; note: string }>(`/v1/admin/refunds/${body.refund_id}`);
  assert.deepEqual({ reason: detail.body.reason, note: detail.body.note }, secrets);
  const { rows } = await world.pool.query(
    `SELECT (SELECT json_agg(a) FROM audit_log a) AS audit, (SELECT json_agg(o) FROM outbox o) AS events,
            (SELECT json_agg(t) FROM refund_transitions t) AS transitions,
            (SELECT json_agg(k) FROM idempotency_keys k) AS keys`,
  );
  const elsewhere = JSON.stringify([rows, world.refundsAtStripe(paid), world.logged()]);
  assert.ok(elsewhere.includes(body.refund_id));
  assert.doesNotMatch(elsewhere, /walnut|hazelnut/);
});

test('who asked for a refund is written to it, its history and the audit log, with the request', async () => {
  const paid = await world.pay();
  const { body } = await agent.post(
    '/v1/admin/refunds',
    { charge_id: paid.charge_id },
    { 'x-request-id': 'request-of-the-agent' },
  );
  const { rows } = await world.pool.query(
    `SELECT event_type, actor_type, actor_id, request_id FROM audit_log WHERE entity_id = $1 ORDER BY audit_id`,
    [body.refund_id],
  );
  assert.deepEqual(rows[0], {
    event_type: 'refund.requested',
    actor_type: 'user',
    actor_id: 'agent',
    request_id: 'request-of-the-agent',
  });
  const { rows: events } = await world.pool.query(
    'SELECT event_type FROM outbox WHERE entity_id = $1 ORDER BY outbox_id',
    [body.refund_id],
  );
  assert.deepEqual(
    events.map((event) => event.event_type),
    ['refund.requested.v1', 'refund.succeeded.v1'],
  );
});

test('64 callers at once who each want $60 of $100: exactly one gets it, the others are told what is left', async () => {
  const paid = await world.pay();
  const answers = await Promise.all(
    Array.from({ length: 64 }, (_, n) =>
      service.post(
        '/v1/refunds',
        { payment_id: paid.payment_id, amount_cents: 6_000 },
        { 'idempotency-key': `racer-${n}` },
      ),
    ),
  );
  const lost = answers.filter(({ status }) => status !== 201);
  assert.equal(lost.length, 63);
  assert.ok(lost.every(({ status, body }) => status === 409 && body.refundable_cents === 4_000));
  assert.equal(world.refundsAtStripe(paid).length, 1);
});

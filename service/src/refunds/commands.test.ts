import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { countTraces } from '../../../test/support/books.ts';
import {
  type Caller,
  type IssuingWorld,
  type PaidCharge,
  startIssuing,
} from '../../../test/support/issuing.ts';

let world: IssuingWorld;
let service: Caller;
let paid: PaidCharge;

before(async () => {
  world = await startIssuing();
  service = await world.caller({ scope: 'admin:refunds write:refunds' });
  paid = await world.pay();
});
after(() => world[Symbol.asyncDispose]());

/** Bodies are made when the payment is known. */
const CHARGE = '<charge>';
const PAYMENT = '<payment>';
const fill = (body: unknown) =>
  JSON.parse(
    JSON.stringify(body).replaceAll(CHARGE, paid.charge_id).replaceAll(PAYMENT, paid.payment_id),
  ) as unknown;

for (const [path, body, field, message] of [
  ['/v1/admin/refunds', {}, 'charge_id', /charge_id is missing/],
  ['/v1/admin/refunds', { charge_id: '' }, 'charge_id', /charge_id/],
  ['/v1/admin/refunds', { charge_id: null }, 'charge_id', /charge_id/],
  ['/v1/admin/refunds', { charge_id: CHARGE, payment_id: PAYMENT }, 'payment_id', /not beside it/],
  ['/v1/admin/refunds', { charge_id: CHARGE, amount_cents: 0 }, 'amount_cents', /whole number/],
  ['/v1/admin/refunds', { charge_id: CHARGE, amount_cents: -1 }, 'amount_cents', /whole number/],
  ['/v1/admin/refunds', { charge_id: CHARGE, amount_cents: 1.5 }, 'amount_cents', /whole number/],
  ['/v1/admin/refunds', { charge_id: CHARGE, amount_cents: '100' }, 'amount_cents', /whole number/],
  ['/v1/admin/refunds', { charge_id: CHARGE, amount_cents: 1e12 }, 'amount_cents', /whole number/],
  ['/v1/admin/refunds', { charge_id: CHARGE, amount_cents: null }, 'amount_cents', /whole number/],
  ['/v1/admin/refunds', { charge_id: CHARGE, full: true, amount_cents: 100 }, 'full', /without amount_cents/],
  ['/v1/admin/refunds', { charge_id: CHARGE, full: false }, 'amount_cents', /amount_cents is missing/],
  ['/v1/admin/refunds', { charge_id: CHARGE, full: 'yes' }, 'full', /full/],
  ['/v1/admin/refunds', { charge_id: CHARGE, reason: '' }, 'reason', /reason/],
  ['/v1/admin/refunds', { charge_id: CHARGE, reason: 'x'.repeat(501) }, 'reason', /reason/],
  ['/v1/admin/refunds', { charge_id: CHARGE, reason: 'a\u0000b' }, 'reason', /reason/],
  ['/v1/admin/refunds', { charge_id: CHARGE, note: 'x'.repeat(2_001) }, 'note', /note/],
  ['/v1/admin/refunds', { charge_id: CHARGE, note: 'a\u0000b' }, 'note', /note/],
  [
    '/v1/admin/refunds',
    { charge_id: CHARGE, expected_refundable_cents: -1 },
    'expected_refundable_cents',
    /whole number/,
  ],
  ['/v1/admin/refunds', { charge_id: CHARGE, amont_cents: 1 }, 'amont_cents', /amount_cents/],
  ['/v1/refunds', {}, 'payment_id', /payment_id/],
  ['/v1/refunds', { payment_id: '' }, 'payment_id', /payment_id/],
  ['/v1/refunds', { payment_id: PAYMENT, amount_cents: 0 }, 'amount_cents', /whole number/],
  ['/v1/refunds', { payment_id: PAYMENT, charge_id: CHARGE }, 'charge_id', /charge_id/],
  ['/v1/refunds', { payment_id: PAYMENT, note: 'for colleagues' }, 'note', /note/],
  ['/v1/admin/refunds/refund_1/approve', { note: 5 }, 'note', /note/],
  ['/v1/admin/refunds/refund_1/approve', { not: 'x' }, 'not', /note/],
  ['/v1/admin/refunds/refund_1/reject', { note: 'x'.repeat(2_001) }, 'note', /note/],
  ['/v1/admin/refunds/refund_1/cancel', { note: 'x' }, 'note', /note/],
  ['/v1/admin/refunds/refund_1/sync', { force: true }, 'force', /force/],
] as const) {
  test(`POST ${path} ${JSON.stringify(body).slice(0, 90)} is a 422 that names ${field}, and nothing is written`, async () => {
    const before = await countTraces(world.pool);
    const key = { 'idempotency-key': 'invalid' };
    const answer = await service.post(path, fill(body), key);
    assert.deepEqual([answer.status, answer.body.error, answer.body.field], [422, 'validation_error', field]);
    assert.match(answer.body.message, message);
    assert.deepEqual(await countTraces(world.pool), before);
    const { rows } = await world.pool.query(
      "SELECT 1 FROM idempotency_keys WHERE idempotency_key = 'invalid'",
    );
    assert.deepEqual(rows, []);
  });
}

for (const [path, scope] of [
  ['/v1/admin/refunds', 'admin:refunds.read write:refunds'],
  ['/v1/refunds', 'admin:refunds'],
  ['/v1/admin/refunds/refund_1/approve', 'admin:refunds.issue'],
  ['/v1/admin/refunds/refund_1/reject', 'admin:refunds.issue'],
  ['/v1/admin/refunds/refund_1/cancel', 'admin:refunds.read write:refunds'],
  ['/v1/admin/refunds/refund_1/sync', 'admin:refunds.read write:refunds'],
  ['/v1/admin/refunds/refund_1/resolve', 'admin:refunds.read write:refunds'],
] as const) {
  test(`POST ${path} is not for somebody with ${scope}`, async () => {
    const stranger = await world.caller({ scope });
    const { status, body, headers } = await stranger.post(path, fill({ payment_id: PAYMENT }));
    assert.deepEqual([status, body.error], [403, 'insufficient_scope']);
    assert.match(headers.get('www-authenticate') ?? '', /scope="/);
  });
}

for (const verb of ['approve', 'reject', 'cancel', 'sync'] as const) {
  test(`POST /v1/admin/refunds/{refund_id}/${verb} of a refund that is not there is a 404, kept for its key`, async () => {
    const path = `/v1/admin/refunds/refund_01kar2m0v5fhtb3mx9q2z8d4wn/${verb}`;
    const key = { 'idempotency-key': `nothing-to-${verb}` };
    const first = await service.post(path, undefined, key);
    assert.deepEqual([first.status, first.body.message], [404, 'There is no such refund.']);
    assert.equal((await service.post(path, undefined, key)).text, first.text);
  });
}

test('what is left out, null or said in full means all that is left; a note may run over several lines', async () => {
  for (const extra of [
    {},
    { full: true },
    { full: false, amount_cents: 10_000 },
    { reason: null },
    { note: 'one line\nand another' },
    { expected_refundable_cents: 10_000 },
  ]) {
    const { charge_id } = await world.pay();
    const { status, body } = await service.post('/v1/admin/refunds', { charge_id, ...extra });
    assert.deepEqual([status, body.amount_cents], [201, 10_000], JSON.stringify(extra));
  }
});

test('the reasons on offer are a table: in their order, with a sentence each, and what Stripe is told', async () => {
  const agent = await world.caller({ as: 'agent' });
  const { body } = await agent.get<{
    reasons: { code: string; sentence: string; provider_reason: string | null }[];
  }>('/v1/admin/refund-reasons');
  assert.equal(body.reasons[0]?.code, 'requested_by_customer');
  assert.deepEqual(
    body.reasons.filter(({ provider_reason }) => provider_reason === 'fraudulent').map(({ code }) => code),
    ['fraudulent'],
  );
  for (const { sentence } of body.reasons) assert.match(sentence, /^[A-Z].*\.$/);
  await world.pool.query("UPDATE refund_reasons SET retired_at = now() WHERE code = 'goodwill'");
  const after = await agent.get<typeof body>('/v1/admin/refund-reasons');
  assert.ok(!after.body.reasons.some(({ code }) => code === 'goodwill'));
});

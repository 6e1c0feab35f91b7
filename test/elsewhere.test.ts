/**
 * What went wrong in other systems that refund: each a test of what cannot happen here, end to end, over HTTP and with webhooks.
 * The place where it happened is in the name.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { deleteObject } from '../local/stripe/control.ts';
import { emitEvent } from '../local/stripe/events.ts';
import type { FaultRule } from '../local/stripe/faults.ts';
import { idOf } from '../local/stripe/resources/charges.ts';
import { openDispute, setDisputeStatus } from '../local/stripe/resources/disputes.ts';
import { createPaymentIntent } from '../local/stripe/resources/payment_intents.ts';
import {
  createRefund,
  type FailureReason,
  failRefund,
  requireRefund,
  settleRefund,
} from '../local/stripe/resources/refunds.ts';
import { transact } from '../local/stripe/world.ts';
import { recoverDue } from '../service/src/refunds/recover.ts';
import { until } from '../service/src/stripe/test-world.ts';
import { countTraces } from './support/books.ts';
import { type Everywhere, type Fleet, startFleet } from './support/fleet.ts';
import type { AnswerBody, Caller } from './support/issuing.ts';
import {
  amountsOf,
  clickTwice,
  newKey,
  raceForSixty,
  rowsOf,
  tellBeforeAnswering,
} from './support/scenarios.ts';

let fleet: Fleet;
let services: Everywhere;
let service: Caller;
let agent: Caller;
let approver: Caller;

before(async () => {
  fleet = await startFleet({ approvalLimits: { agent: { usd: 5_000 }, approver: { usd: 8_000 } } });
  services = await fleet.callers({ scope: 'admin:refunds write:refunds admin:disputes.read' });
  [service] = services;
  [agent] = await fleet.callers({ as: 'agent' });
  [approver] = await fleet.callers({ as: 'approver' });
});
after(() => fleet[Symbol.asyncDispose]());
afterEach(() => {
  fleet.standIn.faults.clear();
});

interface Detail extends AnswerBody {
  failure_reason: string | null;
  origin: string;
  attention: { owed_cents: number; message: string } | null;
  payment: { refunded_cents: number; reserved_cents: number; refundable_cents: number };
}

const detail = async (refund_id: string) =>
  (await service.get<Detail>(`/v1/admin/refunds/${refund_id}`)).body;
const listed = async (query: string) =>
  (await service.get<{ refunds: AnswerBody[] }>(`/v1/admin/refunds?${query}`)).body.refunds;
const refund = (payment_id: string, amount_cents?: number, caller = service) =>
  caller.post(
    '/v1/admin/refunds',
    { payment_id, ...(amount_cents === undefined ? {} : { amount_cents }) },
    newKey(),
  );
/** What befalls the next refund that is sent to Stripe. */
const befall = (kind: FaultRule['kind']) =>
  fleet.standIn.faults.add({ kind, method: 'POST', route: '/v1/refunds', times: 1 });

test('two concurrent refunds of $60 of a $100 payment cannot both succeed (hyperswitch 13182, eventyay 1405)', async () => {
  for (let round = 0; round < 10; round += 1) await raceForSixty(fleet, services, 2);
});

for (const kind of ['timeout_before', 'timeout_after', 'error_500_before', 'error_500_after'] as const) {
  test(`a refund is not forgotten when Stripe fails, and no new key pays it a second time: ${kind} (medusa 16681)`, async () => {
    const paid = await fleet.pay();
    const untold = fleet.standIn.faults.addWebhook({ kind: 'lost' });
    befall(kind);
    const first = await refund(paid.payment_id);
    assert.deepEqual([first.status, first.body.status, first.body.stripe_refund_id], [202, 'pending', null]);
    const second = await refund(paid.payment_id);
    assert.deepEqual([second.status, second.body.refundable_cents], [409, 0]);
    await fleet.settled();
    fleet.standIn.faults.clear(untold.id);
    const third = await refund(paid.payment_id);
    assert.deepEqual([third.status, third.body.refundable_cents], [409, 0]);
    assert.deepEqual(
      fleet.refundsAtStripe(paid).map(({ amount, metadata }) => [amount, metadata?.refund_id]),
      [[10_000, first.body.refund_id]],
    );
  });
}

test('a webhook that arrives before the answer is stored does not make the refund exist twice (woocommerce-gateway-stripe 838, 2724, 5697; gumroad 6193)', async () => {
  await tellBeforeAnswering(fleet, service);
});

for (const [what, kind, ends] of [
  ['was made', 'error_500_after', 'succeeded'],
  ['was never made', 'error_500_before', 'failed'],
] as const) {
  test(`an old pending refund is not called failed before Stripe has been asked, so nobody refunds again: one that ${what} (OwnPay 222)`, async () => {
    const paid = await fleet.pay();
    const silent = fleet.standIn.faults.add({
      kind: 'error_500_before',
      method: 'GET',
      route: '/v1/refunds',
    });
    const untold = fleet.standIn.faults.addWebhook({ kind: 'lost' });
    befall(kind);
    const { body } = await refund(paid.payment_id);
    await fleet.age(body.refund_id, 40 * 3_600);
    await recoverDue(fleet.deps);
    assert.deepEqual([(await detail(body.refund_id)).status, body.status], ['pending', 'pending']);
    assert.equal((await refund(paid.payment_id)).status, 409);

    fleet.standIn.faults.clear(silent.id);
    fleet.standIn.faults.clear(untold.id);
    await fleet.settled();
    const now = await detail(body.refund_id);
    assert.equal(now.status, ends);
    assert.equal(now.payment.refundable_cents, ends === 'failed' ? 10_000 : 0);
    assert.equal(now.attention?.owed_cents, ends === 'failed' ? 10_000 : undefined);
    assert.equal(fleet.refundsAtStripe(paid).length, ends === 'failed' ? 0 : 1);
  });
}

test('two honest partial refunds of the same amount do not become one (saleor apps 2446)', async () => {
  const paid = await fleet.pay();
  const first = await refund(paid.payment_id, 2_500);
  const second = await refund(paid.payment_id, 2_500);
  assert.deepEqual([first.status, second.status], [201, 201]);
  assert.notEqual(first.body.stripe_refund_id, second.body.stripe_refund_id);
  assert.equal(fleet.refundsAtStripe(paid).length, 2);
});

test('one double click does not make two refunds (coopcycle-web 4608)', async () => {
  await clickTwice(fleet, services);
});

test('no number of steps refunds more than was paid, to the last cent (craftcms commerce 1098, saleor 19645)', async () => {
  const paid = await fleet.pay({ amount_cents: 1_000 });
  for (let step = 0; step < 33; step += 1) assert.equal((await refund(paid.payment_id, 30)).status, 201);
  const over = await refund(paid.payment_id, 30);
  assert.deepEqual([over.status, over.body.refundable_cents], [409, 10]);
  assert.equal((await refund(paid.payment_id, 10)).status, 201);
  assert.deepEqual((await refund(paid.payment_id, 1)).body.refundable_cents, 0);
  assert.equal(
    fleet.refundsAtStripe(paid).reduce((sum, { amount }) => sum + amount, 0),
    1_000,
  );
});

test('$3.99 that is left of $10.00 can be refunded (craftcms commerce 3213, woocommerce 28856)', async () => {
  const paid = await fleet.pay({ amount_cents: 1_000 });
  for (const amount of [110, 220, 271]) assert.equal((await refund(paid.payment_id, amount)).status, 201);
  const rest = await refund(paid.payment_id);
  assert.deepEqual([rest.status, rest.body.amount_cents], [201, 399]);
});

test('no amount below one cent, with decimals or in words is taken for one (saleor-dashboard 4493)', async () => {
  const paid = await fleet.pay();
  for (const amount_cents of [-2_500, 0, 3.99, '399', null, 1e13]) {
    const { status, body } = await service.post('/v1/refunds', {
      payment_id: paid.payment_id,
      amount_cents,
    });
    assert.deepEqual([status, body.field], [422, 'amount_cents'], String(amount_cents));
  }
  assert.deepEqual(await amountsOf(fleet, paid), { refunded: 0, reserved: 0, left: 10_000 });
});

for (const [currency, whole, words] of [
  ['jpy', '5800 JPY', '5799 JPY'],
  ['krw', '5800 KRW', '5799 KRW'],
  ['usd', '58.00 USD', '57.99 USD'],
  ['kwd', '5.800 KWD', '5.799 KWD'],
] as const) {
  test(`an amount in ${currency} is not off by a power of ten: ${whole} is 5800 here and at Stripe (woocommerce-gateway-stripe 435, gumroad 3749)`, async () => {
    const paid = await fleet.pay({ amount_cents: 5_800, currency });
    await refund(paid.payment_id, 1);
    const over = await refund(paid.payment_id, 5_800);
    assert.equal(over.body.message, `${whole} is more than what is left to refund: ${words}.`);
    await refund(paid.payment_id);
    assert.deepEqual(
      fleet.refundsAtStripe(paid).map(({ amount }) => amount),
      [5_799, 1],
    );
  });
}

test('a refund that fails after it had succeeded is not shown as refunded, and what is owed is said (woocommerce-gateway-stripe 4405, 1523; lago)', async () => {
  const paid = await fleet.pay();
  const { body } = await refund(paid.payment_id, 4_000);
  assert.equal(body.status, 'succeeded');
  failRefund(fleet.standIn.world, body.stripe_refund_id ?? '', 'expired_or_canceled_card');
  await fleet.settled();
  const now = await detail(body.refund_id);
  assert.deepEqual(
    [now.status, now.attention?.owed_cents, now.payment.refunded_cents, now.payment.refundable_cents],
    ['failed', 4_000, 0, 10_000],
  );
  const [line] = await listed(`payment_id=${paid.payment_id}`);
  assert.equal(line?.status, 'failed');
  assert.equal((await listed(`payment_id=${paid.payment_id}&needs_attention=true`)).length, 1);
});

test('failed and canceled refunds do not count against what is left (gumroad 5779; vendure 3152, 3670)', async () => {
  const paid = await fleet.pay();
  const refused = await refund(paid.payment_id, 6_607);
  assert.equal(refused.status, 502);
  const waits = await refund(paid.payment_id, 6_604);
  assert.equal((await refund(paid.payment_id, 4_000)).status, 409);
  await service.post(`/v1/admin/refunds/${waits.body.refund_id}/cancel`);
  const bounces = await refund(paid.payment_id, 7_000);
  failRefund(fleet.standIn.world, bounces.body.stripe_refund_id ?? '');
  await fleet.settled();
  assert.deepEqual(await amountsOf(fleet, paid), { refunded: 0, reserved: 0, left: 10_000 });
  const whole = await refund(paid.payment_id);
  assert.deepEqual([whole.status, whole.body.amount_cents], [201, 10_000]);
});

test('a pending refund is not shown as failed, nor as done (commerce-stripe 134)', async () => {
  const paid = await fleet.pay();
  const { status, body } = await refund(paid.payment_id, 6_605);
  assert.deepEqual([status, body.status], [201, 'pending']);
  await fleet.settled();
  const [line] = await listed(`payment_id=${paid.payment_id}`);
  assert.equal(line?.status, 'pending');
  assert.equal((await detail(body.refund_id)).attention, null);
  settleRefund(fleet.standIn.world, body.stripe_refund_id ?? '');
  await fleet.settled();
  assert.equal((await detail(body.refund_id)).status, 'succeeded');
});

test('nothing is pending of which no call is ever made: while nothing is sent, nothing is written (hyperswitch 9622)', async () => {
  await using paused = await startFleet({
    instances: 1,
    sending: { breaks_after: 1, pause_ms: 60_000 },
  });
  const caller = await paused.caller({ scope: 'write:refunds' });
  const [unlucky, paid] = [await paused.pay(), await paused.pay()];
  paused.standIn.faults.add({ kind: 'error_500_before', method: 'POST', route: '/v1/refunds', times: 1 });
  assert.equal((await caller.post('/v1/refunds', { payment_id: unlucky.payment_id })).status, 202);
  const { status, headers } = await caller.post('/v1/refunds', { payment_id: paid.payment_id }, newKey());
  assert.equal(status, 503);
  assert.ok(Number(headers.get('retry-after')) > 0);
  assert.deepEqual(await rowsOf(paused, paid), []);
  // What was written before is sent all the same, by whoever recovers.
  await paused.settled();
  const [row] = await rowsOf(paused, unlucky);
  assert.deepEqual([row?.status, paused.refundsAtStripe(unlucky).length], ['succeeded', 1]);
});

test("Stripe's id of a refund is filled in after a time-out, without anybody asking (hyperswitch 3751)", async () => {
  const paid = await fleet.pay();
  const untold = fleet.standIn.faults.addWebhook({ kind: 'lost' });
  befall('timeout_after');
  const { body } = await refund(paid.payment_id, 1_000);
  assert.equal(body.stripe_refund_id, null);
  await fleet.settled();
  fleet.standIn.faults.clear(untold.id);
  const [made] = fleet.refundsAtStripe(paid);
  const now = await detail(body.refund_id);
  assert.deepEqual([now.stripe_refund_id, now.status], [made?.id, 'succeeded']);
});

test("Stripe's reason is not hidden behind an unknown error (medusa admin 720, woocommerce-payments 10645)", async () => {
  const paid = await fleet.pay();
  const { status, body } = await refund(paid.payment_id, 6_607);
  assert.deepEqual([status, body.error], [502, 'upstream_failed']);
  assert.match(body.message, /^Stripe refused the refund: .*balance.*\.$/i);
  const now = await detail(body.refund_id);
  assert.deepEqual([now.status, now.failure_reason], ['failed', 'balance_insufficient']);
});

test('charge.refund.updated is not handled as an event of a charge: its object is a refund (dj-stripe 1039)', async () => {
  const paid = await fleet.pay();
  const { body } = await refund(paid.payment_id, 1_000);
  await fleet.settled();
  const before = await countTraces(fleet.pool);
  const untold = fleet.standIn.faults.addWebhook({ kind: 'lost' });
  const failed = failRefund(fleet.standIn.world, body.stripe_refund_id ?? '', 'declined');
  await fleet.settled();
  assert.equal((await detail(body.refund_id)).status, 'succeeded');
  fleet.standIn.faults.clear(untold.id);
  transact(fleet.standIn.world, () =>
    emitEvent(fleet.standIn.world, 'charge.refund.updated', requireRefund(fleet.standIn.world, failed.id)),
  );
  await fleet.settled();
  const { payments, refunds } = await countTraces(fleet.pool);
  assert.equal((await detail(body.refund_id)).status, 'failed');
  assert.deepEqual([payments, refunds], [before.payments, before.refunds]);
});

test('no transaction is open while Stripe is asked, and one that rolls back afterwards does not lose a refund that is real (vendure 3680)', async () => {
  const paid = await fleet.pay();
  const { pool, standIn } = fleet;
  const untold = standIn.faults.addWebhook({ kind: 'lost' });
  const slow = standIn.faults.add({ kind: 'slow_after', method: 'POST', route: '/v1/refunds', ms: 1_000 });
  // Whatever is written about the refund after Stripe's answer fails.
  await pool.query(`
    CREATE FUNCTION fail_to_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'out of order'; END $$;
    CREATE TRIGGER out_of_order BEFORE UPDATE ON refunds FOR EACH ROW
      WHEN (NEW.stripe_refund_id IS NOT NULL) EXECUTE FUNCTION fail_to_write()`);
  const key = newKey();
  const order = { payment_id: paid.payment_id, amount_cents: 1_000 };
  let answered = false;
  const asking = service.post('/v1/admin/refunds', order, key).finally(() => {
    answered = true;
  });
  try {
    await until(async () => fleet.refundsAtStripe(paid).length === 1);
    await until(async () => {
      const { rows } = await pool.query(
        `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`,
      );
      return rows.length === 0;
    });
    assert.equal(answered, false, 'Stripe is still being asked');
    assert.equal((await asking).status, 500);
  } finally {
    await pool.query('DROP TRIGGER out_of_order ON refunds');
    standIn.faults.clear(slow.id);
  }
  const [written] = await rowsOf(fleet, paid);
  assert.deepEqual([written?.status, (await amountsOf(fleet, paid)).left], ['pending', 9_000]);

  const again = await service.post('/v1/admin/refunds', order, key);
  standIn.faults.clear(untold.id);
  const [made, ...others] = fleet.refundsAtStripe(paid);
  assert.deepEqual(
    [again.status, again.body.refund_id, again.body.stripe_refund_id, others],
    [201, written?.refund_id, made?.id, []],
  );
});

test("a refund made in Stripe's dashboard shows by itself, and counts (Sylius StripePlugin 101, commerce-stripe 129, medusa 14746)", async () => {
  const paid = await fleet.pay();
  const made = createRefund(fleet.standIn.world, { charge: paid.charge_id, amount: 4_000 });
  await fleet.settled();
  const [line, ...others] = await listed(`payment_id=${paid.payment_id}`);
  assert.deepEqual(
    [line?.stripe_refund_id, line?.amount_cents, line?.status, others],
    [made.id, 4_000, 'succeeded', []],
  );
  assert.equal((await detail(line?.refund_id ?? '')).origin, 'external');
  const over = await refund(paid.payment_id, 6_001);
  assert.deepEqual([over.status, over.body.refundable_cents], [409, 6_000]);
});

test('events about objects that are not ours do not fill the failures: they have a shelf of their own (lago-api 857)', async () => {
  const { world } = fleet.standIn;
  const gone = transact(world, () => {
    const { intent } = createPaymentIntent(world, {
      amount: 1_000,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
    });
    const charge = idOf(intent.latest_charge) ?? '';
    const refund = createRefund(world, { charge, amount: 100 });
    return [refund.id, charge, intent.id];
  });
  for (const id of gone) deleteObject(world, id);
  await fleet.settled();
  const { rows } = await fleet.pool.query<{ object_id: string; status: string }>(
    `SELECT DISTINCT object_id, status FROM stripe_events WHERE object_id = ANY ($1) AND status <> 'ignored'`,
    [gone],
  );
  assert.deepEqual(new Set(rows.map(({ status }) => status)), new Set(['unmatched']));
  assert.deepEqual(new Set(rows.map(({ object_id }) => object_id)), new Set(gone));
  const failed = await fleet.pool.query(`SELECT 1 FROM stripe_events WHERE status = 'failed'`);
  assert.equal(failed.rowCount, 0);
});

test('a disputed payment is not refunded, so that nobody is paid twice; one that is only inquired about is (woocommerce-payments 6378, pay-connector 3914, lago-api 6443)', async () => {
  const [disputed, inquired] = [await fleet.pay(), await fleet.pay()];
  const waiting = await refund(disputed.payment_id, 6_000, agent);
  assert.equal(waiting.body.status, 'awaiting_approval');
  openDispute(fleet.standIn.world, { charge: disputed.charge_id });
  openDispute(fleet.standIn.world, { charge: inquired.charge_id, inquiry: true });
  await fleet.settled();
  const asked = await refund(disputed.payment_id, 1_000);
  const approved = await approver.post(`/v1/admin/refunds/${waiting.body.refund_id}/approve`, {});
  for (const { status, body } of [asked, approved]) {
    assert.equal(status, 412);
    assert.match(body.message, /^The payment is disputed .* pay the customer twice\.$/);
  }
  assert.deepEqual(fleet.refundsAtStripe(disputed), []);
  assert.equal((await refund(inquired.payment_id, 1_000)).status, 201);
});

test('a dispute larger than the payment does not break the arithmetic (polar 8344)', async () => {
  const paid = await fleet.pay();
  await refund(paid.payment_id, 3_000);
  const dispute = openDispute(fleet.standIn.world, { charge: paid.charge_id, amount: 15_000 });
  await fleet.settled();
  const { body } = await service.get<{ disputes: { stripe_dispute_id: string; amount_cents: number }[] }>(
    '/v1/admin/disputes?brand_id=default',
  );
  const shown = body.disputes.find(({ stripe_dispute_id }) => stripe_dispute_id === dispute.id);
  assert.equal(shown?.amount_cents, 15_000);
  assert.deepEqual(await amountsOf(fleet, paid), { refunded: 3_000, reserved: 0, left: 7_000 });
  setDisputeStatus(fleet.standIn.world, dispute.id, 'won');
  await fleet.settled();
  const rest = await refund(paid.payment_id);
  assert.deepEqual([rest.status, rest.body.amount_cents], [201, 7_000], rest.text);
});

test('nobody approves what they asked for, whatever a browser lets them press (bcgov sbc-pay 2248)', async () => {
  const paid = await fleet.pay();
  const asked = await refund(paid.payment_id, 9_000, approver);
  assert.equal(asked.body.status, 'awaiting_approval');
  const own = await approver.post(`/v1/admin/refunds/${asked.body.refund_id}/approve`, {});
  assert.deepEqual([own.status, own.body.error], [403, 'forbidden']);
  assert.deepEqual(
    [fleet.refundsAtStripe(paid), (await detail(asked.body.refund_id)).status],
    [[], asked.body.status],
  );
});

test('a second request while one waits for approval cannot take what the first holds (bcgov entity 30357)', async () => {
  const paid = await fleet.pay();
  await refund(paid.payment_id, 6_000, agent);
  const second = await refund(paid.payment_id, 6_000, agent);
  assert.deepEqual([second.status, second.body.refundable_cents], [409, 4_000]);
  const clicked = await agent.post('/v1/admin/refunds', {
    payment_id: paid.payment_id,
    amount_cents: 6_000,
  });
  assert.deepEqual([clicked.status, clicked.body.field], [409, 'Idempotency-Key']);
});

/** Words for a person: a sentence, and no name out of a program, but for an object's that Stripe speaks of. */
function assertSentence(message = ''): void {
  const words = message.replaceAll(/\bch_\w+/g, 'it');
  assert.match(words, /^[A-Z0-9](?=.* .* )[^_]*\.$/);
  assert.doesNotMatch(words, /undefined|null|unknown error|\[object/i);
}

test('nobody is shown a raw symbol where a refusal should be a sentence (spree 14678)', async () => {
  const paid = await fleet.pay();
  const { payment_id } = paid;
  const waiting = (await refund(payment_id, 6_000, agent)).body.refund_id;
  const post = (path: string, body: unknown, caller = service) => caller.post(path, body);
  const refusals = [
    await post('/v1/refunds', { payment_id: 'payment_01kar2jz4eexs8wx0kgmh1xb5p' }),
    await post('/v1/admin/refunds', { charge_id: 'ch_nobody_knows' }),
    await post('/v1/refunds', { payment_id, amount_cents: 4_001 }),
    await post('/v1/admin/refunds', { payment_id, expected_refundable_cents: 1 }),
    await post('/v1/refunds', { payment_id, amount_cents: 6_000 }),
    await post(`/v1/admin/refunds/${waiting}/approve`, {}, agent),
    await post(`/v1/admin/refunds/${waiting}/reject`, {}, await fleet.caller({ as: 'auditor' })),
  ];
  await approver.post(`/v1/admin/refunds/${waiting}/approve`, {});
  refusals.push(
    await post(`/v1/admin/refunds/${waiting}/reject`, {}, approver),
    await post(`/v1/admin/refunds/${waiting}/cancel`, {}, agent),
  );
  const rich = await fleet.pay();
  for (const amount of [6_602, 6_607, 6_608]) {
    refusals.push(await post('/v1/refunds', { payment_id: rich.payment_id, amount_cents: amount }));
  }
  for (const { status, body } of refusals) {
    assert.ok(status >= 400, String(status));
    assertSentence(body.message);
  }
  assert.deepEqual(
    refusals.map(({ status }) => status),
    [404, 404, 409, 412, 409, 403, 403, 412, 412, 502, 502, 412],
  );
});

test('nobody is shown a raw symbol where a bounced refund should be explained (spree 14678)', async () => {
  const reasons: FailureReason[] = [
    'lost_or_stolen_card',
    'expired_or_canceled_card',
    'charge_for_pending_refund_disputed',
    'insufficient_funds',
    'declined',
    'merchant_request',
    'unknown',
  ];
  for (const reason of reasons) {
    const paid = await fleet.pay();
    const { body } = await refund(paid.payment_id, 1_000);
    failRefund(fleet.standIn.world, body.stripe_refund_id ?? '', reason);
    await service.post(`/v1/admin/refunds/${body.refund_id}/sync`);
    const { failure_reason, attention } = await detail(body.refund_id);
    assert.equal(failure_reason, reason);
    assertSentence(attention?.message);
  }
});

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { createRefund, settleRefund } from '../local/stripe/resources/refunds.ts';
import { advanceClock } from '../local/stripe/time.ts';
import { type Everywhere, type Fleet, startFleet } from './support/fleet.ts';
import type { AnswerBody, PaidCharge, Reply } from './support/issuing.ts';
import {
  amountsOf,
  atOnce,
  clickTwice,
  newKey,
  raceForSixty,
  rowsOf,
  sortOut,
  tellBeforeAnswering,
} from './support/scenarios.ts';

let fleet: Fleet;
let services: Everywhere;
let agents: Everywhere;
let approvers: Everywhere;
let finance: Everywhere;

/** Three instances of the service, each with its own connections; the database is all that they share. */
before(async () => {
  fleet = await startFleet({ instances: 3, approvalLimits: { agent: { usd: 5_000 } } });
  services = await fleet.callers({ scope: 'admin:refunds write:refunds' });
  agents = await fleet.callers({ as: 'agent' });
  approvers = await fleet.callers({ as: 'approver' });
  finance = await fleet.callers({ as: 'finance' });
});
after(() => fleet[Symbol.asyncDispose]());
afterEach(() => {
  fleet.standIn.faults.clear();
});

/** How often a race of two is run: who wins must not matter. */
const ROUNDS = 12;

test('64 callers at three instances each want $60 of $100 at once: one gets it, the others are told that $40 are left', async () => {
  await raceForSixty(fleet, services, 64);
});

test('64 callers at once each want $3 of $100: 33 get it, and the others are told that less than that is left', async () => {
  const paid = await fleet.pay({ amount_cents: 10_000 });
  const answers = await atOnce(64, services, (caller) =>
    caller.post('/v1/refunds', { payment_id: paid.payment_id, amount_cents: 300 }, newKey()),
  );
  const { won, refused } = sortOut(answers);
  assert.equal(won.length, 33);
  for (const { status, body } of refused) assert.deepEqual([status, body.refundable_cents], [409, 100]);
  assert.equal(fleet.refundsAtStripe(paid).length, 33);
  assert.deepEqual(await amountsOf(fleet, paid), { refunded: 9_900, reserved: 0, left: 100 });
});

test('64 callers with one key at three instances: one refund, and whoever was too early gets its answer, byte for byte', async () => {
  const paid = await fleet.pay();
  const body = { payment_id: paid.payment_id, amount_cents: 700 };
  const key = newKey();
  const ask = () => atOnce(64, services, (caller) => caller.post('/v1/admin/refunds', body, key));
  const { won, refused } = sortOut(await ask());
  for (const { status, headers, body: told } of refused) {
    assert.deepEqual([status, told.field, headers.get('retry-after')], [409, 'Idempotency-Key', '1']);
  }
  const [answer] = won;
  const again = await ask();
  assert.deepEqual([...new Set([...won, ...again].map(({ text }) => text))], [answer?.text]);
  assert.deepEqual([...new Set(again.map(({ status }) => status))], [201]);
  assert.equal(fleet.refundsAtStripe(paid).length, 1);
  assert.equal((await rowsOf(fleet, paid)).length, 1);
});

test('one key with two bodies at once is the first of the two, and the other is refused; never both', async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const paid = await fleet.pay();
    const key = newKey();
    const answers = await atOnce(8, services, (caller, index) =>
      caller.post(
        '/v1/refunds',
        { payment_id: paid.payment_id, amount_cents: 100 + (Math.floor(index / 3) % 2) },
        key,
      ),
    );
    const [made, ...others] = fleet.refundsAtStripe(paid);
    assert.deepEqual(others, []);
    const statuses = new Set(answers.map(({ status }) => status));
    assert.ok(statuses.has(422), [...statuses].join());
    for (const { status, body } of answers) {
      if (status === 201) assert.equal(body.amount_cents, made?.amount);
      else assert.ok([409, 422].includes(status) && body.field === 'Idempotency-Key', String(status));
    }
  }
});

test('two honest refunds of the same amount under two keys at once are two refunds', async () => {
  const paid = await fleet.pay();
  const answers = await atOnce(2, services, (caller) =>
    caller.post('/v1/refunds', { payment_id: paid.payment_id, amount_cents: 2_000 }, newKey()),
  );
  assert.deepEqual(
    answers.map(({ status }) => status),
    [201, 201],
  );
  assert.equal(fleet.refundsAtStripe(paid).length, 2);
});

test('a double click without a key, at two instances, is one refund, and the second is told how to mean it', async () => {
  for (let round = 0; round < ROUNDS; round += 1) await clickTwice(fleet, services);
});

/** A refund of $60 that awaits approval, as the agent's limit is $50. */
async function awaitApproval(): Promise<PaidCharge & { refund_id: string }> {
  const paid = await fleet.pay();
  const { status, body } = await agents[0].post('/v1/admin/refunds', {
    payment_id: paid.payment_id,
    amount_cents: 6_000,
  });
  assert.deepEqual([status, body.status], [202, 'awaiting_approval']);
  return { ...paid, refund_id: body.refund_id };
}

/** Exactly one of two has got its way, and the other is told that it came too late. */
function winnerOf(answers: [Reply<AnswerBody>, Reply<AnswerBody>]): 0 | 1 {
  const winner = answers[0].status < 300 ? 0 : 1;
  const [won, lost] = winner === 0 ? answers : [answers[1], answers[0]];
  assert.ok([200, 202].includes(won.status), won.text);
  assert.deepEqual([lost.status, lost.body.error], [412, 'precondition_failed'], lost.text);
  return winner;
}

for (const [name, [firstVerb, secondVerb], ends] of [
  ['approved and rejected', ['approve', 'reject'], ['succeeded', 'rejected']],
  ['approved and canceled', ['approve', 'cancel'], ['succeeded', 'canceled']],
] as const) {
  test(`${name} at once, one of the two happens, and what is at Stripe is what happened`, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const asked = await awaitApproval();
      const path = `/v1/admin/refunds/${asked.refund_id}`;
      const decider = secondVerb === 'reject' ? finance[1] : agents[1];
      const approve = () => approvers[0].post(`${path}/${firstVerb}`, {});
      const other = () => decider.post(`${path}/${secondVerb}`, {});
      // Whoever is asked first has a start.
      const answers: [Reply<AnswerBody>, Reply<AnswerBody>] =
        round % 2 === 0
          ? await Promise.all([approve(), other()])
          : ((await Promise.all([other(), approve()])).reverse() as [Reply<AnswerBody>, Reply<AnswerBody>]);
      const winner = winnerOf(answers);
      assert.equal((await fleet.row(asked.refund_id)).status, ends[winner]);
      assert.equal(fleet.refundsAtStripe(asked).length, winner === 0 ? 1 : 0);
      const left = winner === 0 ? 4_000 : 10_000;
      assert.equal((await amountsOf(fleet, asked)).left, left);
    }
  });
}

test('approved twice at once by the same person, at two instances, it is one approval and one refund', async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const asked = await awaitApproval();
    const answers = await atOnce(2, approvers, (caller) =>
      caller.post(`/v1/admin/refunds/${asked.refund_id}/approve`, {}),
    );
    for (const { status, text } of answers) assert.ok([200, 202].includes(status), text);
    await fleet.settled();
    assert.equal(fleet.refundsAtStripe(asked).length, 1);
    const { rows } = await fleet.pool.query(
      `SELECT count(*) AS approvals FROM outbox WHERE entity_id = $1 AND event_type = 'refund.approved.v1'`,
      [asked.refund_id],
    );
    assert.deepEqual(rows, [{ approvals: 1 }]);
  }
});

test('approved by two people at once, it is approved by the one who was first, and the other is told so', async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const asked = await awaitApproval();
    const path = `/v1/admin/refunds/${asked.refund_id}/approve`;
    const answers = await Promise.all([approvers[0].post(path, {}), finance[1].post(path, {})]);
    const winner = winnerOf(answers);
    const { approved_by_id } = await fleet.row(asked.refund_id);
    assert.equal(approved_by_id, ['approver', 'finance'][winner]);
    assert.equal(fleet.refundsAtStripe(asked).length, 1);
  }
});

test('called back while Stripe settles it, a refund is canceled or paid, here as there, and the caller is told which', async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const paid = await fleet.pay();
    const { body } = await services[0].post('/v1/admin/refunds', {
      payment_id: paid.payment_id,
      amount_cents: REQUIRES_ACTION,
    });
    assert.equal(body.status, 'requires_action');
    const [canceled] = await Promise.all([
      services[1].post(`/v1/admin/refunds/${body.refund_id}/cancel`),
      settleAtStripe(body.stripe_refund_id ?? '', round),
    ]);
    await fleet.settled();
    const [made] = fleet.refundsAtStripe(paid);
    assert.equal((await fleet.row(body.refund_id)).status, made?.status);
    assert.deepEqual(
      [canceled.status, made?.status],
      canceled.status === 200 ? [200, 'canceled'] : [412, 'succeeded'],
      canceled.text,
    );
    const refunded = made?.status === 'succeeded' ? REQUIRES_ACTION : 0;
    assert.deepEqual(await amountsOf(fleet, paid), { refunded, reserved: 0, left: 10_000 - refunded });
  }
});

/** Of this amount the stand-in makes a refund that waits for the customer, which can be called back. */
const REQUIRES_ACTION = 6_604;

async function settleAtStripe(stripeRefundId: string, after_ms: number): Promise<void> {
  await wait(after_ms);
  try {
    settleRefund(fleet.standIn.world, stripeRefundId);
  } catch {
    // Canceled already.
  }
}

test('the last cents are refunded here or in the dashboard, at the same moment, and never twice', async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const paid = await fleet.pay({ amount_cents: 1_000 });
    await services[0].post('/v1/refunds', { payment_id: paid.payment_id, amount_cents: 900 });
    const [ours, theirs] = await Promise.all([
      services[1].post('/v1/refunds', { payment_id: paid.payment_id, amount_cents: 100 }),
      refundInDashboard(paid, round),
    ]);
    assert.deepEqual([ours.status, theirs], theirs === 'made' ? [409, 'made'] : [201, 'refused'], ours.text);
    await fleet.settled();
    assert.deepEqual(await amountsOf(fleet, paid), { refunded: 1_000, reserved: 0, left: 0 });
    assert.equal(fleet.refundsAtStripe(paid).length, 2);
  }
});

async function refundInDashboard({ charge_id }: PaidCharge, after_ms: number): Promise<'made' | 'refused'> {
  // Some of the moments are before ours reaches Stripe, and some after.
  await wait(after_ms);
  try {
    createRefund(fleet.standIn.world, { charge: charge_id, amount: 100 });
    return 'made';
  } catch {
    return 'refused';
  }
}

test("a webhook that is worked on before Stripe's answer has come is the same refund", async () => {
  await tellBeforeAnswering(fleet, services[0]);
});

test("webhooks that come with Stripe's answers, doubled and out of order, make each refund once", async () => {
  const { faults } = fleet.standIn;
  const rules = (['doubled', 'reordered'] as const).map((kind) =>
    faults.addWebhook({ kind, probability: 0.5, seed: 7 }),
  );
  const payments = await Promise.all(Array.from({ length: 24 }, () => fleet.pay()));
  const answers = await atOnce(24, services, (caller, index) =>
    caller.post('/v1/admin/refunds', { payment_id: payments[index]?.payment_id, amount_cents: 500 }),
  );
  for (const { id } of rules) faults.clear(id);
  await fleet.settled();
  for (const [index, paid] of payments.entries()) {
    const { refund_id, stripe_refund_id } = answers[index]?.body ?? {};
    assert.deepEqual(await rowsOf(fleet, paid), [
      { refund_id, stripe_refund_id, status: 'succeeded', origin: 'api' },
    ]);
  }
});

test("a webhook that comes long after Stripe's answer changes nothing", async () => {
  const rule = fleet.standIn.faults.addWebhook({ kind: 'delayed', delay_ms: 3_600_000 });
  const paid = await fleet.pay();
  const { body } = await services[0].post('/v1/admin/refunds', {
    payment_id: paid.payment_id,
    amount_cents: 500,
  });
  fleet.standIn.faults.clear(rule.id);
  const rows = await rowsOf(fleet, paid);
  assert.deepEqual(
    rows.map(({ refund_id }) => refund_id),
    [body.refund_id],
  );
  const count = () =>
    fleet.pool.query(
      `SELECT count(*) AS transitions,
              (SELECT count(*) FROM stripe_events WHERE object_id = $2 AND status = 'processed') AS told
       FROM refund_transitions WHERE refund_id = $1`,
      [body.refund_id, body.stripe_refund_id],
    );
  const before = (await count()).rows[0];
  advanceClock(fleet.standIn.world, 3_601);
  await fleet.settled();
  const after = (await count()).rows[0];
  assert.equal(after.transitions, before.transitions);
  assert.ok(after.told > before.told, 'it has come');
  assert.deepEqual(await rowsOf(fleet, paid), rows);
});

for (const webhooks of ['told', 'lost'] as const) {
  test(`a refund that Stripe makes without answering is one refund, where its webhooks are ${webhooks}`, async () => {
    const { faults } = fleet.standIn;
    const rules = [
      faults.add({ kind: 'reset_after', method: 'POST', route: '/v1/refunds', times: 8 }),
      ...(webhooks === 'lost' ? [faults.addWebhook({ kind: 'lost' })] : []),
    ];
    const payments = await Promise.all(Array.from({ length: 8 }, () => fleet.pay()));
    const keys = payments.map(() => newKey());
    const ask = () =>
      atOnce(8, services, (caller, index) =>
        caller.post(
          '/v1/admin/refunds',
          { payment_id: payments[index]?.payment_id, amount_cents: 500 },
          keys[index],
        ),
      );
    const answers = await ask();
    await fleet.settled();
    for (const { id } of rules) faults.clear(id);
    for (const [index, paid] of payments.entries()) {
      const { status, body } = answers[index] ?? {};
      assert.ok(status === 201 || status === 202);
      const [made, ...others] = fleet.refundsAtStripe(paid);
      assert.deepEqual(others, []);
      assert.deepEqual(await rowsOf(fleet, paid), [
        { refund_id: body?.refund_id, stripe_refund_id: made?.id, status: 'succeeded', origin: 'api' },
      ]);
    }
    assert.deepEqual(
      (await ask()).map(({ text }) => text),
      answers.map(({ text }) => text),
    );
  });
}

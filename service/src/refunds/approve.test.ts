import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openDispute } from '../../../local/stripe/resources/disputes.ts';
import { countTraces } from '../../../test/support/books.ts';
import {
  type AnswerBody,
  type Caller,
  type IssuingWorld,
  startIssuing,
} from '../../../test/support/issuing.ts';
import { recoverDue } from './recover.ts';

let world: IssuingWorld;
let agent: Caller;
let approver: Caller;
let finance: Caller;
let service: Caller;

before(async () => {
  world = await startIssuing({
    sending: { breaks_after: 1_000 },
    approvalLimits: { agent: { usd: 5_000, jpy: 1_000 }, approver: { usd: 8_000 } },
  });
  agent = await world.caller({ as: 'agent' });
  approver = await world.caller({ as: 'approver' });
  finance = await world.caller({ as: 'finance' });
  service = await world.caller({ scope: 'admin:refunds write:refunds' });
});
after(() => world[Symbol.asyncDispose]());

interface Detail extends AnswerBody {
  approved_by_type: string | null;
  approved_by_id: string | null;
  requested_by_id: string | null;
  decision_note: string | null;
  attention: { owed_cents: number; message: string } | null;
  payment: { reserved_cents: number; refunded_cents: number; refundable_cents: number };
}

/** A refund above the agent's limit, asked for by the agent. */
async function ask(amount_cents = 6_000, caller = agent) {
  const paid = await world.pay();
  const { status, body } = await caller.post('/v1/admin/refunds', {
    payment_id: paid.payment_id,
    amount_cents,
  });
  assert.deepEqual([status, body.status, body.stripe_refund_id], [202, 'awaiting_approval', null]);
  return { ...paid, refund_id: body.refund_id };
}
const decide = (
  caller: Caller,
  refund_id: string,
  verdict: 'approve' | 'reject' | 'cancel',
  body: unknown = {},
) => caller.post<Detail>(`/v1/admin/refunds/${refund_id}/${verdict}`, body);
const paymentOf = async (refund_id: string) =>
  (await service.get<Detail>(`/v1/admin/refunds/${refund_id}`)).body.payment;

test('a refund above the limit waits with its amount held, nothing at Stripe, and goes out when somebody else approves it', async () => {
  const asked = await ask();
  assert.deepEqual(world.refundsAtStripe(asked), []);
  const { reserved_cents, refundable_cents } = await paymentOf(asked.refund_id);
  assert.deepEqual([reserved_cents, refundable_cents], [6_000, 4_000]);
  const over = await service.post('/v1/refunds', { payment_id: asked.payment_id, amount_cents: 4_001 });
  assert.deepEqual([over.status, over.body.refundable_cents], [409, 4_000]);

  const { status, body } = await decide(approver, asked.refund_id, 'approve', { note: 'seen the parcel' });
  const [made] = world.refundsAtStripe(asked);
  assert.equal(status, 200);
  assert.deepEqual(
    [body.status, body.stripe_refund_id, body.requested_by_id, body.approved_by_type, body.approved_by_id],
    ['succeeded', made?.id, 'agent', 'user', 'approver'],
  );
  assert.equal(body.decision_note, 'seen the parcel');
  assert.deepEqual(
    [body.payment.reserved_cents, body.payment.refunded_cents, body.payment.refundable_cents],
    [0, 6_000, 4_000],
  );
  assert.deepEqual(made?.metadata, { refund_id: asked.refund_id });
});

test('exactly at the limit nobody is asked, one more and somebody is; a currency without a limit always asks', async () => {
  const refund = async (caller: Caller, amount_cents: number, currency = 'usd') => {
    const { payment_id } = await world.pay({ currency });
    return (await caller.post('/v1/admin/refunds', { payment_id, amount_cents })).body.status;
  };
  assert.deepEqual(
    [
      await refund(agent, 5_000),
      await refund(agent, 5_001),
      await refund(approver, 8_000),
      await refund(approver, 8_001),
    ],
    ['succeeded', 'awaiting_approval', 'succeeded', 'awaiting_approval'],
  );
  assert.deepEqual(
    [await refund(agent, 1_000, 'jpy'), await refund(agent, 1_001, 'jpy'), await refund(agent, 1, 'eur')],
    ['succeeded', 'awaiting_approval', 'awaiting_approval'],
  );
  // No limits are set for services.
  assert.equal(await refund(service, 10_000), 'succeeded');
});

test('a limit in the table goes before the setting from the next refund on, for its brand and role', async (context) => {
  const set = (limit_cents: number) =>
    world.pool.query(
      `INSERT INTO approval_limits VALUES ('default', 'service', 'usd', $1)
       ON CONFLICT (brand_id, role, currency) DO UPDATE SET limit_cents = $1`,
      [limit_cents],
    );
  context.after(() => world.pool.query('DELETE FROM approval_limits'));
  await set(100);
  const { payment_id } = await world.pay();
  const waits = await service.post('/v1/refunds', { payment_id, amount_cents: 101 });
  assert.deepEqual([waits.status, waits.body.status], [202, 'awaiting_approval']);
  await set(200);
  const goes = await service.post('/v1/refunds', { payment_id, amount_cents: 102 });
  assert.deepEqual([goes.status, goes.body.status], [201, 'succeeded']);
  // A service cannot approve what it asked for; a person can.
  assert.equal((await decide(service, waits.body.refund_id, 'approve')).status, 403);
  assert.equal((await decide(finance, waits.body.refund_id, 'approve')).status, 200);
});

test('nobody approves what they asked for, also not with the scope for it; the database would refuse too', async () => {
  const { refund_id } = await ask(9_000, approver);
  const before = await countTraces(world.pool);
  const { status, body } = await decide(approver, refund_id, 'approve');
  assert.deepEqual(
    [status, body.error, body.message],
    [403, 'forbidden', 'Somebody else has to approve what you asked for.'],
  );
  assert.deepEqual(await countTraces(world.pool), before);
  await assert.rejects(
    world.pool.query(
      `UPDATE refunds SET approved_by_type = requested_by_type, approved_by_id = requested_by_id WHERE refund_id = $1`,
      [refund_id],
    ),
    /refunds_approved_by_another/,
  );
  assert.equal((await decide(finance, refund_id, 'approve')).status, 200);
});

test('whoever may only issue cannot approve or reject', async () => {
  const { refund_id } = await ask();
  for (const verdict of ['approve', 'reject'] as const) {
    const { status, body } = await decide(agent, refund_id, verdict);
    assert.deepEqual([status, body.error], [403, 'insufficient_scope']);
  }
});

test('approved twice by the same person it is one approval; by another it is refused as approved already', async () => {
  const asked = await ask();
  const first = await decide(approver, asked.refund_id, 'approve');
  const traces = await countTraces(world.pool);
  const again = await decide(approver, asked.refund_id, 'approve');
  assert.deepEqual([again.status, again.body.approved_by_id, again.text], [200, 'approver', first.text]);
  const other = await decide(finance, asked.refund_id, 'approve');
  assert.deepEqual(
    [other.status, other.body.message, other.body.refund_id],
    [412, 'The refund does not await approval: it is succeeded.', asked.refund_id],
  );
  assert.deepEqual(await countTraces(world.pool), traces);
  assert.equal(world.refundsAtStripe(asked).length, 1);
});

test('rejected, a refund holds nothing any more, stays rejected, and cannot be approved', async () => {
  const asked = await ask();
  const { status, body } = await decide(approver, asked.refund_id, 'reject', { note: 'not ours' });
  assert.deepEqual(
    [status, body.status, body.decision_note, body.payment.refundable_cents],
    [200, 'rejected', 'not ours', 10_000],
  );
  const traces = await countTraces(world.pool);
  const again = await decide(finance, asked.refund_id, 'reject', { note: 'another word' });
  assert.deepEqual([again.status, again.body.decision_note], [200, 'not ours']);
  const late = await decide(finance, asked.refund_id, 'approve');
  assert.deepEqual(
    [late.status, late.body.message],
    [412, 'The refund does not await approval: it is rejected.'],
  );
  assert.deepEqual(await countTraces(world.pool), traces);
  assert.deepEqual(world.refundsAtStripe(asked), []);
});

test('whoever asked may reject what they asked for', async () => {
  const { refund_id } = await ask(9_000, approver);
  assert.equal((await decide(approver, refund_id, 'reject')).body.status, 'rejected');
});

test('approved and rejected at once, exactly one of the two happens, and the other is told which', async () => {
  for (let round = 0; round < 8; round += 1) {
    const asked = await ask();
    const [approved, rejected] = await Promise.all([
      decide(approver, asked.refund_id, 'approve'),
      decide(finance, asked.refund_id, 'reject'),
    ]);
    assert.deepEqual([approved.status, rejected.status].toSorted(), [200, 412]);
    const { status } = await world.row(asked.refund_id);
    assert.equal(status, approved.status === 200 ? 'succeeded' : 'rejected');
    assert.equal(world.refundsAtStripe(asked).length, approved.status === 200 ? 1 : 0);
  }
});

test('a payment that was disputed meanwhile is not refunded by an approval; the refund still waits', async () => {
  const asked = await ask();
  openDispute(world.standIn.world, { charge: asked.charge_id });
  await service.post(`/v1/admin/refunds/${asked.refund_id}/sync`);
  const { status, body } = await decide(approver, asked.refund_id, 'approve');
  assert.deepEqual([status, body.error], [412, 'precondition_failed']);
  assert.match(body.message, /disputed \(needs response\)/);
  assert.equal((await world.row(asked.refund_id)).status, 'awaiting_approval');
  assert.equal((await decide(approver, asked.refund_id, 'reject')).status, 200);
});

test('where Stripe refuses what was approved, the approver is told why, and it is owed: whoever asked is not there to be told', async () => {
  const { refund_id } = await ask(6_607);
  const { status, body } = await decide(approver, refund_id, 'approve');
  assert.deepEqual([status, body.error, body.refund_id], [502, 'upstream_failed', refund_id]);
  assert.match(body.message, /^Stripe refused the refund: .*\.$/);
  const detail = await service.get<Detail>(`/v1/admin/refunds/${refund_id}`);
  assert.deepEqual([detail.body.status, detail.body.attention?.owed_cents], ['failed', 6_607]);
  assert.equal(detail.body.payment.refundable_cents, 10_000);
});

test('where what Stripe makes of an approval is not known, it is 202 and recovered', async () => {
  const asked = await ask();
  world.standIn.faults.add({ kind: 'error_500_after', method: 'POST', route: '/v1/refunds', times: 1 });
  const { status, body } = await decide(approver, asked.refund_id, 'approve');
  assert.deepEqual([status, body.status, body.stripe_refund_id], [202, 'pending', null]);
  await world.age(asked.refund_id, 10);
  await recoverDue(world.deps);
  assert.equal((await world.row(asked.refund_id)).status, 'succeeded');
  assert.equal(world.refundsAtStripe(asked).length, 1);
});

test('who decided is in the history, the audit log and the events; what they wrote is in none of them', async () => {
  const { refund_id } = await ask();
  await decide(approver, refund_id, 'approve', { note: 'about the pistachios' });
  const { rows } = await world.pool.query(
    `SELECT event_type, actor_type, actor_id FROM audit_log WHERE entity_id = $1 ORDER BY audit_id`,
    [refund_id],
  );
  assert.deepEqual(rows.slice(0, 2), [
    { event_type: 'refund.awaiting_approval', actor_type: 'user', actor_id: 'agent' },
    { event_type: 'refund.approved', actor_type: 'user', actor_id: 'approver' },
  ]);
  const { rows: elsewhere } = await world.pool.query(
    `SELECT (SELECT json_agg(a) FROM audit_log a) AS audit, (SELECT json_agg(o) FROM outbox o) AS events,
            (SELECT json_agg(o.event_type ORDER BY outbox_id) FROM outbox o WHERE entity_id = $1) AS told`,
    [refund_id],
  );
  assert.doesNotMatch(JSON.stringify(elsewhere) + world.logged(), /pistachio/);
  assert.deepEqual(elsewhere[0].told, [
    'refund.awaiting_approval.v1',
    'refund.approved.v1',
    'refund.succeeded.v1',
  ]);
});

test("another brand's refund is not there to be decided about", async () => {
  const { refund_id } = await ask();
  const stranger = await world.caller({ scope: 'admin:refunds', brand: 'another' });
  for (const verdict of ['approve', 'reject', 'cancel'] as const) {
    const { status, body } = await decide(stranger, refund_id, verdict);
    assert.deepEqual([status, body.message], [404, 'There is no such refund.']);
  }
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readDeclared } from '../../../test/support/declared.ts';
import { type IssuingWorld, startIssuing } from '../../../test/support/issuing.ts';
import { makePayment } from '../../../test/support/make.ts';
import type { Pool } from '../database/pool.ts';
import { readRefundable } from './refundable.ts';

interface Detail {
  payment_id: string;
  charge_id: string;
  refundable_cents: number;
  payment_method: { type: string; brand: string | null; last4: string | null } | null;
  disputes: { dispute_id: string; status: string; amount_cents: number; evidence_due_by: string | null }[];
  refunds: { refund_id: string; status: string; amount_cents: number }[];
  refusal: { code: string; message: string } | null;
  approval_limit_cents: number | null;
}

let world: IssuingWorld;
before(async () => {
  world = await startIssuing({ approvalLimits: { agent: { usd: 5_000 }, approver: { usd: 20_000 } } });
});
after(() => world[Symbol.asyncDispose]());

const SERVICE = { scope: 'admin:refunds admin:payments' };

async function read(payment_id: string, who: Parameters<IssuingWorld['caller']>[0] = SERVICE) {
  const { access_token } = await world.issuer.mintToken(who);
  const response = await fetch(`${world.url}/v1/admin/payments/${payment_id}`, {
    headers: { authorization: `Bearer ${access_token}` },
  });
  return {
    status: response.status,
    body: await readDeclared<Detail>('/v1/admin/payments/{payment_id}', response),
  };
}

test('a payment is shown with what its line in the list has, its card, its refunds and its disputes, newest first', async () => {
  const { payment, refundIds, disputeIds } = await makePayment(world.pool, {
    customer_id: 'detailed',
    refunds: [{ amount_cents: 1_000 }, { amount_cents: 500, status: 'pending' }],
    disputes: [{ status: 'warning_needs_response', amount_cents: 700 }],
  });
  const caller = await world.caller(SERVICE);
  const { body: list } = await caller.get<{ payments: Detail[] }>('/v1/admin/payments?customer_id=detailed');
  const { status, body } = await read(payment.payment_id);
  assert.equal(status, 200);
  const { payment_method, disputes, refunds, refusal, approval_limit_cents, ...line } = body;
  assert.deepEqual(line, list.payments[0]);
  assert.deepEqual(payment_method, { type: 'card', brand: 'visa', last4: '4242' });
  assert.deepEqual(
    refunds.map(({ refund_id, status, amount_cents }) => [refund_id, status, amount_cents]),
    [
      [refundIds[1], 'pending', 500],
      [refundIds[0], 'succeeded', 1_000],
    ],
  );
  const [dispute] = disputes;
  assert.ok(dispute?.evidence_due_by);
  assert.deepEqual(
    [dispute.dispute_id, dispute.status, dispute.amount_cents],
    [disputeIds[0], 'warning_needs_response', 700],
  );
  // An inquiry has taken no money, and does not stand against a refund.
  assert.deepEqual([refusal, approval_limit_cents], [null, null]);
});

test('why nothing of a payment can be refunded is word for word what asking for it is answered', async () => {
  const caller = await world.caller({ as: 'approver' });
  const service = await world.caller(SERVICE);
  const refunded = await world.pay();
  await service.post('/v1/admin/refunds', { payment_id: refunded.payment_id });
  const onItsWay = await world.pay({ amount_cents: 30_000 });
  await caller.post('/v1/admin/refunds', { payment_id: onItsWay.payment_id });
  const disputed = await makePayment(world.pool, { disputes: [{ status: 'needs_response' }] });
  const authorized = await makePayment(world.pool, { status: 'requires_capture', captured_cents: 0 });
  const declined = await makePayment(world.pool, { status: 'failed', captured_cents: 0 });
  const ids = [refunded, onItsWay, disputed.payment, authorized.payment, declined.payment];
  const said = new Set<string>();
  for (const { payment_id } of ids) {
    const { body } = await read(payment_id);
    const asked = await service.post('/v1/admin/refunds', { payment_id });
    assert.ok(asked.status >= 400, payment_id);
    assert.deepEqual(body.refusal, { code: asked.body.error, message: asked.body.message });
    said.add(asked.body.message);
  }
  assert.equal(said.size, ids.length);
  const open = await world.pay();
  assert.equal((await read(open.payment_id)).body.refusal, null);
  const { status } = await service.post('/v1/admin/refunds', { payment_id: open.payment_id });
  assert.equal(status, 201);
});

test('the limit is the one that the caller is held to: by their role and currency, and none for a service without one', async () => {
  const dollars = await world.pay({ amount_cents: 50_000 });
  const euros = await world.pay({ amount_cents: 50_000, currency: 'eur' });
  const limits = async (who: Parameters<typeof read>[1]) => [
    (await read(dollars.payment_id, who)).body.approval_limit_cents,
    (await read(euros.payment_id, who)).body.approval_limit_cents,
  ];
  assert.deepEqual(await limits({ as: 'agent' }), [5_000, 0]);
  assert.deepEqual(await limits({ as: 'approver' }), [20_000, 0]);
  assert.deepEqual(await limits(SERVICE), [null, null]);
  const agent = await world.caller({ as: 'agent' });
  for (const [amount_cents, status] of [
    [5_000, 'succeeded'],
    [5_001, 'awaiting_approval'],
  ] as const) {
    const { body } = await agent.post('/v1/admin/refunds', { payment_id: dollars.payment_id, amount_cents });
    assert.equal(body.status, status);
  }
});

test("a payment of another brand is as unknown as none, and so are its refunds' and disputes'", async () => {
  const { payment } = await makePayment(world.pool, {
    brand_id: 'acme',
    refunds: [{}],
    disputes: [{ status: 'warning_needs_response' }],
  });
  for (const id of [payment.payment_id, 'payment_unknown']) {
    const { status, body } = await read(id);
    assert.equal(status, 404);
    assert.deepEqual(body, { error: 'not_found', message: 'There is no such payment.' });
  }
  assert.equal((await read(payment.payment_id, { ...SERVICE, brand: 'acme' })).body.refunds.length, 1);
});

test('what is shown is of one moment, also where somebody refunds between the parts of it', async () => {
  const { payment_id } = await world.pay();
  const caller = await world.caller(SERVICE);
  let refunded = 0;
  /** Has somebody refund before the refunds are asked for, after the payment was. */
  const interrupted: Pool = {
    ...world.pool,
    async connect() {
      const client = await world.pool.connect();
      const query = async (...args: unknown[]) => {
        if (!String(Object(args[0]).name).startsWith('refunds.list_detailed'))
          return await Reflect.apply(client.query, client, args);
        await paid.promise;
        refunded = (await caller.post('/v1/admin/refunds', { payment_id, amount_cents: 100 })).status;
        return await Reflect.apply(client.query, client, args);
      };
      const paid = Promise.withResolvers<void>();
      return new Proxy(client, {
        get(target, name) {
          if (name === 'query')
            return async (...args: unknown[]) => {
              const answer = await query(...args);
              if (Object(args[0]).name === 'payments.find') paid.resolve();
              return answer;
            };
          const value: unknown = Reflect.get(target, name);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  };
  const shown = await readRefundable(
    { pool: interrupted, approvalLimits: {} },
    { brand_id: 'default', actor_type: 'service', scopes: new Set() },
    payment_id,
  );
  assert.equal(refunded, 201);
  assert.deepEqual([shown?.refundable_cents, shown?.refunds], [10_000, []]);
  const { body } = await read(payment_id);
  assert.deepEqual([body.refundable_cents, body.refunds.length], [9_900, 1]);
});

test('looking at a payment in detail is in the audit log', async () => {
  const { payment_id } = await world.pay();
  await read(payment_id, { as: 'agent' });
  const auditor = await world.caller({ as: 'auditor' });
  const looks = async () => {
    const { body } = await auditor.get<{ entries: { event_type: string; actor_id: string }[] }>(
      `/v1/admin/audit?entity_id=${payment_id}&event_type=payment.read`,
    );
    return body.entries.map(({ actor_id }) => actor_id);
  };
  let seen = await looks();
  while (seen.length === 0) seen = await looks();
  assert.deepEqual(seen, ['agent']);
});

test('refunds of which Stripe has not said what has become are found by asking for what is unknown, and no others', async () => {
  const caller = await world.caller(SERVICE);
  const { payment_id } = await world.pay();
  const { body: known } = await caller.post('/v1/admin/refunds', { payment_id, amount_cents: 100 });
  const { body: lost } = await caller.post('/v1/admin/refunds', { payment_id, amount_cents: 200 });
  // As where the answer was lost before it was written.
  await world.pool.query(
    `UPDATE refunds SET status = 'pending', stripe_refund_id = NULL, recover_at = clock_timestamp() + interval '1 hour'
     WHERE refund_id = $1`,
    [lost.refund_id],
  );
  const ids = async (query: string) => {
    const { body } = await caller.get<{ refunds: { refund_id: string }[] }>(
      `/v1/admin/refunds?payment_id=${payment_id}&${query}`,
    );
    return body.refunds.map(({ refund_id }) => refund_id);
  };
  assert.deepEqual(await ids('unknown=true'), [lost.refund_id]);
  assert.deepEqual(await ids('unknown=false'), [known.refund_id]);
  await world.pool.query(
    `UPDATE refunds SET status = 'succeeded', stripe_refund_id = 're_was_lost', recover_at = NULL
     WHERE refund_id = $1`,
    [lost.refund_id],
  );
});

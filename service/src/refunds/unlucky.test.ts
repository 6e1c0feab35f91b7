import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import type Stripe from 'stripe';
import {
  cancelRefund as cancelAtStripe,
  createRefund,
  failRefund,
  updateRefund,
} from '../../../local/stripe/resources/refunds.ts';
import { TEST_KEY } from '../../../local/stripe/testing.ts';
import { type IssuingWorld, type PaidCharge, startIssuing } from '../../../test/support/issuing.ts';
import type { Pool } from '../database/pool.ts';
import { createMetrics } from '../health/metrics.ts';
import type { IdempotencyKey } from '../idempotency/key.ts';
import { bringIn } from '../stripe/apply.ts';
import { ask } from '../stripe/ask.ts';
import { createStripe } from '../stripe/client.ts';
import { createProvider } from '../stripe/provider.ts';
import { approveRefund, rejectRefund } from './approve.ts';
import { cancelRefund } from './cancel.ts';
import { type Caller, type IssueCommand, type IssueDeps, issueRefund } from './issue.ts';
import type { RefundProvider } from './provider.ts';
import { recoverDue } from './recover.ts';
import { resolveRefund } from './resolve.ts';
import { takeTurns } from './turns.ts';

let world: IssuingWorld;
let stripe: Stripe;
let provider: RefundProvider;
let number = 0;

before(async () => {
  world = await startIssuing();
  stripe = createStripe({ api_key: TEST_KEY, api_base: world.standIn.url });
  provider = createProvider({
    pool: world.pool,
    stripe,
    default_brand: 'default',
    log: world.app.log as never,
    registry: createMetrics(),
    timeout_ms: 2_000,
  });
});
after(() => world[Symbol.asyncDispose]());

/** What issuing needs, with some of it behaving as a schedule wants. */
function deps({
  pool = world.pool,
  limits = {},
  ...overrides
}: Partial<RefundProvider> & { pool?: Pool; limits?: IssueDeps['approvalLimits'] } = {}): IssueDeps {
  return {
    pool,
    provider: { ...provider, ...overrides },
    turns: takeTurns(),
    log: world.app.log as never,
    approvalLimits: limits,
    recentSignIn_s: 0,
  };
}

function person(actor_id: string, idempotency_key?: string): Caller {
  number += 1;
  const key: IdempotencyKey | null =
    idempotency_key === undefined
      ? null
      : {
          brand_id: 'default',
          actor_type: 'user',
          actor_id,
          operation: 'issueRefund',
          idempotency_key,
          fingerprint: createHash('sha256').update('the same body').digest(),
        };
  return {
    principal: {
      actor_type: 'user',
      actor_id,
      person_id: actor_id,
      client_id: 'console',
      scopes: new Set(['admin:refunds']),
      brand_id: 'default',
      brand_is_default: true,
      signed_in_at_ms: undefined,
    },
    key,
    request_id: `request_${number}`,
    ip_address: null,
  };
}

async function issue(using: IssueDeps, command: Omit<IssueCommand, 'reason' | 'note'>, caller: Caller) {
  const { status, body } = await issueRefund(
    using,
    { reason: null, note: null, ...command },
    caller,
    (_status, refund) => JSON.stringify(refund),
  );
  return {
    status,
    text: body,
    body: JSON.parse(body) as { refund_id: string; status: string; message: string },
  };
}

const refundsAtStripe = ({ payment_intent_id: payment_intent }: PaidCharge) =>
  world.standIn.world.store.list('refund', { where: { payment_intent }, created: {}, limit: 100 });

async function read<Row>(sql: string, value: string): Promise<Row> {
  const { rows } = await world.pool.query(sql, [value]);
  return rows[0];
}
const readRefund = (refundId: string) =>
  read<{ status: string; owed_cents: number; stripe_refund_id: string | null }>(
    'SELECT status, owed_cents, stripe_refund_id FROM refunds WHERE refund_id = $1',
    refundId,
  );
const readLeft = async ({ payment_id }: PaidCharge) =>
  (
    await read<{ left: number }>(
      'SELECT captured_cents - reserved_cents - refunded_cents AS left FROM payments WHERE payment_id = $1',
      payment_id,
    )
  ).left;
const refresh = (paid: PaidCharge) =>
  provider.refreshPayment(
    { stripe_payment_intent_id: paid.payment_intent_id, stripe_charge_id: paid.charge_id },
    'test',
  );

/** Above 10.00 an approver needs another one. */
const LIMITED = { limits: { approver: { usd: 1_000 } } };

test('a refusal that was slow to be kept never stands for the refund that a repeat of the request has made', async () => {
  const paid = await world.pay();
  const { payment_id } = paid;
  const held = await issue(deps(LIMITED), { payment_id, amount_cents: 10_000 }, person('ann'));
  assert.equal(held.status, 202);

  const wake = Promise.withResolvers<void>();
  const asleep = Promise.withResolvers<void>();
  // Falls asleep when it is about to keep its answer.
  const pool = Object.create(world.pool, {
    query: {
      value: async (query: { name?: string }) => {
        if (query.name === 'idempotency_keys.keep') {
          asleep.resolve();
          await wake.promise;
        }
        return await world.pool.query(query as never);
      },
    },
  }) as Pool;
  const first = issue(deps({ pool }), { payment_id, amount_cents: 500 }, person('bob', 'overtaken'));
  await Promise.race([asleep.promise, first]);
  await rejectRefund(deps(), { refund_id: held.body.refund_id, note: null }, person('cyd'));
  await world.pool.query(
    `UPDATE idempotency_keys SET held_until = held_until - interval '1 hour'
     WHERE idempotency_key = 'overtaken' AND answered_at IS NULL`,
  );
  const repeat = await issue(
    deps({
      createRefund: async (...order) => {
        wake.resolve();
        await first;
        return await provider.createRefund(...order);
      },
    }),
    { payment_id, amount_cents: 500 },
    person('bob', 'overtaken'),
  );
  wake.resolve();
  const { status, text } = await first;
  assert.deepEqual([repeat.status, repeat.text], [status, text]);
  assert.equal(refundsAtStripe(paid).length, status === 201 ? 1 : 0);
});

test('an answer that a key keeps is given also while nothing is sent to Stripe', async () => {
  const { payment_id } = await world.pay();
  const command = { payment_id, amount_cents: 500 };
  const first = await issue(deps(), command, person('ann', 'paused'));
  const paused = deps({ pausedFor_ms: () => 5_000 });
  const again = await issue(paused, command, person('ann', 'paused'));
  assert.deepEqual([again.status, again.text], [201, first.text]);
  await assert.rejects(issue(paused, command, person('ann', 'new')), { status: 503 });
  const later = await issue(deps(), command, person('ann', 'new'));
  assert.equal(later.status, 201);
});

test("what a refund held when it is rejected, or refused by Stripe, goes to the dashboard's refund that had no room", async () => {
  for (const end of ['rejected', 'refused'] as const) {
    const paid = await world.pay();
    const { payment_id, charge_id: charge } = paid;
    const held = await issue(deps(LIMITED), { payment_id, amount_cents: 6_000 }, person('ann'));
    createRefund(world.standIn.world, { charge, amount: 9_000 });
    await refresh(paid);
    assert.equal(await readLeft(paid), 0);
    const verdict = { refund_id: held.body.refund_id, note: null };
    if (end === 'rejected') await rejectRefund(deps(), verdict, person('bob'));
    else {
      // Stripe refuses, and cannot be asked why after that.
      const gone = deps({ refreshPayment: async () => 'unknown' });
      await assert.rejects(approveRefund(gone, verdict, person('bob')), { status: 409 });
    }
    assert.equal(await readLeft(paid), 1_000, end);
  }
});

/** A refund that Stripe took and that failed late, so that its amount is owed. */
async function owe(paid: PaidCharge, amount_cents: number) {
  const { body } = await issue(
    deps(),
    { payment_id: paid.payment_id, amount_cents },
    person('ann', `owe ${number}`),
  );
  const { stripe_refund_id } = await readRefund(body.refund_id);
  failRefund(world.standIn.world, stripe_refund_id ?? '');
  await refresh(paid);
  assert.equal((await readRefund(body.refund_id)).owed_cents, amount_cents);
  return body.refund_id;
}
const replace = (refund_id: string, replacement_refund_id: string) =>
  resolveRefund(
    deps(),
    { refund_id, resolution: 'refunded_again', reference: null, replacement_refund_id },
    person('fay'),
  );

test('what is owed is not put right by a refund that is not at Stripe yet, nor by a smaller one, nor by an older one', async () => {
  const paid = await world.pay();
  const older = await issue(deps(), { payment_id: paid.payment_id, amount_cents: 2_100 }, person('ann'));
  const owing = await owe(paid, 2_000);
  const held = await issue(
    deps(LIMITED),
    { payment_id: paid.payment_id, amount_cents: 2_000 },
    person('ann'),
  );
  await assert.rejects(replace(owing, held.body.refund_id), { status: 412, field: 'replacement_refund_id' });
  const small = await issue(deps(), { payment_id: paid.payment_id, amount_cents: 1_999 }, person('ann'));
  await assert.rejects(replace(owing, small.body.refund_id), { status: 412, field: 'replacement_refund_id' });
  await assert.rejects(replace(owing, older.body.refund_id), { status: 412, field: 'replacement_refund_id' });
});

test('a refund that stands in for one that failed is owed itself when it is called back', async () => {
  const paid = await world.pay();
  const owing = await owe(paid, 6_604);
  const other = await issue(deps(), { payment_id: paid.payment_id, amount_cents: 6_604 }, person('ann'));
  assert.equal(other.status, 201);
  await refresh(paid);
  await replace(owing, other.body.refund_id);
  await cancelRefund(deps(), other.body.refund_id, person('gus'));
  assert.deepEqual(
    [(await readRefund(other.body.refund_id)).status, (await readRefund(other.body.refund_id)).owed_cents],
    ['canceled', 6_604],
  );
});

test('a refund that is chosen to stand in for one that failed while somebody still waits for it is owed itself when it ends', async () => {
  const paid = await world.pay();
  const owing = await owe(paid, 3_000);
  const failed = await issue(
    deps({
      createRefund: async (order, ...more) => {
        const answer = await provider.createRefund(order, ...more);
        await refresh(paid);
        await replace(owing, order.refund_id);
        failRefund(world.standIn.world, (await readRefund(order.refund_id)).stripe_refund_id ?? '');
        await refresh(paid);
        return answer;
      },
    }),
    { payment_id: paid.payment_id, amount_cents: 3_001 },
    person('ann'),
  );
  assert.equal((await readRefund(failed.body.refund_id)).owed_cents, 3_001, 'failed');

  const other = await world.pay();
  const owingMore = await owe(other, 6_604);
  const waits = await issue(deps(), { payment_id: other.payment_id, amount_cents: 6_604 }, person('ann'));
  await cancelRefund(
    deps({
      cancelRefund: async (id) => {
        await refresh(other);
        await replace(owingMore, waits.body.refund_id);
        return await provider.cancelRefund(id);
      },
    }),
    waits.body.refund_id,
    person('gus'),
  );
  assert.equal((await readRefund(waits.body.refund_id)).owed_cents, 6_604, 'canceled');
});

for (const end of ['refuses it', 'has it failed'] as const) {
  test(`a repeat that took over, and to which Stripe ${end}, answers what the first attempt told; so it is owed`, async () => {
    const paid = await world.pay();
    const ann = person('ann', `taken over where Stripe ${end}`);
    const command = { payment_id: paid.payment_id, amount_cents: 6_602 };
    const stalled = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const first = issue(
      deps({
        createRefund: async () => {
          stalled.resolve();
          await goOn.promise;
          return { outcome: 'unknown' };
        },
      }),
      command,
      ann,
    );
    await stalled.promise;
    await world.pool.query(`UPDATE idempotency_keys SET held_until = now() WHERE idempotency_key = $1`, [
      ann.key?.idempotency_key,
    ]);
    const repeat = await issue(
      deps({
        createRefund: async (...order) => {
          goOn.resolve();
          await first;
          if (end === 'has it failed') return await provider.createRefund(...order);
          return { outcome: 'refused', refusal: { code: 'card_declined', message: 'No.' } };
        },
      }),
      command,
      ann,
    );
    assert.deepEqual(repeat, await first);
    assert.equal(repeat.status, 202);
    const refund = await readRefund(repeat.body.refund_id);
    assert.deepEqual([refund.status, refund.owed_cents], ['failed', 6_602]);
  });
}

test('who had a refund called back at Stripe is in the audit log', async () => {
  const paid = await world.pay();
  const { body } = await issue(deps(), { payment_id: paid.payment_id, amount_cents: 6_604 }, person('ann'));
  await cancelRefund(deps(), body.refund_id, person('gus'));
  const { who } = await read<{ who: string[] }>(
    'SELECT array_agg(DISTINCT actor_id) AS who FROM audit_log WHERE entity_id = $1',
    body.refund_id,
  );
  assert.ok(who.includes('gus'), `${who}`);
});

test('whoever is told in the answer that a refund came to nothing is not told again, also where an event was faster', async () => {
  for (const faster of [false, true]) {
    const paid = await world.pay();
    const failed = await issue(
      deps({
        createRefund: async (...order) => {
          const answer = await provider.createRefund(...order);
          if (faster) await refresh(paid);
          return answer;
        },
      }),
      { payment_id: paid.payment_id, amount_cents: 6_602 },
      person('ann'),
    );
    assert.equal(failed.status, 502);
    assert.equal((await readRefund(failed.body.refund_id)).owed_cents, 0, `failed, ${faster}`);

    const waits = await issue(deps(), { payment_id: paid.payment_id, amount_cents: 6_604 }, person('ann'));
    await cancelRefund(
      deps({
        cancelRefund: async (id) => {
          const answer = await provider.cancelRefund(id);
          if (faster) await refresh(paid);
          return answer;
        },
      }),
      waits.body.refund_id,
      person('ann'),
    );
    assert.equal((await readRefund(waits.body.refund_id)).owed_cents, 0, `canceled, ${faster}`);
  }
});

test("what Stripe's key repeats is no newer than its first use, and undoes nothing that was seen since", async () => {
  const paid = await world.pay();
  // Taken by Stripe, and never answered.
  const { status, body } = await issue(
    deps({
      createRefund: async (...order) => {
        await provider.createRefund(...order);
        return { outcome: 'unknown' };
      },
    }),
    { payment_id: paid.payment_id, amount_cents: 6_604 },
    person('ann'),
  );
  assert.equal(status, 202);
  const [made] = refundsAtStripe(paid);
  cancelAtStripe(world.standIn.world, made?.body.id ?? '');
  // An event has had Stripe asked, and its answer is still on its way into the books.
  const asking = { pool: world.pool, stripe, default_brand: 'default' };
  const told = await ask(asking, 'refund', made?.body.id ?? '');
  await world.pool.query('UPDATE refunds SET recover_at = now() WHERE refund_id = $1', [body.refund_id]);
  // Stripe's list lags.
  await recoverDue(deps({ findRefund: async () => ({ outcome: 'missing' }) }));
  assert.ok(typeof told !== 'string');
  await bringIn(asking, told, 'test');
  assert.equal((await readRefund(body.refund_id)).status, 'canceled');
  const { contradictions } = await read<{ contradictions: number }>(
    'SELECT count(*) AS contradictions FROM anomalies WHERE entity_id = $1',
    body.refund_id,
  );
  assert.equal(contradictions, 0);
});

test('a refund at Stripe that stands in the books twice, as one of ours and as imported, is shown to a person', async () => {
  const paid = await world.pay();
  const { body } = await issue(
    deps({
      createRefund: async (...order) => {
        await provider.createRefund(...order);
        return { outcome: 'unknown' };
      },
    }),
    { payment_id: paid.payment_id, amount_cents: 500 },
    person('ann'),
  );
  const [made] = refundsAtStripe(paid);
  const name = (refund_id: string) =>
    updateRefund(world.standIn.world, String(made?.body.id), { metadata: { refund_id } });
  // Imported by somebody who does not see whose it is, such as an older version of this service.
  name('');
  await refresh(paid);
  name(body.refund_id);
  await world.pool.query('UPDATE refunds SET recover_at = now() WHERE refund_id = $1', [body.refund_id]);
  await recoverDue(deps());
  const { kinds } = await read<{ kinds: string[] }>(
    'SELECT array_agg(kind) AS kinds FROM anomalies WHERE entity_id = $1',
    paid.payment_id,
  );
  assert.deepEqual(kinds, ['metadata_contradicts']);
});

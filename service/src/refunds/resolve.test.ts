import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pino from 'pino';
import { createRefund, failRefund } from '../../../local/stripe/resources/refunds.ts';
import { createWebhookEndpoint } from '../../../local/stripe/resources/webhook_endpoints.ts';
import { TEST_KEY } from '../../../local/stripe/testing.ts';
import { advanceClock } from '../../../local/stripe/time.ts';
import { countTraces } from '../../../test/support/books.ts';
import {
  type AnswerBody,
  type Caller,
  type IssuingWorld,
  startIssuing,
} from '../../../test/support/issuing.ts';
import { createStripe } from '../stripe/client.ts';
import { until } from '../stripe/test-world.ts';
import { startWorker } from '../stripe/worker.ts';

let world: IssuingWorld;
let agent: Caller;
let service: Caller;

before(async () => {
  world = await startIssuing({ approvalLimits: { agent: { usd: 9_000 } } });
  agent = await world.caller({ as: 'agent' });
  service = await world.caller({ scope: 'admin:refunds write:refunds' });
});
after(() => world[Symbol.asyncDispose]());

interface Detail extends AnswerBody {
  attention: { owed_cents: number; message: string } | null;
  resolution: string | null;
  resolution_reference: string | null;
  replaced_by: string | null;
  resolved_at: string | null;
}

const refund = async (payment_id: string, amount_cents: number, caller = service) =>
  (await caller.post('/v1/admin/refunds', { payment_id, amount_cents })).body;
const resolve = (refund_id: string, body: unknown, caller = agent) =>
  caller.post<Detail>(`/v1/admin/refunds/${refund_id}/resolve`, body);
const sync = (refund_id: string) => service.post<Detail>(`/v1/admin/refunds/${refund_id}/sync`);
const needing = async (payment_id: string, needs_attention = true) => {
  const { body } = await service.get<{ refunds: { refund_id: string }[] }>(
    `/v1/admin/refunds?needs_attention=${needs_attention}&payment_id=${payment_id}`,
  );
  return body.refunds.map(({ refund_id }) => refund_id);
};

/** A refund that succeeded and bounced. */
async function bounce(amount_cents = 3_000) {
  const paid = await world.pay();
  const { refund_id, stripe_refund_id } = await refund(paid.payment_id, amount_cents);
  failRefund(world.standIn.world, String(stripe_refund_id), 'lost_or_stolen_card');
  await sync(refund_id);
  return { ...paid, refund_id };
}

test('a refund that fails late needs attention, with what is owed and why, until somebody says how it was put right', async () => {
  const { payment_id, refund_id } = await bounce();
  const { body } = await sync(refund_id);
  assert.deepEqual(body.attention, {
    owed_cents: 3_000,
    message: 'The refund failed: the card was reported lost or stolen.',
  });
  assert.deepEqual(await needing(payment_id), [refund_id]);
  assert.deepEqual(await needing(payment_id, false), []);
  const resolved = await resolve(refund_id, { resolution: 'paid_otherwise', reference: 'transfer 0815' });
  assert.equal(resolved.status, 200);
  assert.deepEqual(
    [resolved.body.attention, resolved.body.resolution, resolved.body.resolution_reference],
    [null, 'paid_otherwise', 'transfer 0815'],
  );
  assert.ok(resolved.body.resolved_at);
  assert.deepEqual(await needing(payment_id), []);
  assert.deepEqual(await needing(payment_id, false), [refund_id]);
  const { rows } = await world.pool.query(
    `SELECT (SELECT json_agg(a) FROM audit_log a) AS audit, (SELECT json_agg(o) FROM outbox o) AS events`,
  );
  assert.match(JSON.stringify(rows), /refund\.resolved\.v1/);
  assert.doesNotMatch(JSON.stringify(rows) + world.logged(), /0815/);
});

test('a refund that Stripe tells of as failed two minutes after it had succeeded needs attention without anybody asking', async (context) => {
  const secret = 'whsec_test';
  createWebhookEndpoint(world.standIn.world, {
    url: `${world.url}/v1/webhooks/stripe`,
    enabled_events: ['*'],
    secret,
  });
  const worker = await startWorker({
    pool: world.pool,
    stripe: createStripe({ api_key: TEST_KEY, api_base: world.standIn.url }),
    default_brand: 'default',
    connectionString: world.databaseUrl,
    log: pino({ level: 'silent' }),
  });
  context.after(() => worker.stop());
  const { payment_id } = await world.pay();
  const issued = await refund(payment_id, 6_603);
  assert.equal(issued.status, 'succeeded');
  advanceClock(world.standIn.world, 150);
  await until(async () => (await needing(payment_id)).length === 1);
  const { body } = await service.get<Detail>(`/v1/admin/refunds/${issued.refund_id}`);
  assert.deepEqual(body.attention, {
    owed_cents: 6_603,
    message: 'The refund failed: the card has expired or was canceled.',
  });
});

test('what failed before its caller was answered is owed to nobody: they were told', async () => {
  const { payment_id } = await world.pay();
  const refused = await service.post('/v1/admin/refunds', { payment_id, amount_cents: 6_602 });
  assert.equal(refused.status, 502);
  assert.deepEqual(await needing(payment_id), []);
  const { status, body } = await resolve(refused.body.refund_id, {
    resolution: 'not_owed',
    reference: 'told',
  });
  assert.deepEqual([status, body.message], [412, 'Nothing is owed because of this refund.']);
});

test('a refund of the dashboard that bounces is owed as well', async () => {
  const paid = await world.pay();
  const made = createRefund(world.standIn.world, { charge: paid.charge_id, amount: 1_500 });
  const names = { stripe_payment_intent_id: paid.payment_intent_id, stripe_charge_id: paid.charge_id };
  await world.deps.provider.refreshPayment(names, 'test');
  failRefund(world.standIn.world, made.id);
  await world.deps.provider.refreshPayment(names, 'test');
  assert.equal((await needing(paid.payment_id)).length, 1);
});

test('a refund made in its place resolves it; said again it changes nothing, said otherwise it is a conflict', async () => {
  const { payment_id, refund_id } = await bounce();
  const replacement = await refund(payment_id, 3_000);
  const body = { resolution: 'refunded_again', replacement_refund_id: replacement.refund_id };
  const first = await resolve(refund_id, body);
  assert.deepEqual([first.status, first.body.replaced_by], [200, replacement.refund_id]);
  const before = await countTraces(world.pool);
  assert.equal((await resolve(refund_id, body)).text, first.text);
  const other = await resolve(refund_id, { resolution: 'not_owed', reference: 'a gift' });
  assert.deepEqual(
    [other.status, other.body.error, other.body.message, other.body.refund_id],
    [409, 'conflict', 'The refund has been resolved already, as refunded again.', refund_id],
  );
  assert.deepEqual(await countTraces(world.pool), before);
});

test('nothing else stands in for it: not itself, another payment, one that failed, waits, is too small, or stands in already', async () => {
  const { payment_id, refund_id } = await bounce();
  const other = await world.pay();
  const elsewhere = await refund(other.payment_id, 3_000);
  const failed = await service.post('/v1/admin/refunds', { payment_id, amount_cents: 6_607 });
  const small = await refund(payment_id, 2_999);
  const refuse = async (replacement_refund_id: string, status: number, message: RegExp) => {
    const answer = await resolve(refund_id, { resolution: 'refunded_again', replacement_refund_id });
    assert.deepEqual([answer.status, answer.body.field], [status, 'replacement_refund_id'], answer.text);
    assert.match(answer.body.message, message);
  };
  await refuse(refund_id, 422, /another refund of the same payment/);
  await refuse(elsewhere.refund_id, 422, /another refund of the same payment/);
  await refuse('refund_01kar2m0v5fhtb3mx9q2z8d4wn', 422, /another refund of the same payment/);
  await refuse(failed.body.refund_id, 412, /ended without paying: it is failed/);
  await refuse(small.refund_id, 412, /^30\.00 USD is owed, and the replacement is of 29\.99 USD only\.$/);
  assert.deepEqual(await needing(payment_id), [refund_id]);
});

test('one refund stands in for one that failed, not for two', async () => {
  const { payment_id, refund_id } = await bounce();
  const second = await refund(payment_id, 2_000);
  failRefund(world.standIn.world, String(second.stripe_refund_id));
  await sync(second.refund_id);
  const { refund_id: replacement_refund_id } = await refund(payment_id, 5_000);
  const body = { resolution: 'refunded_again', replacement_refund_id };
  const answers = await Promise.all([resolve(refund_id, body), resolve(second.refund_id, body)]);
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 409]);
  assert.equal((await needing(payment_id)).length, 1);
});

test('a replacement that awaits approval has paid nothing yet', async () => {
  const { payment_id, refund_id } = await bounce(9_500);
  const waiting = await refund(payment_id, 9_500, agent);
  assert.equal(waiting.status, 'awaiting_approval');
  const { status, body } = await resolve(refund_id, {
    resolution: 'refunded_again',
    replacement_refund_id: waiting.refund_id,
  });
  assert.deepEqual(
    [status, body.message],
    [412, 'The replacement is not at Stripe yet: it is awaiting approval.'],
  );
});

test('what does not say how it was put right is refused, with the field', async () => {
  const { refund_id } = await bounce();
  const before = await countTraces(world.pool);
  for (const [body, field] of [
    [{}, 'resolution'],
    [{ resolution: 'forgotten' }, 'resolution'],
    [{ resolution: 'refunded_again' }, 'replacement_refund_id'],
    [{ resolution: 'paid_otherwise' }, 'reference'],
    [{ resolution: 'not_owed', reference: '' }, 'reference'],
    [
      { resolution: 'paid_otherwise', reference: 'x', replacement_refund_id: refund_id },
      'replacement_refund_id',
    ],
    [{ resolution: 'paid_otherwise', reference: 'x'.repeat(2_001) }, 'reference'],
    [{ resolution: 'paid_otherwise', reference: 'x', by: 'me' }, 'by'],
  ] as const) {
    const answer = await resolve(refund_id, body);
    assert.deepEqual([answer.status, answer.body.field], [422, field], answer.text);
  }
  assert.deepEqual(await countTraces(world.pool), before);
});

test("another brand's refund is not there to be resolved, and whoever may only read cannot", async () => {
  const { refund_id } = await bounce();
  const body = { resolution: 'not_owed', reference: 'kept it' };
  const stranger = await world.caller({ scope: 'admin:refunds', brand: 'another' });
  assert.equal((await resolve(refund_id, body, stranger)).status, 404);
  assert.equal((await resolve(refund_id, body, await world.caller({ as: 'auditor' }))).status, 403);
  assert.equal((await resolve(refund_id, body)).status, 200);
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type AnswerBody, type IssuingWorld, startIssuing } from '../../../test/support/issuing.ts';
import type { TokenFacts } from './token-facts.ts';

const WITHIN_s = 900;

const person = (sub: string, scope: string, signedInAgo_s: number | undefined): TokenFacts => ({
  sub,
  client_id: 'console',
  scopes: new Set(scope.split(' ')),
  brand: undefined,
  roles: undefined,
  signed_in_at_ms: signedInAgo_s === undefined ? undefined : Date.now() - signedInAgo_s * 1_000,
  expires_at_ms: Date.now() + 3_600_000,
});

/** People by their tokens: what matters here is what the issuer says of them, and one that says when they signed in can say anything. */
const PEOPLE = new Map<string, TokenFacts>([
  ['agent-just-now', person('ann', 'admin:refunds', 1)],
  ['agent-long-ago', person('ann', 'admin:refunds', WITHIN_s + 1)],
  ['approver-just-now', person('ben', 'admin:refunds', 1)],
  ['approver-long-ago', person('ben', 'admin:refunds', WITHIN_s + 1)],
  ['approver-nobody-knows-when', person('ben', 'admin:refunds', undefined)],
  ['service', { ...person('robot', 'admin:refunds write:refunds', undefined), client_id: 'robot' }],
  ['customer', person('customer_1', 'write:refunds read:payments', 1)],
  ['customer-at-work', person('customer_1', 'admin:refunds', 1)],
  ['other-customer', person('customer_2', 'write:refunds read:payments', 1)],
]);

let world: IssuingWorld;
before(async () => {
  world = await startIssuing({
    issuer: { check: async (token) => PEOPLE.get(token), reach: async () => {} },
    approvalLimits: { agent: { usd: 5_000 }, approver: { usd: 5_000 }, service: { usd: 5_000 } },
    recentSignIn_s: WITHIN_s,
  });
});
after(() => world[Symbol.asyncDispose]());

async function post(token: string, path: string, body?: object, key?: string) {
  const response = await fetch(`${world.url}${path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as AnswerBody;
  return { status: response.status, challenge: response.headers.get('www-authenticate'), body: answer };
}

test('whoever signed in long ago asks for nothing above their limit until they sign in again, and then the same key does it', async () => {
  const { payment_id } = await world.pay();
  const order = { payment_id, amount_cents: 5_001 };
  const refused = await post('agent-long-ago', '/v1/admin/refunds', order, 'stale-1');
  assert.equal(refused.status, 401);
  assert.equal(refused.body.error, 'insufficient_user_authentication');
  assert.equal(
    refused.challenge,
    'Bearer realm="payments", error="insufficient_user_authentication", max_age="900"',
  );
  const { rows } = await world.pool.query('SELECT reserved_cents FROM payments WHERE payment_id = $1', [
    payment_id,
  ]);
  assert.equal(rows[0].reserved_cents, 0);
  const again = await post('agent-just-now', '/v1/admin/refunds', order, 'stale-1');
  assert.deepEqual([again.status, again.body.status], [202, 'awaiting_approval']);
});

test('up to their limit nobody has to sign in again', async () => {
  const { payment_id } = await world.pay();
  const { status } = await post('agent-long-ago', '/v1/admin/refunds', { payment_id, amount_cents: 5_000 });
  assert.equal(status, 201);
});

test('a service does not sign in, and is not asked to', async () => {
  const { payment_id } = await world.pay();
  const { status } = await post('service', '/v1/admin/refunds', { payment_id, amount_cents: 5_001 });
  assert.equal(status, 202);
});

for (const token of ['approver-long-ago', 'approver-nobody-knows-when']) {
  test(`${token} approves nothing until they sign in again, and then the same key does it`, async () => {
    const { payment_id } = await world.pay();
    const asked = await post('agent-just-now', '/v1/admin/refunds', { payment_id, amount_cents: 6_000 });
    const approve = `/v1/admin/refunds/${asked.body.refund_id}/approve`;
    const refused = await post(token, approve, undefined, `approve-${token}`);
    assert.equal(refused.status, 401);
    assert.match(refused.challenge ?? '', /max_age="900"/);
    assert.equal((await world.row(asked.body.refund_id)).status, 'awaiting_approval');
    assert.equal((await post('approver-just-now', approve, undefined, `approve-${token}`)).status, 200);
    // What was answered stays the answer, however long ago they signed in.
    assert.equal((await post(token, approve, undefined, `approve-${token}`)).status, 200);
  });
}

test('somebody who uses an app of their own refunds their own payment, and another’s is not there for them', async () => {
  const { payment_id } = await world.pay({ customer_id: 'customer_1' });
  const order = { payment_id, amount_cents: 700 };
  const others = await post('other-customer', '/v1/refunds', order);
  assert.equal(others.status, 404);
  assert.deepEqual(
    others.body,
    (await post('other-customer', '/v1/refunds', { ...order, payment_id: 'payment_none' })).body,
  );
  assert.equal((await post('customer', '/v1/refunds', order)).status, 201);
  assert.equal((await post('service', '/v1/refunds', { payment_id, amount_cents: 800 })).status, 201);
});

test('whoever asks for a refund as a customer does not approve it at work', async () => {
  const { payment_id } = await world.pay({ customer_id: 'customer_1' });
  const asked = await post('customer', '/v1/refunds', { payment_id, amount_cents: 6_000 });
  assert.deepEqual([asked.status, asked.body.status], [202, 'awaiting_approval']);
  const approve = `/v1/admin/refunds/${asked.body.refund_id}/approve`;
  assert.equal((await post('customer-at-work', approve)).status, 403);
  assert.equal((await world.row(asked.body.refund_id)).status, 'awaiting_approval');
  assert.equal((await post('approver-just-now', approve)).status, 200);
});

test('whoever signed in long ago runs no batch with a row above their limit until they sign in again; others they do', async () => {
  const { payment_id } = await world.pay();
  const draft = async (amount_cents: number) => {
    const rows = [{ payment_id, amount_cents, reason: 'other' }];
    const { body } = await post('agent-long-ago', '/v1/admin/refund-batches', { rows });
    return `/v1/admin/refund-batches/${(body as unknown as { batch_id: string }).batch_id}/run`;
  };
  const above = await draft(5_001);
  const refused = await post('agent-long-ago', above, {}, 'stale-batch');
  assert.deepEqual([refused.status, refused.body.error], [401, 'insufficient_user_authentication']);
  const again = await post('agent-just-now', above, {}, 'stale-batch');
  assert.deepEqual([again.status, again.body.status], [200, 'running']);
  const below = await post('agent-long-ago', await draft(100));
  assert.deepEqual([below.status, below.body.status], [200, 'running']);
});

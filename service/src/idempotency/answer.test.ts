import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { failRefund } from '../../../local/stripe/resources/refunds.ts';
import { countTraces } from '../../../test/support/books.ts';
import { type Caller, type IssuingWorld, startIssuing } from '../../../test/support/issuing.ts';
import type { RefundProvider } from '../refunds/provider.ts';
import { recoverDue } from '../refunds/recover.ts';

/** What befalls the next refund that is sent, once. */
let befalls:
  | ((send: () => ReturnType<RefundProvider['createRefund']>) => ReturnType<RefundProvider['createRefund']>)
  | undefined;

let world: IssuingWorld;
let service: Caller;
let approver: Caller;

before(async () => {
  world = await startIssuing({
    sending: { timeout_ms: 500, breaks_after: 1_000 },
    approvalLimits: { agent: { usd: 5_000 } },
    around: (provider) => ({
      ...provider,
      createRefund(order, observed_at) {
        const fate = befalls ?? ((send) => send());
        befalls = undefined;
        return fate(() => provider.createRefund(order, observed_at));
      },
    }),
  });
  service = await world.caller({ scope: 'admin:refunds write:refunds' });
  approver = await world.caller({ as: 'approver' });
});
beforeEach(() => {
  befalls = undefined;
  world.standIn.faults.clear();
});
after(() => world[Symbol.asyncDispose]());

let made = 0;
/** A key that no other test uses. */
const newKey = () => {
  made += 1;
  return { 'idempotency-key': `key-${made}` };
};

test('the same key and body give the same bytes, and one refund, however often and from however many at once', async () => {
  const paid = await world.pay();
  const body = { payment_id: paid.payment_id, amount_cents: 700 };
  const key = newKey();
  const first = await service.post('/v1/refunds', body, key);
  const again = await Promise.all(Array.from({ length: 64 }, () => service.post('/v1/refunds', body, key)));
  assert.equal(first.status, 201);
  for (const { status, text } of again) assert.deepEqual([status, text], [201, first.text]);
  assert.equal(world.refundsAtStripe(paid).length, 1);
});

test('64 attempts at once with one key make one refund; whoever is too early is told to ask again, and then gets its answer', async () => {
  const paid = await world.pay();
  const body = { payment_id: paid.payment_id, amount_cents: 6_000 };
  const key = newKey();
  const answers = await Promise.all(Array.from({ length: 64 }, () => service.post('/v1/refunds', body, key)));
  const won = new Set(answers.filter(({ status }) => status === 201).map(({ text }) => text));
  assert.equal(won.size, 1);
  for (const { status, headers, body: error } of answers.filter((answer) => answer.status !== 201)) {
    assert.deepEqual([status, error.error, error.field], [409, 'conflict', 'Idempotency-Key']);
    assert.equal(headers.get('retry-after'), '1');
  }
  assert.deepEqual([...won], [(await service.post('/v1/refunds', body, key)).text]);
  assert.equal(world.refundsAtStripe(paid).length, 1);
});

test('an answer stays as it was given after the refund has moved on', async () => {
  const paid = await world.pay();
  const body = { payment_id: paid.payment_id, amount_cents: 6_605 };
  const key = newKey();
  const first = await service.post('/v1/admin/refunds', body, key);
  assert.deepEqual([first.status, first.body.status], [201, 'pending']);
  failRefund(world.standIn.world, String(first.body.stripe_refund_id));
  const synced = await service.post(`/v1/admin/refunds/${first.body.refund_id}/sync`);
  assert.equal(synced.body.status, 'failed');
  assert.equal((await service.post('/v1/admin/refunds', body, key)).text, first.text);
});

test('a refusal is kept too: asked again it is the same, also where it would be otherwise by now', async () => {
  const paid = await world.pay({ amount_cents: 5_000 });
  const refusals = [];
  for (const body of [
    { payment_id: paid.payment_id, amount_cents: 5_001 },
    { payment_id: 'payment_01kar2jz4eexs8wx0kgmh1xb5p' },
  ]) {
    const key = newKey();
    refusals.push({ body, key, refused: await service.post('/v1/refunds', body, key) });
  }
  await service.post('/v1/refunds', { payment_id: paid.payment_id });
  for (const { body, key, refused } of refusals) {
    const again = await service.post('/v1/refunds', body, key);
    assert.deepEqual([again.status, again.text], [refused.status, refused.text]);
    assert.ok(again.status >= 400);
  }
});

test("Stripe's refusal is kept: the key does not send a second refund", async () => {
  const paid = await world.pay();
  const body = { payment_id: paid.payment_id, amount_cents: 6_607 };
  const key = newKey();
  const refused = await service.post('/v1/refunds', body, key);
  const calls = world.standIn.calls.get('POST /v1/refunds');
  const again = await service.post('/v1/refunds', body, key);
  assert.deepEqual([again.status, again.text], [502, refused.text]);
  assert.equal(world.standIn.calls.get('POST /v1/refunds'), calls);
});

test('a 202 is kept: after recovery has found the refund the same key still says that it was not known', async () => {
  const paid = await world.pay();
  const body = { payment_id: paid.payment_id, amount_cents: 900 };
  const key = newKey();
  world.standIn.faults.add({ kind: 'error_500_after', method: 'POST', route: '/v1/refunds', times: 1 });
  const first = await service.post('/v1/admin/refunds', body, key);
  assert.deepEqual([first.status, first.body.status, first.body.stripe_refund_id], [202, 'pending', null]);
  await world.age(first.body.refund_id, 10);
  await recoverDue(world.deps);
  assert.equal((await world.row(first.body.refund_id)).status, 'succeeded');
  const again = await service.post('/v1/admin/refunds', body, key);
  assert.deepEqual([again.status, again.text], [202, first.text]);
});

for (const [when, fate] of [
  ['before it was sent', () => new Promise<never>(() => {})],
  [
    "after Stripe's answer",
    async (send: () => Promise<unknown>) => {
      await send();
      return await new Promise<never>(() => {});
    },
  ],
] as const) {
  test(`where the first attempt died ${when}, a repeat goes on in its place and makes one refund`, async () => {
    const paid = await world.pay();
    const body = { payment_id: paid.payment_id, amount_cents: 800 };
    const key = newKey();
    const reached = Promise.withResolvers<void>();
    befalls = (send) => {
      const ends = fate(send);
      reached.resolve();
      return ends;
    };
    const dying = new AbortController();
    const { access_token } = await world.issuer.mintToken({ scope: 'admin:refunds write:refunds' });
    const died = fetch(`${world.url}/v1/admin/refunds`, {
      method: 'POST',
      headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json', ...key },
      body: JSON.stringify(body),
      signal: dying.signal,
    }).catch(() => 'died');
    await reached.promise;
    const early = await service.post('/v1/admin/refunds', body, key);
    assert.deepEqual([early.status, early.headers.get('retry-after')], [409, '1']);
    dying.abort();
    assert.equal(await died, 'died');

    await world.abandonKeys();
    const repeat = await service.post('/v1/admin/refunds', body, key);
    assert.equal(repeat.status, 201);
    const atStripe = world.refundsAtStripe(paid);
    assert.deepEqual(
      atStripe.map(({ id, metadata }) => [id, metadata]),
      [[repeat.body.stripe_refund_id, { refund_id: repeat.body.refund_id }]],
    );
    assert.equal((await service.post('/v1/admin/refunds', body, key)).text, repeat.text);
  });
}

test('an attempt that was slow, not dead, gives the answer of the repeat that went on in its place', async () => {
  const paid = await world.pay();
  const body = { payment_id: paid.payment_id, amount_cents: 800 };
  const key = newKey();
  const reached = Promise.withResolvers<void>();
  const wakes = Promise.withResolvers<void>();
  befalls = async (send) => {
    reached.resolve();
    await wakes.promise;
    return await send();
  };
  const slow = service.post('/v1/refunds', body, key);
  await reached.promise;
  await world.abandonKeys();
  const repeat = await service.post('/v1/refunds', body, key);
  wakes.resolve();
  const { status, text } = await slow;
  assert.deepEqual([status, text], [201, repeat.text]);
  assert.equal(world.refundsAtStripe(paid).length, 1);
});

test('a crash of ours while sending answers 500 and gives the key back: a repeat goes on at once, with the same refund', async () => {
  const paid = await world.pay();
  const body = { payment_id: paid.payment_id, amount_cents: 800 };
  const key = newKey();
  befalls = async () => {
    throw new TypeError('a bug');
  };
  const crashed = await service.post('/v1/refunds', body, key);
  assert.equal(crashed.status, 500);
  const before = await countTraces(world.pool);
  const repeat = await service.post('/v1/refunds', body, key);
  assert.equal(repeat.status, 201);
  const after = await countTraces(world.pool);
  assert.equal(after.refunds, before.refunds);
  assert.equal(world.refundsAtStripe(paid).length, 1);
});

test('where Stripe refused and the answer was lost, a repeat answers with that refusal and sends nothing', async () => {
  const paid = await world.pay();
  const body = { payment_id: paid.payment_id, amount_cents: 6_607 };
  const key = newKey();
  const refused = await service.post('/v1/refunds', body, key);
  // The attempt died after it had recorded the refusal and before it had kept its answer.
  await forgetAnswers();
  const calls = world.standIn.calls.get('POST /v1/refunds');
  const repeat = await service.post('/v1/refunds', body, key);
  assert.deepEqual([repeat.status, repeat.text], [502, refused.text]);
  assert.equal(world.standIn.calls.get('POST /v1/refunds'), calls);
});

test('where a refund awaits approval and the answer was lost, a repeat answers with the same refund', async () => {
  const paid = await world.pay();
  const agent = await world.caller({ as: 'agent' });
  const body = { payment_id: paid.payment_id, amount_cents: 6_000 };
  const key = newKey();
  const first = await agent.post('/v1/admin/refunds', body, key);
  assert.deepEqual([first.status, first.body.status], [202, 'awaiting_approval']);
  await forgetAnswers();
  const repeat = await agent.post('/v1/admin/refunds', body, key);
  assert.deepEqual([repeat.status, repeat.text], [202, first.text]);
});

test('keys hold for every operation: approve, reject, cancel, sync and resolve answer the same bytes again', async () => {
  const agent = await world.caller({ as: 'agent' });
  const ask = async (amount_cents: number) => {
    const paid = await world.pay();
    const { body } = await agent.post('/v1/admin/refunds', { payment_id: paid.payment_id, amount_cents });
    return body.refund_id;
  };
  const owed = await ask(3_000);
  const { stripe_refund_id } = await world.row(owed);
  failRefund(world.standIn.world, stripe_refund_id ?? '');
  await service.post(`/v1/admin/refunds/${owed}/sync`);
  for (const [caller, path, body] of [
    [approver, `${await ask(6_000)}/approve`, { note: 'fine' }],
    [approver, `${await ask(6_000)}/reject`, { note: 'not fine' }],
    [agent, `${await ask(6_000)}/cancel`, {}],
    [agent, `${await ask(1_000)}/sync`, {}],
    [service, `${owed}/resolve`, { resolution: 'paid_otherwise', reference: 'transfer 1' }],
  ] as const) {
    const key = newKey();
    const first = await caller.post(`/v1/admin/refunds/${path}`, body, key);
    assert.equal(first.status, 200, path);
    const before = await countTraces(world.pool);
    const again = await caller.post(`/v1/admin/refunds/${path}`, body, key);
    assert.deepEqual([again.status, again.text], [200, first.text]);
    // Also where it was done, and whoever did it died before it could say so.
    await forgetAnswers();
    const late = await caller.post(`/v1/admin/refunds/${path}`, body, key);
    assert.deepEqual([late.status, late.text], [200, first.text]);
    assert.deepEqual(await countTraces(world.pool), before);
  }
});

test('the database lets nobody change or delete an answer that was given', async () => {
  const { payment_id } = await world.pay();
  const key = newKey();
  await service.post('/v1/refunds', { payment_id }, key);
  for (const statement of [
    "UPDATE idempotency_keys SET answer_body = '{}' WHERE idempotency_key = $1",
    'DELETE FROM idempotency_keys WHERE idempotency_key = $1',
  ]) {
    await assert.rejects(
      world.pool.query(statement, [key['idempotency-key']]),
      /An idempotency key keeps its answer/,
    );
  }
});

/** As if whoever was to answer had died just before it kept its answer; only without triggers can that be done. */
async function forgetAnswers() {
  const client = await world.pool.connect();
  try {
    await client.query("SET session_replication_role = 'replica'");
    await client.query(
      `UPDATE idempotency_keys SET answer_status = NULL, answer_body = NULL, answered_at = NULL,
                                   held_until = clock_timestamp() - interval '1 second'
       WHERE idempotency_key = $1`,
      [`key-${made}`],
    );
  } finally {
    await client.query('RESET session_replication_role');
    client.release();
  }
}

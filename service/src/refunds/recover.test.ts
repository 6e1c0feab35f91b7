import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Registry } from 'prom-client';
import { openDispute } from '../../../local/stripe/resources/disputes.ts';
import { createRefund } from '../../../local/stripe/resources/refunds.ts';
import { type Caller, type IssuingWorld, startIssuing } from '../../../test/support/issuing.ts';
import { measureUnknown } from './metrics.ts';
import { recoverDue, startRecovery } from './recover.ts';

let world: IssuingWorld;
let service: Caller;

before(async () => {
  world = await startIssuing({ sending: { timeout_ms: 300, breaks_after: 1_000 } });
  service = await world.caller({ scope: 'admin:refunds write:refunds' });
});
beforeEach(async () => {
  world.standIn.faults.clear();
  // Nothing of another test is due.
  await world.pool.query(
    `UPDATE refunds SET recover_at = clock_timestamp() + interval '1 hour' WHERE recover_at IS NOT NULL`,
  );
});
after(() => world[Symbol.asyncDispose]());

const HOUR_s = 3_600;
const sent = () => world.standIn.calls.get('POST /v1/refunds') ?? 0;
const looked = () => world.standIn.calls.get('GET /v1/refunds') ?? 0;

/** A refund of which it is not known what has become; by default it never got there. */
async function lose(kind: Parameters<typeof world.standIn.faults.add>[0]['kind'] = 'error_500_before') {
  const paid = await world.pay();
  // As often as it is sent: where a connection was closed on it or was too busy the client sends once more by itself.
  world.standIn.faults.add({ kind, method: 'POST', route: '/v1/refunds' });
  const { status, body } = await service.post('/v1/admin/refunds', {
    payment_id: paid.payment_id,
    amount_cents: 2_000,
  });
  assert.deepEqual([status, body.status, body.stripe_refund_id], [202, 'pending', null]);
  world.standIn.faults.clear();
  return { ...paid, refund_id: body.refund_id };
}

for (const kind of [
  'timeout_before',
  'timeout_after',
  'error_500_before',
  'error_500_after',
  'reset_before',
  'reset_after',
] as const) {
  test(`after ${kind} the caller is told that it is not known yet, and recovery ends it as exactly one refund`, async () => {
    const lost = await lose(kind);
    const calls = sent();
    await world.age(lost.refund_id, 10);
    assert.equal(await recoverDue(world.deps), 1);
    const { status, stripe_refund_id, recover_at } = await world.row(lost.refund_id);
    assert.deepEqual(
      world.refundsAtStripe(lost).map(({ id, amount }) => [id, amount]),
      [[stripe_refund_id, 2_000]],
    );
    assert.deepEqual([status, recover_at], ['succeeded', null]);
    // What is there is found, and not sent again.
    assert.equal(sent() - calls, kind.endsWith('_after') ? 0 : 1);
    assert.equal(await recoverDue(world.deps), 0);
  });
}

test('Stripe is asked whether it is there before it is sent again', async () => {
  const lost = await lose();
  const before = { sent: sent(), looked: looked() };
  world.standIn.faults.add({ kind: 'error_500_before', method: 'GET', route: '/v1/refunds' });
  await world.age(lost.refund_id, 10);
  await recoverDue(world.deps);
  assert.ok(looked() > before.looked);
  assert.equal(sent(), before.sent);
  assert.equal((await world.row(lost.refund_id)).status, 'pending');
});

test('it is found among more refunds of its payment than one page of the list has', async () => {
  const lost = await lose('error_500_after');
  for (let n = 0; n < 101; n += 1) createRefund(world.standIn.world, { charge: lost.charge_id, amount: 1 });
  const calls = sent();
  await world.age(lost.refund_id, 10);
  await recoverDue(world.deps);
  assert.equal((await world.row(lost.refund_id)).status, 'succeeded');
  assert.equal(sent(), calls);
});

test('after 23 hours it is looked for and never sent again; until the key is certainly gone it stays unknown', async () => {
  const lost = await lose();
  const calls = sent();
  for (const hours of [23.5, 1]) {
    await world.age(lost.refund_id, hours * HOUR_s);
    const before = looked();
    assert.equal(await recoverDue(world.deps), 1);
    assert.equal(looked() - before, 1);
    assert.equal(sent(), calls);
    assert.equal((await world.row(lost.refund_id)).status, 'pending');
  }
});

test('a refund that is found a day later is what Stripe says it is', async () => {
  const lost = await lose('error_500_after');
  await world.age(lost.refund_id, 26 * HOUR_s);
  await recoverDue(world.deps);
  const { status, owed_cents } = await world.row(lost.refund_id);
  assert.deepEqual([status, owed_cents], ['succeeded', 0]);
  assert.equal(world.refundsAtStripe(lost).length, 1);
});

test('what is not there when the key is gone was never made: it has failed, and is owed', async () => {
  const lost = await lose();
  const calls = sent();
  await world.age(lost.refund_id, 26 * HOUR_s);
  await recoverDue(world.deps);
  const { status, failure_reason, owed_cents, recover_at } = await world.row(lost.refund_id);
  assert.deepEqual(
    [status, failure_reason, owed_cents, recover_at],
    ['failed', 'never_reached_provider', 2_000, null],
  );
  assert.equal(sent(), calls);
  assert.deepEqual(world.refundsAtStripe(lost), []);
  const { body } = await service.get<{ refunds: { refund_id: string }[] }>(
    `/v1/admin/refunds?needs_attention=true&payment_id=${lost.payment_id}`,
  );
  assert.deepEqual(
    body.refunds.map(({ refund_id }) => refund_id),
    [lost.refund_id],
  );
});

test('nothing ends without Stripe having answered, however old it is', async () => {
  const lost = await lose();
  world.standIn.faults.add({ kind: 'error_500_before', method: 'GET', route: '/v1/refunds' });
  await world.age(lost.refund_id, 40 * 24 * HOUR_s);
  await recoverDue(world.deps);
  assert.equal((await world.row(lost.refund_id)).status, 'pending');
  await assert.rejects(
    world.pool.query(
      `UPDATE refunds SET status = 'failed', recover_at = NULL, observed_at = NULL WHERE refund_id = $1`,
      [lost.refund_id],
    ),
    /refunds_ended_by_provider/,
  );
});

test('a refund that Stripe refuses when it is sent again has failed with the reason, and is owed: nobody was there to be told', async () => {
  const lost = await lose();
  openDispute(world.standIn.world, { charge: lost.charge_id });
  await world.age(lost.refund_id, 10);
  await recoverDue(world.deps);
  const detail = await service.get<{ status: string; attention: { owed_cents: number; message: string } }>(
    `/v1/admin/refunds/${lost.refund_id}`,
  );
  assert.equal(detail.body.status, 'failed');
  assert.equal(detail.body.attention.owed_cents, 2_000);
  assert.match(detail.body.attention.message, /^Stripe refused the refund: .*\.$/);
});

test('two recoveries at once take different refunds, and each refund is made once', async () => {
  const lost = await Promise.all(Array.from({ length: 12 }, () => world.pay()));
  world.standIn.faults.add({ kind: 'error_500_before', method: 'POST', route: '/v1/refunds' });
  const ids = await Promise.all(
    lost.map(async ({ payment_id }) => (await service.post('/v1/refunds', { payment_id })).body.refund_id),
  );
  world.standIn.faults.clear();
  await Promise.all(ids.map((id) => world.age(id, 10)));
  const asked = await Promise.all([recoverDue(world.deps), recoverDue(world.deps), recoverDue(world.deps)]);
  assert.equal(
    asked.reduce((sum, n) => sum + n, 0),
    12,
  );
  for (const paid of lost) assert.equal(world.refundsAtStripe(paid).length, 1);
  for (const id of ids) assert.equal((await world.row(id)).status, 'succeeded');
});

test('the same refund taken up by two at once is made once', async () => {
  const lost = await lose();
  const sync = () => service.post(`/v1/admin/refunds/${lost.refund_id}/sync`);
  await world.age(lost.refund_id, 10);
  await Promise.all([recoverDue(world.deps), sync(), sync()]);
  assert.equal(world.refundsAtStripe(lost).length, 1);
  assert.equal((await world.row(lost.refund_id)).status, 'succeeded');
});

test('each attempt waits twice as long as the one before, up to ten minutes', async () => {
  const lost = await lose();
  world.standIn.faults.add({ kind: 'error_500_before', route: '/v1/refunds' });
  const waits: number[] = [];
  for (let attempt = 0; attempt < 9; attempt += 1) {
    await world.age(lost.refund_id, 10);
    await recoverDue(world.deps);
    const { rows } = await world.pool.query<{ wait_s: number }>(
      `SELECT round(extract(epoch FROM recover_at - clock_timestamp()))::int AS wait_s FROM refunds WHERE refund_id = $1`,
      [lost.refund_id],
    );
    waits.push(rows[0]?.wait_s ?? 0);
  }
  const expected = [5, 10, 20, 40, 80, 160, 320, 600, 600];
  for (const [index, wait_s] of waits.entries()) {
    assert.ok(Math.abs(wait_s - (expected[index] ?? 0)) <= 4, waits.join());
  }
});

test('recovery runs by itself until it is stopped', async () => {
  const lost = await lose();
  await world.age(lost.refund_id, 10);
  const recovery = startRecovery(world.deps);
  const deadline = Date.now() + 10_000;
  while ((await world.row(lost.refund_id)).status === 'pending' && Date.now() < deadline) {}
  await recovery.stop();
  assert.equal((await world.row(lost.refund_id)).status, 'succeeded');
});

test('an outcome that is unknown for more than 15 minutes is a warning, with its age in the metrics, until it is known', async () => {
  await recoverEverything();
  const readiness = async () =>
    (await (await fetch(`${world.url}/readyz`)).json()) as {
      status: string;
      checks: { refunds: { status: string; output?: string } };
    };
  const registry = new Registry();
  measureUnknown(registry, world.pool);
  const gauge = async (name: string) =>
    Number(new RegExp(`^${name} (.*)$`, 'm').exec(await registry.metrics())?.[1]);
  assert.deepEqual([await gauge('refunds_unknown'), await gauge('refunds_unknown_oldest_seconds')], [0, 0]);
  const lost = await lose();
  await world.age(lost.refund_id, 14 * 60);
  assert.equal((await readiness()).checks.refunds.status, 'pass');
  await world.age(lost.refund_id, 2 * 60);
  const { status, checks } = await readiness();
  assert.deepEqual(
    [status, checks.refunds],
    [
      'warn',
      { status: 'warn', output: 'What has become of a refund is not known, of the oldest for 16 minutes.' },
    ],
  );
  assert.equal(await gauge('refunds_unknown'), 1);
  assert.ok((await gauge('refunds_unknown_oldest_seconds')) >= 16 * 60);
  await recoverDue(world.deps);
  assert.equal((await readiness()).checks.refunds.status, 'pass');
  assert.equal(await gauge('refunds_unknown'), 0);
});

/** Ends what other tests have left unknown. */
async function recoverEverything() {
  await world.pool.query('UPDATE refunds SET recover_at = clock_timestamp() WHERE recover_at IS NOT NULL');
  while ((await recoverDue(world.deps)) > 0) {
    // Those that cannot be sent again stay unknown until their key is gone.
    await world.pool.query(
      `UPDATE refunds SET submitted_at = submitted_at - interval '26 hours', recover_at = clock_timestamp()
       WHERE recover_at IS NOT NULL`,
    );
  }
}

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { pino } from 'pino';
import { createPaymentIntent } from '../../../../local/stripe/resources/payment_intents.ts';
import { TEST_KEY } from '../../../../local/stripe/testing.ts';
import { readDeclared } from '../../../../test/support/declared.ts';
import { type IssuingWorld, startIssuing } from '../../../../test/support/issuing.ts';
import { makeDifference } from '../../../../test/support/make.ts';
import { alone } from '../../database/alone.ts';
import { createStripe } from '../client.ts';
import { until } from '../test-world.ts';
import { startWorker } from '../worker.ts';
import { reconcile } from './reconcile.ts';
import { performRun } from './request.ts';

const RUNS = '/v1/admin/reconcile-runs';
const DIFFERENCES = '/v1/admin/reconcile-differences';
const OPERATOR = { scope: 'admin:operations admin:audit.read' };

interface Run {
  run_id: string;
  status: string;
  window_from: string;
  window_until: string;
  counts: Record<string, number>;
  found: Record<'imported' | 'repaired' | 'left', number>;
  requested_by_type: string | null;
  requested_by_id: string | null;
  finished_at: string | null;
}

interface Shown {
  difference_id: string;
  kind: string;
  entity_id: string | null;
  done: string;
  closed_at: string | null;
  closed_by_id: string | null;
  note: string | null;
}

interface Refused {
  error: string;
  message: string;
  field?: string;
}

let world: IssuingWorld;
beforeEach(async () => {
  world = await startIssuing();
});
afterEach(() => world[Symbol.asyncDispose]());

type Who = Parameters<IssuingWorld['issuer']['mintToken']>[0];

async function send<Body>(
  path: string,
  template: string,
  { body, who = OPERATOR, key }: { body?: object; who?: Who; key?: string } = {},
) {
  const { access_token } = await world.issuer.mintToken(who);
  const response = await fetch(`${world.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${access_token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const { status } = response;
  return {
    status,
    body: await readDeclared<Body & Refused>(template, response, body === undefined ? 'get' : 'post'),
  };
}

const start = (body: object, options: { who?: Who; key?: string } = {}) =>
  send<Run>(RUNS, RUNS, { body, ...options });
const runs = async () => (await send<{ runs: Run[] }>(RUNS, RUNS)).body.runs;
const differences = async (query = '', who: Who = OPERATOR) =>
  (await send<{ differences: Shown[] }>(`${DIFFERENCES}?${query}`, DIFFERENCES, { who })).body.differences;
const close = (id: string, note: string, options: { who?: Who; key?: string } = {}) =>
  send<Shown>(`${DIFFERENCES}/${id}/close`, `${DIFFERENCES}/{difference_id}/close`, {
    body: { note },
    ...options,
  });

const stripe = () => createStripe({ api_key: TEST_KEY, api_base: world.standIn.url });
const deps = () => ({ pool: world.pool, stripe: stripe(), default_brand: 'default' });
const work = () =>
  startWorker({ ...deps(), connectionString: world.databaseUrl, log: pino({ level: 'silent' }) });

const pay = () =>
  createPaymentIntent(world.standIn.world, {
    amount: 10_000,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
  });
const YESTERDAY = new Date(Date.now() - 86_400_000).toISOString();

test('a run that was asked for is done by a worker, and what it found is told with who asked', async () => {
  pay();
  const { status, body: asked } = await start({ from: YESTERDAY });
  assert.equal(status, 202);
  assert.deepEqual(
    [asked.status, asked.window_from, asked.requested_by_type, asked.found],
    ['unfinished', YESTERDAY, 'service', { imported: 0, repaired: 0, left: 0 }],
  );
  const worker = await work();
  try {
    await until(async () => (await runs())[0]?.status === 'finished');
  } finally {
    await worker.stop();
  }
  const [run, ...others] = await runs();
  assert.deepEqual(others, []);
  assert.equal(run?.run_id, asked.run_id);
  assert.deepEqual(run?.found, { imported: 1, repaired: 0, left: 0 });
  assert.equal(run?.counts.charges, 1);
  const [difference] = await differences(`run_id=${run?.run_id}`);
  assert.deepEqual([difference?.kind, difference?.done], ['missing_here', 'imported']);
  const { rows } = await world.pool.query(
    `SELECT event_type, actor_id, request_id IS NOT NULL AS by_request FROM audit_log WHERE entity_id = $1`,
    [asked.run_id],
  );
  assert.deepEqual(rows, [
    { event_type: 'reconcile_run.requested', actor_id: asked.requested_by_id, by_request: true },
  ]);
});

test('one runs at a time: of many who ask at once one gets it, and nobody while one waits or is at work', async () => {
  const asked = await Promise.all(Array.from({ length: 8 }, () => start({ from: YESTERDAY })));
  assert.deepEqual(asked.map(({ status }) => status).toSorted(), [
    202,
    ...Array.from({ length: 7 }, () => 409),
  ]);
  assert.equal((await runs()).length, 1);
  const waiting = await start({ from: YESTERDAY, to: new Date().toISOString() });
  assert.deepEqual([waiting.status, waiting.body.error], [409, 'conflict']);
  await world.pool.query(`SELECT graphile_worker.remove_job('reconcile')`);
  await alone(world.pool, 'reconcile', async () => {
    assert.equal((await start({ from: YESTERDAY })).status, 409);
  });
  assert.equal((await start({ from: YESTERDAY })).status, 202);
  assert.equal((await runs()).length, 1, 'the same window again goes on with the same run');
});

test('a run whose worker is stopped goes on where it was with the next attempt', async () => {
  pay();
  const { body } = await start({ from: YESTERDAY });
  const job = { run_id: body.run_id };
  assert.equal(await performRun(deps(), job, AbortSignal.abort()), 'stopped');
  const [stopped] = await runs();
  assert.deepEqual([stopped?.status, stopped?.counts.charges], ['unfinished', 1]);
  assert.equal(await performRun(deps(), job, new AbortController().signal), 'finished');
  assert.equal(await performRun(deps(), job, new AbortController().signal), 'over_already');
  const [run, ...others] = await runs();
  assert.deepEqual([run?.status, run?.counts.charges, others], ['finished', 1, []]);
});

test('a run whose end somebody else has brought about is not done again', async () => {
  const { body } = await start({ from: YESTERDAY });
  await reconcile(deps(), { from: new Date(YESTERDAY) });
  const worker = await work();
  try {
    await until(async () => (await world.pool.query('SELECT 1 FROM graphile_worker.jobs')).rows.length === 0);
  } finally {
    await worker.stop();
  }
  assert.deepEqual(
    (await runs()).map(({ run_id, status }) => [run_id, status]),
    [[body.run_id, 'finished']],
  );
});

test('a window that lies in the future, or ends before it begins, is refused with the field', async () => {
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  for (const [body, field] of [
    [{ from: tomorrow }, 'from'],
    [{ from: YESTERDAY, to: tomorrow }, 'to'],
    [{ from: YESTERDAY, to: YESTERDAY }, 'to'],
    [{ to: YESTERDAY }, 'from'],
    [{ from: 'yesterday' }, 'from'],
  ] as const) {
    const { status, body: refused } = await start(body);
    assert.deepEqual([status, refused.error, refused.field], [422, 'validation_error', field]);
  }
  assert.deepEqual(await runs(), []);
});

test('runs are of all brands: whoever is bound to one, or names one, is told so', async () => {
  const bound = { ...OPERATOR, brand: 'default' };
  for (const answer of [
    await start({ from: YESTERDAY }, { who: bound }),
    await send(RUNS, RUNS, { who: bound }),
  ])
    assert.deepEqual([answer.status, answer.body.error], [403, 'forbidden']);
  assert.deepEqual(await runs(), []);
});

test('a difference is closed by a word, which is in no log, and told to other services; again it changes nothing', async () => {
  const id = await makeDifference(world.pool);
  const note = 'the till paid out, walnut';
  const { status, body } = await close(id, note, { who: { as: 'operator' }, key: 'close-1' });
  assert.equal(status, 200);
  assert.deepEqual([body.closed_by_id, 'note' in body], ['operator', false]);
  assert.deepEqual((await close(id, note, { who: { as: 'operator' }, key: 'close-1' })).body, body);
  assert.deepEqual((await close(id, note, { who: { as: 'operator' } })).body, body);
  assert.equal((await close(id, 'otherwise', { who: { as: 'operator' } })).status, 409);
  assert.equal((await close(id, note)).status, 409, 'somebody else');
  assert.deepEqual(
    (await differences()).map((one) => [one.difference_id, one.note]),
    [[id, note]],
  );
  assert.deepEqual(await differences('open=true'), []);
  assert.equal((await differences('open=false')).length, 1);
  const { rows } = await world.pool.query(
    `SELECT event_type, actor_id, details->>'status' AS status, details::text AS text FROM audit_log WHERE entity_id = $1
     UNION ALL SELECT event_type, 'outbox', NULL, data::text FROM outbox WHERE entity_id = $1
     UNION ALL SELECT 'kept', '', NULL, answer_body FROM idempotency_keys`,
    [id],
  );
  assert.deepEqual(
    rows.map(({ event_type, actor_id, status: to }) => [event_type, actor_id, to]),
    [
      ['difference.closed', 'operator', 'closed'],
      ['difference.closed.v1', 'outbox', null],
      ['kept', '', null],
    ],
  );
  for (const { text } of rows) assert.doesNotMatch(text, /walnut/);
  assert.doesNotMatch(world.logged(), /walnut/);
});

test('a difference of another brand is not there, and one that a run has closed is closed', async () => {
  const theirs = await makeDifference(world.pool, { brand_id: 'acme' });
  assert.deepEqual([(await close(theirs, 'mine')).status, await differences()], [404, []]);
  assert.equal((await differences('', { ...OPERATOR, brand: 'acme' })).length, 1);
  const own = await makeDifference(world.pool);
  await world.pool.query('UPDATE reconcile_differences SET closed_at = now() WHERE difference_id = $1', [
    own,
  ]);
  const { status, body } = await close(own, 'too late');
  assert.deepEqual(
    [status, body.message],
    [409, 'The difference is closed already: the two sides were found agreed.'],
  );
});

test('what somebody has settled stays settled while it is as it was, and what has changed is told of anew', async () => {
  const { payment_id } = await world.pay();
  // As if Stripe had lost it.
  await world.pool.query(
    `UPDATE payments SET stripe_payment_intent_id = 'pi_gone', stripe_charge_id = 'ch_gone' WHERE payment_id = $1`,
    [payment_id],
  );
  const from = new Date(YESTERDAY);
  const found = async () => {
    await reconcile(deps(), { from, to: new Date() });
    return (await differences('open=true')).filter(({ entity_id }) => entity_id === payment_id);
  };
  const [left] = await found();
  assert.equal(left?.kind, 'not_at_stripe');
  assert.deepEqual(
    (await found()).map(({ difference_id }) => difference_id),
    [left.difference_id],
  );
  assert.equal((await close(left.difference_id, 'A test of ours.')).status, 200);
  assert.deepEqual(await found(), []);
  await world.pool.query(
    'UPDATE payments SET amount_cents = 9999, captured_cents = 9999 WHERE payment_id = $1',
    [payment_id],
  );
  const [anew] = await found();
  assert.ok(anew !== undefined && anew.difference_id !== left.difference_id);
});

test('once the two sides have agreed, what somebody had settled is over: the same again is told of anew', async () => {
  const { payment_id } = await world.pay();
  const caller = await world.caller({ scope: 'admin:refunds' });
  const { body: made } = await caller.post('/v1/admin/refunds', { payment_id, amount_cents: 700 });
  /** As if somebody had written into the books. */
  const amount = (cents: number) =>
    world.pool.query(
      `WITH moved AS (UPDATE refunds SET amount_cents = $2, counted_cents = $2 WHERE refund_id = $1)
       UPDATE payments SET refunded_cents = $2 WHERE payment_id = $3`,
      [made.refund_id, cents, payment_id],
    );
  const found = async () => {
    await reconcile(deps(), { from: new Date(YESTERDAY), to: new Date() });
    return (await differences('open=true')).map(({ difference_id }) => difference_id);
  };
  await amount(699);
  const [first = ''] = await found();
  assert.equal((await close(first, 'It is known.')).status, 200);
  assert.deepEqual(await found(), []);
  await amount(700);
  assert.deepEqual(await found(), []);
  await amount(699);
  const [again] = await found();
  assert.ok(again !== undefined && again !== first);
  await amount(700);
  assert.deepEqual(await found(), []);
});

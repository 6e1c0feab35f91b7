import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { createRefund } from '../../../local/stripe/resources/refunds.ts';
import {
  type Caller,
  type IssuingWorld,
  type PaidCharge,
  startIssuing,
} from '../../../test/support/issuing.ts';
import { Service, settingsOf } from '../../../test/support/service.ts';
import { eraseCustomer } from '../erasure/erase.ts';
import { until } from '../stripe/test-world.ts';
import type { BatchStatus, RowStatus } from './batch.ts';
import { type BatchWorkerDeps, runNextRow, startBatches } from './worker.ts';

const BATCHES = '/v1/admin/refund-batches';
const APPROVAL_LIMITS = { agent: { usd: 5_000 } };
const reason = 'canceled_order';

interface Batch {
  batch_id: string;
  status: BatchStatus;
  counts: Record<RowStatus, number>;
  held_up: { code: string; message: string } | null;
  started_by_id: string | null;
  error: string;
  message: string;
}
interface Row {
  row: number;
  status: RowStatus;
  refund_id: string | null;
  refund_status: string | null;
  refusal: { code: string; message: string } | null;
  reason: string | null;
  note: string | null;
}

let world: IssuingWorld;
let agent: Caller;
let approver: Caller;
let deps: BatchWorkerDeps;

before(async () => {
  world = await startIssuing({
    approvalLimits: APPROVAL_LIMITS,
    sending: { timeout_ms: 1_000, breaks_after: 1_000 },
  });
  agent = await world.caller({ as: 'agent' });
  approver = await world.caller({ as: 'approver' });
  deps = { ...world.deps, pool: world.pool, approvalLimits: APPROVAL_LIMITS, refunds_per_second: 100 };
});
beforeEach(async () => {
  world.standIn.faults.clear();
  // Nothing of another test is due.
  await world.pool.query(
    `UPDATE refund_batches SET due_at = CASE WHEN status = 'running' THEN clock_timestamp() + interval '1 day' END`,
  );
});
after(() => world[Symbol.asyncDispose]());

/** A batch of that many payments, each refunded by 10.00 of 100.00. */
async function draft(count: number) {
  const paid: PaidCharge[] = [];
  for (let n = 0; n < count; n += 1) paid.push(await world.pay());
  const rows = paid.map(({ payment_id }) => ({ payment_id, amount_cents: 1_000, reason }));
  return { paid, ...(await create(rows)) };
}

async function create(rows: object[]) {
  const { status, body, text } = await agent.post<Batch>(BATCHES, { rows });
  assert.equal(status, 201, text);
  const { batch_id } = body;
  const command = async (verb: 'run' | 'stop', caller = agent) => {
    const answer = await caller.post<Batch>(`${BATCHES}/${batch_id}/${verb}`);
    assert.equal(answer.status, 200, answer.text);
    return answer.body;
  };
  return {
    batch_id,
    run: (caller?: Caller) => command('run', caller),
    stop: (caller?: Caller) => command('stop', caller),
    read: async () => (await agent.get<Batch>(`${BATCHES}/${batch_id}`)).body,
    rows: async () => (await agent.get<{ rows: Row[] }>(`${BATCHES}/${batch_id}/rows?limit=100`)).body.rows,
    /** As if whoever works on it had died a while ago. */
    abandon: async () => {
      await world.pool.query(
        'UPDATE refund_batches SET due_at = clock_timestamp() WHERE batch_id = $1 AND due_at IS NOT NULL',
        [batch_id],
      );
      await world.abandonKeys();
    },
  };
}

/** Works until nothing is due, which is looked at some milliseconds apart by the batch's pace. */
async function work(batch: { read(): Promise<Batch> }, status: BatchStatus = 'finished') {
  await until(async () => {
    await runNextRow(deps);
    return (await batch.read()).status === status;
  });
}

const assertOneEach = (paid: PaidCharge[]) =>
  assert.deepEqual(
    paid.map((one) => world.refundsAtStripe(one).map(({ amount }) => amount)),
    paid.map(() => [1_000]),
  );

const auditOf = async (entityId: string) =>
  (
    await world.pool.query<{ event_type: string; actor_id: string; request_id: string | null }>(
      `SELECT event_type, actor_id, request_id FROM audit_log
       WHERE entity_id = $1 AND event_type !~ '\\.(read|listed)$' ORDER BY audit_id`,
      [entityId],
    )
  ).rows;

test('a batch issues each of its rows once, as whoever has started it, and says so in the audit log and in events', async () => {
  const batch = await draft(3);
  const started = await batch.run(approver);
  assert.deepEqual([started.status, started.started_by_id], ['running', 'approver']);
  await work(batch);
  assert.deepEqual((await batch.read()).counts, { checked: 0, cannot: 0, running: 0, issued: 3, failed: 0 });
  assertOneEach(batch.paid);
  for (const { refund_id, refund_status } of await batch.rows()) {
    const row = await world.row(refund_id ?? '');
    assert.deepEqual([refund_status, row.requested_by_id, row.reason], ['succeeded', 'approver', reason]);
  }
  const steps = await auditOf(batch.batch_id);
  assert.deepEqual(
    steps.map(({ event_type, actor_id }) => [event_type, actor_id]),
    [
      ['refund_batch.created', 'agent'],
      ['refund_batch.started', 'approver'],
      ['refund_batch.finished', 'payments'],
    ],
  );
  // The request in which it was started leads from its refunds to the batch.
  const [refund] = await batch.rows();
  const [requested] = await auditOf(refund?.refund_id ?? '');
  assert.equal(requested?.request_id, steps[1]?.request_id);
  const { rows: events } = await world.pool.query(
    'SELECT event_type FROM outbox WHERE entity_id = $1 ORDER BY outbox_id',
    [batch.batch_id],
  );
  assert.deepEqual(
    events.map(({ event_type }) => event_type),
    ['refund_batch.created.v1', 'refund_batch.started.v1', 'refund_batch.finished.v1'],
  );
});

test('a row above the limit of who started it becomes a refund that awaits approval, by somebody else', async () => {
  const paid = await world.pay();
  const batch = await create([{ payment_id: paid.payment_id, amount_cents: 6_000, reason }]);
  await batch.run();
  await work(batch);
  const [row] = await batch.rows();
  assert.deepEqual([row?.status, row?.refund_status], ['issued', 'awaiting_approval']);
  assert.equal(world.refundsAtStripe(paid).length, 0);
  const own = await agent.post(`/v1/admin/refunds/${row?.refund_id}/approve`, {});
  assert.equal(own.status, 403);
  const approved = await approver.post(`/v1/admin/refunds/${row?.refund_id}/approve`, {});
  assert.equal(approved.status, 200);
  assert.equal((await batch.rows())[0]?.refund_status, 'succeeded');
});

test('a row whose payment was refunded meanwhile fails with the sentence, and the batch goes on', async () => {
  const batch = await draft(3);
  const [, second] = batch.paid;
  await agent.post('/v1/admin/refunds', { payment_id: second?.payment_id, amount_cents: 4_500 });
  await agent.post('/v1/admin/refunds', { payment_id: second?.payment_id, amount_cents: 4_600 });
  await batch.run();
  await work(batch);
  assert.deepEqual((await batch.read()).counts, { checked: 0, cannot: 0, running: 0, issued: 2, failed: 1 });
  const failed = (await batch.rows())[1];
  assert.deepEqual(
    [failed?.status, failed?.refund_id, failed?.refusal],
    [
      'failed',
      null,
      {
        code: 'conflict',
        message: '10.00 USD is more than what is left to refund: 9.00 USD.',
      },
    ],
  );
});

test('a row that Stripe refuses fails with Stripe’s reason and the refund that failed, and the batch goes on', async () => {
  const batch = await draft(2);
  const [first] = batch.paid;
  // The books do not know of it yet.
  createRefund(world.standIn.world, { charge: first?.charge_id ?? '' });
  await batch.run();
  await work(batch);
  const [failed, issued] = await batch.rows();
  assert.deepEqual([failed?.status, failed?.refund_status, issued?.status], ['failed', 'failed', 'issued']);
  assert.deepEqual(failed?.refusal?.code, 'conflict');
  assert.match(failed?.refusal?.message ?? '', /^Stripe refused the refund: /);
});

test('stopped, nothing more is issued; run again by somebody else, the rest is issued as them, and no row twice', async () => {
  const batch = await draft(4);
  await batch.run();
  await until(async () => {
    await runNextRow(deps);
    return (await batch.read()).counts.issued === 2;
  });
  assert.equal((await batch.stop()).status, 'stopped');
  for (let n = 0; n < 5; n += 1) await runNextRow(deps);
  assert.deepEqual((await batch.read()).counts, { checked: 2, cannot: 0, running: 0, issued: 2, failed: 0 });
  assert.equal((await batch.stop()).status, 'stopped', 'stopped already, it stays so');
  // As a worker leaves it that had taken it and died after another had ended its row.
  await world.pool.query('UPDATE refund_batches SET due_at = clock_timestamp() WHERE batch_id = $1', [
    batch.batch_id,
  ]);
  for (let n = 0; n < 3; n += 1) await runNextRow(deps);
  assert.deepEqual((await batch.read()).counts.checked, 2);
  await batch.run(approver);
  await work(batch);
  assertOneEach(batch.paid);
  const askers = [];
  for (const { refund_id } of await batch.rows())
    askers.push((await world.row(refund_id ?? '')).requested_by_id);
  assert.deepEqual(askers, ['agent', 'agent', 'approver', 'approver']);
  const again = await agent.post<Batch>(`${BATCHES}/${batch.batch_id}/run`);
  assert.deepEqual([again.status, again.body.error], [412, 'precondition_failed']);
});

test('a row that was being issued when its batch was stopped and its worker died still comes to its end, and nothing after it', async () => {
  const batch = await draft(2);
  await batch.run();
  await assert.rejects(runNextRow({ ...deps, ...dyingAfter('taken') }));
  await batch.stop();
  assert.deepEqual((await batch.read()).counts.running, 1);
  await batch.abandon();
  await until(async () => {
    await runNextRow(deps);
    return (await batch.read()).counts.running === 0;
  });
  for (let n = 0; n < 3; n += 1) await runNextRow(deps);
  const { status, counts } = await batch.read();
  assert.deepEqual([status, counts.issued, counts.checked], ['stopped', 1, 1]);
});

/** A worker that dies as a machine does: what it has written stands, and nothing more comes of it. */
function dyingAfter(when: 'taken' | 'sent'): Pick<BatchWorkerDeps, 'provider' | 'pool'> {
  let dead = false;
  const die = () => {
    dead = true;
    throw new Error('dead');
  };
  const connect = async () => {
    if (dead) throw new Error('dead');
    return await world.pool.connect();
  };
  const alive = <T extends object>(pool: T): T =>
    new Proxy(pool, {
      get(target, name) {
        if (name === 'ofBrand') return (brand: string) => alive(world.pool.ofBrand(brand));
        if (name === 'connect' && target === (world.pool as unknown)) return connect;
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) =>
          dead ? Promise.reject(new Error('dead')) : Reflect.apply(value, target, args);
      },
    });
  return {
    pool: alive(world.pool),
    provider: {
      ...deps.provider,
      createRefund: async (...order) => {
        if (when === 'sent') await deps.provider.createRefund(...order);
        return die();
      },
    },
  };
}

for (const when of ['taken', 'sent'] as const) {
  test(`a worker that dies in mid-row once it has ${when} it leaves a row that another goes on with: one refund`, async () => {
    const batch = await draft(2);
    await batch.run();
    await assert.rejects(runNextRow({ ...deps, ...dyingAfter(when) }));
    assert.equal(await runNextRow(deps), false, 'the batch is still taken to be in good hands');
    await batch.abandon();
    await work(batch);
    assert.deepEqual((await batch.read()).counts, {
      checked: 0,
      cannot: 0,
      running: 0,
      issued: 2,
      failed: 0,
    });
    await world.pool.query('UPDATE refunds SET recover_at = clock_timestamp() WHERE recover_at IS NOT NULL');
    assertOneEach(batch.paid);
  });
}

test('a row that was sent for one person is not sent again when another resumes the batch', async () => {
  const batch = await draft(2);
  await batch.run();
  await assert.rejects(runNextRow({ ...deps, ...dyingAfter('sent') }));
  await batch.stop();
  await batch.run(approver);
  await batch.abandon();
  await work(batch);
  assertOneEach(batch.paid);
  const [first, second] = await batch.rows();
  assert.equal((await world.row(first?.refund_id ?? '')).requested_by_id, 'agent');
  assert.equal((await world.row(second?.refund_id ?? '')).requested_by_id, 'approver');
});

test('whoever takes a row over too early waits for the first to come to its end', async () => {
  const batch = await draft(1);
  await batch.run();
  await assert.rejects(runNextRow({ ...deps, ...dyingAfter('taken') }));
  await world.pool.query('UPDATE refund_batches SET due_at = clock_timestamp() WHERE batch_id = $1', [
    batch.batch_id,
  ]);
  await runNextRow(deps);
  const { status, counts, held_up } = await batch.read();
  assert.deepEqual([status, counts.running, held_up?.code], ['running', 1, 'conflict']);
  assert.match(held_up?.message ?? '', /never refunded twice/);
  await batch.abandon();
  await work(batch);
  assert.equal((await batch.read()).held_up, null);
  assertOneEach(batch.paid);
});

test('two workers at once refund each row of each batch once', async () => {
  const batches = [await draft(12), await draft(12), await draft(12)];
  for (const batch of batches) await batch.run();
  const workers = [startBatches(deps), startBatches(deps), startBatches(deps)];
  try {
    for (const batch of batches) await until(async () => (await batch.read()).status === 'finished');
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
  for (const batch of batches) {
    assertOneEach(batch.paid);
    assert.equal((await batch.read()).counts.issued, 12);
  }
});

test('a worker that is told to stop ends its row, and another goes on at once', async () => {
  const batch = await draft(8);
  await batch.run();
  const first = startBatches(deps);
  await until(async () => (await batch.read()).counts.issued >= 2);
  await first.stop();
  const { status, counts } = await batch.read();
  assert.deepEqual([status, counts.running], ['running', 0]);
  const second = startBatches(deps);
  try {
    await until(async () => (await batch.read()).status === 'finished');
  } finally {
    await second.stop();
  }
  assertOneEach(batch.paid);
});

test('two processes, one of them killed in mid-row: the other goes on, and each row is refunded once', async () => {
  const batch = await draft(6);
  const settings = { ...settingsOf(world), ROLE: 'worker', BATCH_REFUNDS_PER_SECOND: '50' };
  await using first = new Service(settings);
  await first.ready();
  // Stripe makes the refund, and its answer never arrives.
  world.standIn.faults.add({ kind: 'timeout_after', method: 'POST', route: '/v1/refunds' });
  await batch.run();
  await until(async () => batch.paid.some((paid) => world.refundsAtStripe(paid).length > 0));
  await first.stop('SIGKILL');
  world.standIn.faults.clear();
  assert.deepEqual((await batch.read()).counts.running, 1);
  await using second = new Service(settings);
  await second.ready();
  await batch.abandon();
  await until(async () => (await batch.read()).status === 'finished');
  assert.equal((await batch.read()).counts.issued, 6);
  assertOneEach(batch.paid);
});

test('while Stripe cannot be asked the batch says so and waits, with nothing sent; and then goes on by itself', async () => {
  const batch = await draft(1);
  await batch.run();
  let paused_ms = 1_000;
  const provider = { ...deps.provider, pausedFor_ms: () => paused_ms };
  await runNextRow({ ...deps, provider });
  const { status, counts, held_up } = await batch.read();
  assert.deepEqual([status, counts.checked, held_up?.code], ['running', 1, 'service_unavailable']);
  paused_ms = 0;
  await until(async () => {
    await runNextRow({ ...deps, provider });
    return (await batch.read()).status === 'finished';
  });
  assertOneEach(batch.paid);
});

test('a refund of which it is not known what has become is the row’s: the row is issued, and the refund ends by itself', async () => {
  const batch = await draft(1);
  world.standIn.faults.add({ kind: 'error_500_after', method: 'POST', route: '/v1/refunds' });
  await batch.run();
  await work(batch);
  const [row] = await batch.rows();
  assert.deepEqual([row?.status, row?.refund_status], ['issued', 'pending']);
});

test('a customer who is erased between the check and the run is not refunded, and what was written of them is gone', async () => {
  const customer_id = 'customer_to_be_erased';
  const paid = await world.pay({ customer_id });
  const other = await world.pay();
  const batch = await create([
    { payment_id: paid.payment_id, reason: 'allergic to walnuts', note: 'called about the hazelnuts' },
    { payment_id: other.payment_id, amount_cents: 1_000, reason },
  ]);
  const erased = await eraseCustomer(world.pool, { brand_id: 'default', customer_id });
  assert.equal(erased.status, 'erased');
  await batch.run();
  await work(batch);
  const [first, second] = await batch.rows();
  assert.deepEqual(
    [first?.status, first?.reason, first?.note, first?.refusal?.code],
    ['failed', null, null, 'precondition_failed'],
  );
  assert.equal(second?.status, 'issued');
  assert.equal(world.refundsAtStripe(paid).length, 0);
  const { rows } = await world.pool.query(
    `SELECT (SELECT json_agg(b) FROM refund_batches b) AS batches, (SELECT json_agg(r) FROM refund_batch_rows r) AS rows,
            (SELECT json_agg(a) FROM audit_log a) AS audit, (SELECT json_agg(o) FROM outbox o) AS events`,
  );
  assert.doesNotMatch(JSON.stringify(rows) + world.logged(), /walnut|hazelnut|customer_to_be_erased/);
});

test('what cannot be run or stopped is refused with a sentence', async () => {
  const nothing = await create([{ payment_id: 'payment_nowhere', reason }]);
  const refused = async (batchId: string, verb: string, caller = agent) => {
    const { status, body } = await caller.post<Batch>(`${BATCHES}/${batchId}/${verb}`);
    return [status, body.message];
  };
  assert.deepEqual(await refused(nothing.batch_id, 'run'), [
    412,
    'Nothing of the batch can be refunded: its rows say why.',
  ]);
  assert.deepEqual(await refused(nothing.batch_id, 'stop'), [
    412,
    'The batch does not run: nothing of it has been sent.',
  ]);
  assert.deepEqual(await refused('batch_nowhere', 'run'), [404, 'There is no such batch.']);
  const stranger = await world.caller({ scope: 'admin:refunds', brand: 'globex' });
  assert.deepEqual(await refused(nothing.batch_id, 'run', stranger), [404, 'There is no such batch.']);
});

test('rows go out at the pace of the setting at the most', async () => {
  const batch = await draft(5);
  await batch.run();
  const begun = performance.now();
  const worker = startBatches({ ...deps, refunds_per_second: 10 });
  try {
    await until(async () => (await batch.read()).counts.issued === 5);
  } finally {
    await worker.stop();
  }
  assert.ok(performance.now() - begun >= 400, 'four pauses of a tenth of a second');
});

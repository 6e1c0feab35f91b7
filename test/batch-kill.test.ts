import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../service/src/stripe/test-world.ts';
import { type PaidCharge, startIssuing } from './support/issuing.ts';
import { Service, settingsOf } from './support/service.ts';

/** BATCH_ROWS=5000 for as many as a batch may have. */
const ROWS = Number(process.env.BATCH_ROWS ?? 300);
const KILLS = 10;
const BATCHES = '/v1/admin/refund-batches';

interface Batch {
  batch_id: string;
  status: string;
  counts: { checked: number; cannot: number; running: number; issued: number; failed: number };
}

test(`a batch of ${ROWS} whose worker is killed ${KILLS} times ends with each row refunded once`, {
  timeout: 900_000,
}, async (t) => {
  await using world = await startIssuing();
  const agent = await world.caller({ scope: 'admin:refunds' });
  const paid: PaidCharge[] = [];
  while (paid.length < ROWS) paid.push(...(await Promise.all(Array.from({ length: 20 }, () => world.pay()))));
  const csv = `payment_id,amount_cents,reason\r\n${paid.map(({ payment_id }) => `${payment_id},1000,canceled_order\r\n`).join('')}`;
  const response = await fetch(`${world.url}${BATCHES}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${(await world.issuer.mintToken({ scope: 'admin:refunds' })).access_token}`,
      'content-type': 'text/csv',
    },
    body: csv,
  });
  assert.equal(response.status, 201);
  const { batch_id, counts } = (await response.json()) as Batch;
  assert.equal(counts.checked, paid.length);
  const read = async () => (await agent.get<Batch>(`${BATCHES}/${batch_id}`)).body;
  const done = async () => {
    const { issued, failed } = (await read()).counts;
    return issued + failed;
  };
  assert.equal((await agent.post(`${BATCHES}/${batch_id}/run`)).status, 200);

  const settings = {
    ...settingsOf({ databaseUrl: world.databaseUrl, standIn: world.standIn, issuer: world.issuer }),
    ROLE: 'worker',
    BATCH_REFUNDS_PER_SECOND: '100',
  };
  for (let kills = 1; kills <= KILLS; kills += 1) {
    await using worker = new Service(settings);
    const enough = Math.floor((paid.length * kills) / (KILLS + 1));
    await until(async () => (await done()) > 0 || worker.child.exitCode !== null);
    while ((await done()) < enough) assert.equal(worker.child.exitCode, null, worker.output);
    worker.child.kill('SIGKILL');
    await worker.ended;
    // What the dead one held is let go: as if the minute for which it had taken the batch were over.
    await world.pool.query(
      'UPDATE refund_batches SET due_at = clock_timestamp() WHERE batch_id = $1 AND due_at IS NOT NULL',
      [batch_id],
    );
    await world.abandonKeys();
  }
  await using worker = new Service(settings);
  while ((await read()).status !== 'finished') assert.equal(worker.child.exitCode, null, worker.output);
  assert.equal(await worker.stop(), 0, worker.output);

  assert.deepEqual((await read()).counts, {
    checked: 0,
    cannot: 0,
    running: 0,
    issued: paid.length,
    failed: 0,
  });
  for (const one of paid) {
    assert.deepEqual(
      world.refundsAtStripe(one).map(({ amount }) => amount),
      [1_000],
    );
  }
  const { rows } = await world.pool.query<{ refunds: number; again: number }>(
    `SELECT (SELECT count(*) FROM refunds) AS refunds, (SELECT count(*) FROM audit_log WHERE event_type = 'refund.requested') AS again`,
  );
  assert.deepEqual(rows, [{ refunds: paid.length, again: paid.length }]);
  t.diagnostic(`${paid.length} rows, ${KILLS} kills`);
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestApp, type TestApp } from '../../../test/support/app.ts';
import { readDeclared } from '../../../test/support/declared.ts';
import { makeDifference } from '../../../test/support/make.ts';
import { raiseAnomaly } from '../audit/anomalies.ts';
import { alone } from '../database/alone.ts';

const PATH = '/v1/admin/operations';

interface Depth {
  events: number;
  oldest_s: number;
}
interface Answer {
  inbox: Record<'received' | 'unmatched' | 'failed', Depth>;
  unknown_outcomes: { refunds: number; oldest_s: number };
  sending: { status: string; paused_ms: number };
  workers: { alive: number; last_seen_at: string | null };
  backfill: { since: string; finished_at: string | null } | null;
  reconciliation: {
    under_way: boolean;
    last_started_at: string | null;
    last_finished_at: string | null;
    differences_open: number;
  };
  anomalies_open: number;
  audit: { unsealed_s: number };
}

let paused_ms = 0;
let world: TestApp;
before(async () => {
  world = await startTestApp({ around: (provider) => ({ ...provider, pausedFor_ms: () => paused_ms }) });
});
after(() => world[Symbol.asyncDispose]());

async function ask(headers: Record<string, string> = {}, brand?: string) {
  const { access_token } = await world.issuer.mintToken({
    scope: 'admin:operations.read',
    ...(brand === undefined ? {} : { brand }),
  });
  const response = await world.get(PATH, { authorization: `Bearer ${access_token}`, ...headers });
  return { status: response.status, body: await readDeclared<Answer>(PATH, response) };
}

test('where nothing has happened yet nothing waits and nothing was ever seen', async () => {
  const { status, body } = await ask();
  assert.equal(status, 200);
  const none = { events: 0, oldest_s: 0 };
  assert.deepEqual(body, {
    inbox: { received: none, unmatched: none, failed: none },
    unknown_outcomes: { refunds: 0, oldest_s: 0 },
    sending: { status: 'open', paused_ms: 0 },
    workers: { alive: 0, last_seen_at: null },
    backfill: null,
    reconciliation: {
      under_way: false,
      last_started_at: null,
      last_finished_at: null,
      differences_open: 0,
    },
    anomalies_open: 0,
    audit: { unsealed_s: 0 },
  });
});

test('what waits, is not known, contradicts itself or has stopped shows', async () => {
  const { pool } = world;
  await pool.query(
    `INSERT INTO stripe_events (event_id, stripe_event_id, event_type, livemode, status, stripe_created_at, received_at)
     SELECT 'event_' || status || n, 'evt_' || status || n, 'charge.updated', false, status, now(), now() - make_interval(secs => 100 * n)
     FROM unnest(ARRAY['received', 'failed', 'processed']) AS status, generate_series(1, 2) AS n`,
  );
  await pool.query(
    `INSERT INTO job_workers (worker_id, beat, seen_at)
     VALUES ('now', 7, clock_timestamp()), ('dead', 9, clock_timestamp() - interval '1 minute')`,
  );
  await pool.query(
    `INSERT INTO backfills (backfill_id, since, window_from, window_until, step, counts, started_at, updated_at)
     VALUES ('backfill_1', '2026-01-01Z', now(), now(), 'charges', '{}', now(), now())`,
  );
  await pool.query(
    `INSERT INTO audit_log (occurred_at, actor_type, actor_id, brand_id, event_type, entity_type, entity_id, details)
     VALUES (now() - interval '50 seconds', 'system', 'payments', 'default', 'a.b', 'payment', '*', '{}')`,
  );
  await makeDifference(pool, { brand_id: 'acme' });
  await makeDifference(pool);
  await raiseAnomaly(pool, {
    kind: 'amount_changed',
    brand_id: 'acme',
    entity_type: 'refund',
    entity_id: 'refund_1',
    details: {},
  });
  paused_ms = 4_000;
  const { body } = await ask();
  paused_ms = 0;
  assert.equal(body.inbox.received.events, 2);
  assert.ok(body.inbox.received.oldest_s >= 200 && body.inbox.received.oldest_s < 260);
  assert.deepEqual([body.inbox.failed.events, body.inbox.unmatched.events], [2, 0]);
  assert.deepEqual(body.sending, { status: 'paused', paused_ms: 4_000 });
  assert.equal(body.workers.alive, 1);
  assert.ok(Date.now() - Date.parse(body.workers.last_seen_at ?? '') < 60_000);
  assert.deepEqual([body.backfill?.since, body.backfill?.finished_at], ['2026-01-01T00:00:00.000Z', null]);
  assert.equal(body.reconciliation.differences_open, 2);
  assert.ok(body.reconciliation.last_started_at !== null && body.reconciliation.last_finished_at !== null);
  assert.equal(body.anomalies_open, 1);
  assert.ok(body.audit.unsealed_s >= 50);
});

test('a reconciliation is under way for as long as somebody holds its lock, whoever does', async () => {
  const seen = await alone(world.pool, 'reconcile', async () => (await ask()).body.reconciliation.under_way);
  assert.equal(seen, true);
  const other = await alone(world.pool, 'backfill', async () => (await ask()).body.reconciliation.under_way);
  assert.equal(other, false);
});

test('it is of all brands: whoever is bound to one, or names one, is told so', async () => {
  assert.equal((await ask({}, 'default')).status, 403);
  assert.equal((await ask({ 'x-brand-id': 'default' })).status, 403);
});

import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import pino from 'pino';
import { startPostgres } from '../../../local/postgres/start.ts';
import { createPaymentIntent } from '../../../local/stripe/resources/payment_intents.ts';
import { startStripe } from '../../../local/stripe/server.ts';
import { assertBooksBalance } from '../../../test/support/books.ts';
import { migrate } from '../database/migrate.ts';
import { createPool } from '../database/pool.ts';
import { createStripe } from './client.ts';
import { receiveEvent } from './inbox.ts';
import { until } from './test-world.ts';
import { startWorker } from './worker.ts';

const API_KEY = 'sk_test_a_key_of_a_test';

test('a worker whose database is stopped, in the middle of its jobs, goes on by itself once it is back', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'payments-outage-'));
  await chmod(directory, 0o755);
  const options = { dataDirectory: directory, durable: false };
  let postgres = await startPostgres(options);
  const { url, port } = postgres;
  const standIn = await startStripe({ databaseFile: ':memory:', apiKey: API_KEY });
  await migrate(url);
  const pool = createPool({ connectionString: url, max: 10, onError: () => {} });
  const stripe = createStripe({ api_key: API_KEY, api_base: standIn.url });
  const log = pino({ level: 'silent' });
  const worker = await startWorker({ pool, stripe, default_brand: 'house', connectionString: url, log });
  try {
    let number = 0;
    const receive = async () => {
      const { intent } = createPaymentIntent(standIn.world, {
        amount: 900,
        currency: 'usd',
        payment_method: 'pm_card_visa',
        confirm: true,
      });
      number += 1;
      const head = {
        stripe_event_id: `evt_${number}`,
        event_type: 'payment_intent.succeeded',
        object_type: 'payment_intent',
        object_id: intent.id,
        livemode: false,
        stripe_account_id: null,
        stripe_created_at: new Date(),
      };
      await receiveEvent(pool, head, { live: false });
    };
    for (let index = 0; index < 30; index += 1) await receive();
    // Stripe is slow enough for jobs to be under way while the database goes.
    const slow = standIn.faults.add({ kind: 'slow', ms: 300 });
    await until(async () => {
      const { rows } = await pool.query('SELECT 1 FROM graphile_worker.jobs WHERE locked_at IS NOT NULL');
      return rows.length > 0;
    });
    await postgres.stop();
    await assert.rejects(pool.query('SELECT 1'));
    await wait(3_000);
    postgres = await startPostgres({ ...options, port });
    standIn.faults.clear(slow.id);
    // What was under way when it went is locked by a worker that did not get to say how it ended.
    await until(async () => {
      const { rows } = await pool
        .query("SELECT count(*) FILTER (WHERE status = 'processed') AS done FROM stripe_events")
        .catch(() => ({ rows: [] }));
      return rows[0]?.done >= 20;
    });
    await receive();
    await until(async () => {
      const { rows } = await pool.query('SELECT status FROM stripe_events WHERE stripe_event_id = $1', [
        `evt_${number}`,
      ]);
      return rows[0]?.status === 'processed';
    });
    await assertBooksBalance(pool);
  } finally {
    await worker.stop();
    await pool.end();
    await standIn.close();
    await postgres.stop();
    await rm(postgres.directory, { recursive: true, force: true });
    await rm(directory, { recursive: true, force: true });
  }
});

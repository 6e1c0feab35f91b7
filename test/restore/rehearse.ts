import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import type Stripe from 'stripe';
import { startIssuer } from '../../local/issuer/start.ts';
import { chooseAccount } from '../../local/postgres/account.ts';
import { readPidFile } from '../../local/postgres/orphan.ts';
import { type Postgres, startPostgres } from '../../local/postgres/start.ts';
import { createPaymentIntent } from '../../local/stripe/resources/payment_intents.ts';
import { createRefund } from '../../local/stripe/resources/refunds.ts';
import { createWebhookEndpoint } from '../../local/stripe/resources/webhook_endpoints.ts';
import { type StripeStandIn, startStripe } from '../../local/stripe/server.ts';
import { TEST_KEY } from '../../local/stripe/testing.ts';
import { transact } from '../../local/stripe/world.ts';
import { until } from '../../service/src/stripe/test-world.ts';
import { execute } from '../support/database.ts';
import { runProgram } from '../support/program.ts';
import { Service, settingsOf } from '../support/service.ts';
import { archiving, give, layOut, takeBaseBackup } from './backup.ts';

/** How far behind the archive may be; in production a minute or less. */
const ARCHIVE_TIMEOUT_s = 2;
const PRICE_cents = 10_000;

export interface RehearsalOptions {
  /** Payments, of which one part each is refunded in each phase. */
  payments: number;
  /** Told in a sentence what is being done. */
  onProgress?: (sentence: string) => void;
}

/** How long each step back to serving took. */
interface Steps {
  copy_ms: number;
  replay_ms: number;
  verify_ms: number;
  reconcile_ms: number;
  start_ms: number;
  total_ms: number;
}

export interface RehearsalReport {
  base_backup: { ms: number; bytes: number };
  /** Somebody has dropped a table; back to just before. */
  mistake: Steps & { refunds_kept: number; refunds_brought_back: number };
  /** The server and its disk are gone; back to the end of the archive. */
  disk: Steps & { answered: number; missing: number; missing_s: number };
}

/**
 * Loses the books twice, once by a mistake and once with the disk, and gets them back each time: a base backup that was taken under
 * load, the archived log, `payments verify`, `payments reconcile`. What was answered before the point in time is there; what Stripe
 * has done since comes back from Stripe; and no refund that is asked for again is paid a second time.
 */
export async function rehearse({
  payments,
  onProgress = () => {},
}: RehearsalOptions): Promise<RehearsalReport> {
  await using stack = new AsyncDisposableStack();
  const world = await startWorld(stack);
  const { standIn, folder } = world;

  onProgress('A server that archives its log, the service, and payments.');
  const first = await world.launch('first', {});
  const service = await world.serve(first);
  for (let number = 0; number < payments; number += 1) pay(standIn);
  await until(async () => (await count(first, 'payments')) === payments);
  const ids = await listPayments(first);
  const issue = (key: string, index: number, body: object) =>
    world.post(key, { payment_id: ids[index % ids.length], reason: 'duplicate', ...body });

  onProgress('A base backup, while refunds are issued.');
  const base = join(folder, 'base');
  let backed = false;
  let asked = 0;
  const issuing = (async () => {
    for (; !backed || asked < payments; asked += 1) {
      assert.equal((await issue(`during-${asked}`, asked, { amount_cents: 10 + asked })).status, 201);
    }
  })();
  const [base_ms, { bytes }] = await timed(() =>
    takeBaseBackup(first.url, join(first.directory, 'cluster'), base),
  );
  backed = true;
  await issuing;

  onProgress('More refunds, one of them with an answer of Stripe that is lost; then the point in time.');
  const kept = await issue('kept', 0, { amount_cents: 1_000 });
  assert.equal(kept.status, 201);
  await world.settle(first);
  standIn.faults.add({ kind: 'error_500_after', method: 'POST', route: '/v1/refunds', times: 1 });
  const untold = standIn.faults.addWebhook({ kind: 'lost' });
  const unknown = await issue('unknown', 1, { amount_cents: 1_111 });
  assert.deepEqual([unknown.status, JSON.parse(unknown.text).status], [202, 'pending']);
  const point = await readPoint(first);
  standIn.faults.clear(untold.id);

  onProgress('Refunds after it, one in the dashboard; then somebody drops the table of refunds.');
  const later = Array.from({ length: Math.min(10, payments - 4) }, (_, number) => 4 + number);
  for (const index of later)
    assert.equal((await issue(`later-${index}`, index, { amount_cents: 500 })).status, 201);
  const all = await issue('all-of-it', 2, {});
  assert.equal(all.status, 201);
  const guarded = { amount_cents: 700, expected_refundable_cents: await refundable(first, ids[3]) };
  assert.equal((await issue('guarded', 3, guarded)).status, 201);
  refundInDashboard(standIn, 700);
  const afterPoint = later.length + 3;
  await world.settle(first);
  await execute(first.url, 'DROP TABLE refunds CASCADE');
  await service.stop();
  // The server is there and can hand over the rest of its log; of a disk that is gone it could not.
  await archiveAll(first);
  await first.stop();

  onProgress(`Back to ${point.at}.`);
  const [second, mistake] = await world.restore('second', { base, until: point.at }, async (postgres) => {
    assert.deepEqual(
      (await readPoint(postgres)).refunds,
      point.refunds,
      'the refunds as they were, and no other',
    );
  });
  const { reconciled } = mistake;
  assert.ok(reconciled.imported >= afterPoint, JSON.stringify(reconciled));
  await assertAsStripe(second, standIn);

  onProgress('What was asked for before and after that point is asked for again.');
  const again = await issue('kept', 0, { amount_cents: 1_000 });
  assert.deepEqual(
    [again.status, again.text],
    [kept.status, kept.text],
    'a key from before keeps its answer',
  );
  const allAgain = await issue('all-of-it', 2, {});
  assert.deepEqual([allAgain.status, JSON.parse(allAgain.text).refundable_cents], [409, 0], allAgain.text);
  const guardedAgain = await issue('guarded', 3, guarded);
  assert.equal(guardedAgain.status, 412, guardedAgain.text);
  await world.settle(second);
  const { refund_id } = JSON.parse(unknown.text) as { refund_id: string };
  const { rows } = await execute(second.url, `SELECT status FROM refunds WHERE refund_id = '${refund_id}'`);
  assert.deepEqual(rows, [{ status: 'succeeded' }], 'what was not known is found out');
  assert.equal(refundsAtStripe(standIn).filter((one) => one.metadata?.refund_id === refund_id).length, 1);
  await assertAsStripe(second, standIn);

  onProgress(
    'A base backup of the server that came back; refunds go on; then it is killed, and its disk is gone.',
  );
  // Also because a server that was restored may not archive by the clock before its first checkpoint, which this makes.
  const next = join(folder, 'next');
  await takeBaseBackup(second.url, join(second.directory, 'cluster'), next);
  const answered: { refund_id: string; at_ms: number }[] = [];
  // The first of them get into the archive, and the last do not: it is three quarters of its time behind.
  const from = await countArchived(second);
  let end_ms = Number.POSITIVE_INFINITY;
  for (let number = 0; Date.now() < end_ms; number += 1) {
    const answer = await issue(`disk-${number}`, 4 + (number % (payments - 4)), {
      amount_cents: 1 + (number % 20),
    });
    assert.equal(answer.status, 201, answer.text);
    answered.push({ refund_id: JSON.parse(answer.text).refund_id, at_ms: Date.now() });
    if (end_ms === Number.POSITIVE_INFINITY && (await countArchived(second)) >= from + 2)
      end_ms = Date.now() + ARCHIVE_TIMEOUT_s * 750;
  }
  const lost_ms = Date.now();
  const pid = readPidFile(join(second.directory, 'cluster'))?.pid;
  assert.ok(pid !== undefined);
  process.kill(pid, 'SIGKILL');
  await mistake.service.stop('SIGKILL');
  await second.stop();
  await rm(join(folder, 'second'), { recursive: true });

  onProgress('Back to the end of the archive.');
  let missing: typeof answered = [];
  const [third, disk] = await world.restore('third', { base: next }, async (postgres) => {
    const { rows: there } = await execute(postgres.url, 'SELECT refund_id FROM refunds');
    const known = new Set(there.map((row) => row.refund_id));
    missing = answered.filter((one) => !known.has(one.refund_id));
  });
  await assertAsStripe(third, standIn);
  await disk.service.stop();
  return {
    base_backup: { ms: base_ms, bytes },
    mistake: {
      ...mistake.steps,
      refunds_kept: point.refunds.length,
      refunds_brought_back: reconciled.imported,
    },
    disk: {
      ...disk.steps,
      answered: answered.length,
      missing: missing.length,
      missing_s: missing[0] === undefined ? 0 : (lost_ms - missing[0].at_ms) / 1_000,
    },
  };
}

async function startWorld(stack: AsyncDisposableStack) {
  const folder = mkdtempSync(join(tmpdir(), 'payments-restore-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  // The account that runs PostgreSQL has to enter it.
  chmodSync(folder, 0o755);
  const account = chooseAccount(join(folder, 'first', 'cluster'));
  const archive = join(folder, 'archive');
  await mkdir(archive);
  if (account !== undefined) await give(archive, account);

  const standIn = await startStripe({ databaseFile: ':memory:', apiKey: TEST_KEY });
  stack.defer(() => standIn.close());
  const issuer = await startIssuer();
  stack.defer(() => issuer.close());
  const { access_token } = await issuer.mintToken({ scope: 'admin:refunds.issue' });
  // Stripe, callers and the console know the service by an address that outlives the server it runs on.
  const PORT = String(await getPort({ host: '127.0.0.1' }));
  const url = `http://127.0.0.1:${PORT}`;
  createWebhookEndpoint(standIn.world, {
    url: `${url}/v1/webhooks/stripe`,
    enabled_events: ['*'],
    secret: 'whsec_test',
  });

  const settings = (postgres: Postgres) => ({
    ...settingsOf({ databaseUrl: postgres.serving_url, standIn, issuer, webhookSecret: 'whsec_test' }),
    DATABASE_MIGRATION_URL: postgres.url,
    RATE_LIMIT_WRITES_PER_MINUTE: '1000000',
    PORT,
  });
  const launch = async (name: string, recovery: Record<string, string>): Promise<Postgres> => {
    const postgres = await startPostgres({
      dataDirectory: join(folder, name),
      settings: { ...archiving(archive, ARCHIVE_TIMEOUT_s), ...recovery },
    });
    stack.defer(() => postgres.stop());
    return postgres;
  };
  const serve = async (postgres: Postgres): Promise<Service> => {
    const service = stack.use(new Service(settings(postgres)));
    await service.ready();
    return service;
  };
  const payments = (postgres: Postgres, ...words: string[]) =>
    runProgram(process.execPath, ['cli/src/main.ts', ...words], settings(postgres));

  return {
    folder,
    standIn,
    launch,
    serve,
    async post(key: string, body: object) {
      const response = await fetch(`${url}/v1/admin/refunds`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${access_token}`,
          'content-type': 'application/json',
          'idempotency-key': key,
        },
        body: JSON.stringify(body),
      });
      return { status: response.status, text: await response.text() };
    },
    /** Waits until nothing is under way: every webhook told and worked off, and of every refund it is known what has become. */
    async settle(postgres: Postgres) {
      await standIn.deliverer.idle();
      await until(
        async () =>
          (await count(postgres, `stripe_events WHERE status = 'received'`)) +
            (await count(postgres, 'refunds WHERE recover_at IS NOT NULL')) ===
          0,
      );
    },
    /** In the order of docs/guides/backup.md: restore, verify, reconcile, serve. */
    async restore(
      name: string,
      { base, until: moment }: { base: string; until?: string },
      look: (postgres: Postgres) => Promise<void>,
    ) {
      const begun = performance.now();
      const into = join(folder, name);
      const password = await readFile(join(folder, 'password'), 'utf8').catch(() =>
        readFile(join(folder, 'first', 'password'), 'utf8'),
      );
      const [copy_ms, recovery] = await timed(async () => {
        const settings = await layOut({ base, archive, into, password, until: moment });
        if (account !== undefined) await give(join(into, 'cluster'), account);
        return settings;
      });
      const [replay_ms, postgres] = await timed(() => launch(name, recovery));
      await look(postgres);
      const verify = async () => {
        for (const words of [['verify'], ['verify', '--audit']]) {
          const verified = await payments(postgres, ...words);
          assert.equal(verified.code, 0, verified.stdout + verified.stderr);
        }
      };
      const [verify_ms] = await timed(verify);
      const from = new Date(Date.now() - 3_600_000).toISOString();
      const [reconcile_ms, compared] = await timed(() =>
        payments(postgres, 'reconcile', '--from', from, '--json'),
      );
      assert.equal(compared.code, 0, compared.stdout + compared.stderr);
      const reconciled = (JSON.parse(compared.stdout) as { done: { imported: number; left: number } }).done;
      await verify();
      const [start_ms, service] = await timed(() => serve(postgres));
      const total_ms = Math.round(performance.now() - begun);
      const steps: Steps = { copy_ms, replay_ms, verify_ms, reconcile_ms, start_ms, total_ms };
      return [postgres, { steps, reconciled, service }] as const;
    },
  };
}

async function timed<T>(work: () => Promise<T>): Promise<[ms: number, result: T]> {
  const begun = performance.now();
  const result = await work();
  return [Math.round(performance.now() - begun), result];
}

async function count({ url }: Postgres, what: string): Promise<number> {
  const { rows } = await execute(url, `SELECT count(*)::int AS n FROM ${what}`);
  return rows[0].n;
}

async function listPayments({ url }: Postgres): Promise<string[]> {
  const { rows } = await execute(url, 'SELECT payment_id FROM payments ORDER BY created_at, payment_id');
  return rows.map((row) => row.payment_id);
}

async function refundable({ url }: Postgres, paymentId: string | undefined): Promise<number> {
  const { rows } = await execute(
    url,
    `SELECT (captured_cents - reserved_cents - refunded_cents)::int AS n FROM payments WHERE payment_id = '${paymentId}'`,
  );
  return rows[0].n;
}

/** What the refunds are, and when that is. */
async function readPoint({ url }: Postgres): Promise<{ at: string; refunds: unknown[] }> {
  const { rows } = await execute(
    url,
    `SELECT clock_timestamp()::text AS at,
            (SELECT jsonb_agg(jsonb_build_array(refund_id, stripe_refund_id, amount_cents, status) ORDER BY refund_id) FROM refunds) AS refunds`,
  );
  return rows[0];
}

/** Ends the segment of the log that is being written, and waits until it is in the archive. */
async function archiveAll({ url }: Postgres): Promise<void> {
  const { rows } = await execute(url, 'SELECT pg_walfile_name(pg_switch_wal()) AS name');
  await until(async () => {
    const { rows: archived } = await execute(url, 'SELECT last_archived_wal AS name FROM pg_stat_archiver');
    return archived[0].name >= rows[0].name;
  });
}

async function countArchived({ url }: Postgres): Promise<number> {
  const { rows } = await execute(url, 'SELECT archived_count::int AS n FROM pg_stat_archiver');
  return rows[0].n;
}

function pay({ world }: StripeStandIn): void {
  transact(world, () =>
    createPaymentIntent(world, {
      amount: PRICE_cents,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
    }),
  );
}

/** A payment that the books do not know yet, and a refund of it that they never will have asked for. */
function refundInDashboard({ world }: StripeStandIn, amount: number): void {
  transact(world, () => {
    const { intent } = createPaymentIntent(world, {
      amount: PRICE_cents,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
    });
    createRefund(world, { payment_intent: intent.id, amount });
  });
}

const refundsAtStripe = ({ world }: StripeStandIn): Stripe.Refund[] =>
  world.store.list('refund', { where: {}, created: {}, limit: 100_000 }).map(({ body }) => body);

/** Every refund of Stripe's is one here, with its amount and status, and none here is missing there. */
async function assertAsStripe({ url }: Postgres, standIn: StripeStandIn): Promise<void> {
  const { rows } = await execute(
    url,
    'SELECT stripe_refund_id AS id, amount_cents::int AS amount, status FROM refunds WHERE stripe_refund_id IS NOT NULL ORDER BY 1',
  );
  const there = refundsAtStripe(standIn)
    .map(({ id, amount, status }) => ({ id, amount, status }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  assert.deepEqual(
    rows.sort((a, b) => (a.id < b.id ? -1 : 1)),
    there,
  );
}

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Stripe from 'stripe';
import { chooseAccount } from '../../local/postgres/account.ts';
import { settleDirectory } from '../../local/postgres/folders.ts';
import { clearOrphan } from '../../local/postgres/orphan.ts';
import { createPool } from '../../service/src/database/pool.ts';
import { assertBooksBalance } from './books.ts';
import { Program, runProgram } from './program.ts';

/** A folder for a local world, and `npm start` in it. */
export interface WorldFolder {
  directory: string;
  /** `npm start -- …options`, on any free port unless told otherwise. */
  start(options?: readonly string[], env?: Record<string, string>): Program;
  /** `npm run -s local -- …words`. */
  run(...words: string[]): ReturnType<typeof runProgram>;
  /** The settings that `local env` prints. */
  env(): Promise<Record<string, string>>;
  /** Removes everything; whatever runs in it has to be stopped before. */
  [Symbol.asyncDispose](): Promise<void>;
}

export async function makeWorldFolder(): Promise<WorldFolder> {
  const directory = await mkdtemp(join(tmpdir(), 'payments-world-'));
  const here = { LOCAL_DIR: directory };
  const run = (...words: string[]) => runProgram(process.execPath, ['local/main.ts', ...words], here);
  return {
    directory,
    start: (options = [], env = {}) =>
      new Program(process.execPath, ['local/start.ts', ...options], { PORT: '0', ...here, ...env }),
    run,
    async env() {
      const { stdout } = await run('env');
      return Object.fromEntries(stdout.matchAll(/^([A-Z_]+)=(.*)$/gm).map(([, key, value]) => [key, value]));
    },
    async [Symbol.asyncDispose]() {
      const wanted = join(directory, 'postgres');
      const kept = await settleDirectory(chooseAccount(join(wanted, 'cluster')), wanted, () => {});
      await clearOrphan(join(kept, 'cluster'), () => {});
      await rm(kept, { recursive: true, force: true });
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Resolves once the world is up and filled. */
export const isUp = (program: Program) => program.says(/All settings/);

/** Holds the books to what Stripe has: every payment and refund, in its status, once; and to their own rules. */
export async function assertBooksComplete(env: Record<string, string>): Promise<void> {
  const { DATABASE_URL = '', STRIPE_API_KEY = '', STRIPE_API_BASE = '' } = env;
  const { hostname, port } = new URL(STRIPE_API_BASE);
  const stripe = new Stripe(STRIPE_API_KEY, { host: hostname, port, protocol: 'http', telemetry: false });
  const atStripe = { payments: new Map<string, string>(), refunds: new Map<string, string>() };
  for await (const { id, status, latest_charge } of stripe.paymentIntents.list({ limit: 100 })) {
    // An intent that was never charged is nothing to refund; one whose charge was declined has failed.
    if (latest_charge !== null)
      atStripe.payments.set(id, status === 'requires_payment_method' ? 'failed' : status);
  }
  for await (const { id, status } of stripe.refunds.list({ limit: 100 }))
    atStripe.refunds.set(id, String(status));
  assert.ok(atStripe.payments.size > 2_900 && atStripe.refunds.size > 500, 'the sample is there');
  const pool = createPool({ connectionString: DATABASE_URL, max: 1 });
  try {
    const { rows: payments } = await pool.query<Row>(
      'SELECT stripe_payment_intent_id AS id, status FROM payments',
    );
    const { rows: refunds } = await pool.query<Row>(
      'SELECT stripe_refund_id AS id, status FROM refunds WHERE stripe_refund_id IS NOT NULL',
    );
    assert.deepEqual(sorted(payments), sorted(toRows(atStripe.payments)));
    assert.deepEqual(sorted(refunds), sorted(toRows(atStripe.refunds)));
    await assertBooksBalance(pool);
  } finally {
    await pool.end();
  }
}

interface Row {
  id: string;
  status: string;
}

const toRows = (known: Map<string, string>): Row[] => [...known].map(([id, status]) => ({ id, status }));
const sorted = (rows: Row[]) => rows.map(({ id, status }) => `${id} ${status}`).sort();

import { setTimeout as pause } from 'node:timers/promises';
import { OPERATOR, recordAudit } from '../audit/record.ts';
import { alone } from '../database/alone.ts';
import { type Pool, type Queryable, withTransaction } from '../database/pool.ts';
import { appendEvent } from '../events/outbox.ts';
import { newId } from '../ids.ts';
import * as queries from './queries.ts';

export interface EraseCommand {
  brand_id: string;
  customer_id: string;
}

export interface EraseProgress {
  step: 'payments' | 'answers';
  done: number;
  all: number;
}

export interface EraseOptions {
  /** Stops it between two payments. */
  signal?: AbortSignal;
  onProgress?: (progress: EraseProgress) => void;
  /** How long transactions that were at work before are waited for. */
  patience_ms?: number;
}

/** What was erased, or would be. */
export interface EraseReport extends queries.Extent {
  brand_id: string;
  /** What stands in the books in place of the customer's id; null where nothing was done. */
  pseudonym: string | null;
  /** Kept answers from which texts were taken, or would be. */
  answers: number;
  /** Refunds that are under way, or owed: with them, their payments stay as they are. */
  left: queries.Obstacle[];
}

export type EraseResult = EraseReport & {
  /**
   * - `erased`: nothing is left of the customer
   * - `refused`: something is under way; nothing was done
   * - `left`: something was begun meanwhile; all but that is erased, and the same call takes the rest
   * - `stopped`: by the signal; the same call goes on
   */
  status: 'erased' | 'refused' | 'left' | 'stopped';
};

/** Another one is at work on this database. */
export class EraseRunning extends Error {
  constructor() {
    super('Another erasure is under way on this database: try again when it has ended.');
  }
}

/** The books have nothing of a customer, and never had. */
export class UnknownCustomer extends Error {
  constructor(brandId: string) {
    super(`There is no payment of that customer in the brand ${brandId}.`);
  }
}

/** Whoever was at work before an erasure began has not come to an end. */
export class EraseHeldUp extends Error {
  constructor() {
    super(
      'A transaction that had begun before has not ended: what was erased so far stays erased, and the same command goes on.',
    );
  }
}

const PATIENCE_ms = 90_000;
const POLL_ms = 20;
const PAYMENTS_AT_ONCE = 200;

/** Says what erasing would do, and does nothing. */
export async function previewErasure(
  pool: Pool,
  { brand_id, customer_id }: EraseCommand,
): Promise<EraseReport> {
  const known = await queries.findErasure(pool, brand_id, customer_id);
  const extent = await queries.countOf(pool, brand_id, customer_id);
  if (extent.payments === 0 && known === undefined) throw new UnknownCustomer(brand_id);
  const names = known === undefined ? [customer_id] : [customer_id, known.pseudonym];
  return {
    brand_id,
    pseudonym: known?.pseudonym ?? null,
    ...extent,
    answers: await queries.countAnswers(pool, brand_id, names),
    left: await queries.findObstacles(pool, brand_id, customer_id),
  };
}

/**
 * Takes a customer out of the books (docs/decisions/0013): first it is noted who, under a name that does not tell, so that nothing that Stripe
 * says from then on brings the id back; whoever had not seen that note is waited for; then payment by payment, each in a
 * transaction of its own that locks the payment first; then the answers that keys keep. May be cut off anywhere and
 * called again.
 *
 * @throws EraseRunning, UnknownCustomer, EraseHeldUp
 */
export async function eraseCustomer(
  pool: Pool,
  command: EraseCommand,
  options: EraseOptions = {},
): Promise<EraseResult> {
  const result = await alone(pool, 'erase', () => erase(pool, command, options));
  if (result === 'taken') throw new EraseRunning();
  return result;
}

async function erase(
  pool: Pool,
  command: EraseCommand,
  { signal, onProgress, patience_ms = PATIENCE_ms }: EraseOptions,
): Promise<EraseResult> {
  const { brand_id, customer_id } = command;
  const isStopped = () => signal?.aborted === true;
  const { left, payments: all, ...before } = await previewErasure(pool, command);
  const report = { brand_id, pseudonym: before.pseudonym, payments: 0, refunds: 0, disputes: 0, answers: 0 };
  if (left.length > 0) return { status: 'refused', ...report, left };
  if (isStopped()) return { status: 'stopped', ...report, left };

  const { pseudonym } = await withTransaction(pool, async (tx) => {
    const begun = await queries.beginErasure(tx, brand_id, customer_id, newId('erased'));
    await audit(tx, begun, 'customer.erasure_begun', { payments: all });
    return begun;
  });
  report.pseudonym = pseudonym;
  await waitForWriters(pool, patience_ms);

  onProgress?.({ step: 'payments', done: 0, all });
  let after = '';
  for (;;) {
    const ids = await queries.listPayments(pool, brand_id, customer_id, after, PAYMENTS_AT_ONCE);
    for (const payment_id of ids) {
      if (isStopped()) return { status: 'stopped', ...report, left };
      const erased = await erasePayment(pool, payment_id, command, pseudonym);
      if (Array.isArray(erased)) left.push(...erased);
      else if (erased !== undefined) {
        report.payments += 1;
        report.refunds += erased.refunds;
        report.disputes += erased.disputes;
      }
      onProgress?.({ step: 'payments', done: report.payments, all: Math.max(all, report.payments) });
    }
    after = ids.at(-1) ?? after;
    if (ids.length < PAYMENTS_AT_ONCE) break;
  }

  // Somebody may have read a refund before, and keep an answer with it afterwards.
  await waitForKeys(pool, patience_ms);
  const answers = await queries.findAnswers(pool, brand_id, pseudonym);
  for (const { answer_body, reason, ...key } of answers) {
    if (isStopped()) return { status: 'stopped', ...report, left };
    report.answers += await queries.eraseAnswer(
      pool,
      key,
      withoutTexts(answer_body, { customer_id: pseudonym, reason }),
    );
    onProgress?.({ step: 'answers', done: report.answers, all: answers.length });
  }
  if (left.length > 0) return { status: 'left', ...report, left };

  await withTransaction(pool, async (tx) => {
    await queries.finishErasure(tx, pseudonym);
    const { payments, refunds, disputes, answers: kept } = report;
    await audit(tx, { brand_id, pseudonym }, 'customer.erased', {
      payments,
      refunds,
      disputes,
      answers: kept,
    });
    await appendEvent(tx, {
      event_type: 'customer.erased.v1',
      brand_id,
      entity_type: 'customer',
      entity_id: pseudonym,
      data: { customer_id: pseudonym, payments, refunds, disputes },
    });
  });
  return { status: 'erased', ...report, left };
}

/** Erases one payment. Undefined: it is the customer's no more. What is under way, where something is: then it stays. */
async function erasePayment(
  pool: Pool,
  paymentId: string,
  command: EraseCommand,
  pseudonym: string,
): Promise<Omit<queries.Extent, 'payments'> | queries.Obstacle[] | undefined> {
  return await withTransaction(pool, async (tx) => {
    if (!(await queries.lockPayment(tx, paymentId, command))) return undefined;
    const obstacles = await queries.findObstaclesOf(tx, paymentId);
    if (obstacles.length > 0) return obstacles;
    const erased = await queries.erasePayment(tx, paymentId, pseudonym);
    await recordAudit(tx, {
      ...OPERATOR,
      brand_id: command.brand_id,
      event_type: 'payment.erased',
      entity_type: 'payment',
      entity_id: paymentId,
      details: { cause: 'erase', customer: pseudonym, ...erased },
    });
    return erased;
  });
}

async function audit(
  tx: Queryable,
  { brand_id, pseudonym }: { brand_id: string; pseudonym: string },
  event_type: 'customer.erasure_begun' | 'customer.erased',
  counts: Record<string, number>,
): Promise<void> {
  await recordAudit(tx, {
    ...OPERATOR,
    brand_id,
    event_type,
    entity_type: 'customer',
    entity_id: pseudonym,
    details: { cause: 'erase', ...counts },
  });
}

/** Until nobody is left who may have asked who was erased before the erasure was there to be seen. */
async function waitForWriters(pool: Pool, patience_ms: number): Promise<void> {
  let writers = await queries.findWriters(pool);
  await waitWhile(patience_ms, async () => {
    if (writers.length > 0) writers = await queries.findWriters(pool, writers);
    return writers.length > 0;
  });
}

/** Until everybody who held a key has answered, or is taken to be dead: they are given less than a minute (idempotency/). */
async function waitForKeys(pool: Pool, patience_ms: number): Promise<void> {
  let keys = await queries.findKeysAtWork(pool);
  await waitWhile(patience_ms, async () => {
    if (keys.length > 0) keys = await queries.stillAtWork(pool, keys);
    return keys.length > 0;
  });
}

async function waitWhile(patience_ms: number, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + patience_ms;
  while (await isSo()) {
    if (performance.now() > deadline) throw new EraseHeldUp();
    await pause(POLL_ms);
  }
}

const TEXTS = ['note', 'decision_note', 'resolution_reference'];

/** An answer without what is of a person, with what the refund still says of it; byte for byte the same besides. */
function withoutTexts(
  answerBody: string,
  { customer_id, reason }: { customer_id: string; reason: string | null },
): string {
  const body = JSON.parse(answerBody) as Record<string, unknown>;
  for (const name of TEXTS) if (typeof body[name] === 'string') body[name] = null;
  const { payment } = body;
  if (typeof payment === 'object' && payment !== null && 'payment_method' in payment)
    payment.payment_method = null;
  if ('reason' in body) body.reason = reason;
  if ('customer_id' in body) body.customer_id = customer_id;
  return JSON.stringify(body);
}

import type { FastifyReply } from 'fastify';
import { type Pool, type Queryable, type Transaction, withTransaction } from '../database/pool.ts';
import { errorBody, ServiceError } from '../errors.ts';
import type { IdempotencyKey } from './key.ts';
import * as queries from './queries.ts';

/** What a caller is told, as it goes over the wire: the same bytes for the same key for ever. */
export interface Answer {
  status: number;
  body: string;
}

/** What a claim of a key finds. */
export type Claim =
  /** Nobody has used it before. */
  | { state: 'new' }
  /** Whoever used it before has not answered in time, and may have come as far as a refund. */
  | { state: 'taken_over'; refund_id: string | null }
  | { state: 'answered'; answer: Answer };

/** How long a caller's attempt has to come to an answer before a repeat goes on in its place: longer than any takes. */
export const HOLD_s = 45;

/**
 * Claims a key for an attempt, in the transaction that writes what it brings about.
 *
 * @throws ServiceError where the key stands for something else, or its first attempt is under way
 */
export async function claimKey(tx: Transaction, key: IdempotencyKey): Promise<Claim> {
  if (await queries.insert(tx, key, HOLD_s)) return { state: 'new' };
  const known = await queries.lock(tx, key);
  if (known === undefined) throw new Error('An idempotency key that is known is gone');
  if (!known.fingerprint.equals(key.fingerprint)) {
    throw new ServiceError('unprocessable', {
      field: 'Idempotency-Key',
      message: 'This Idempotency-Key was used for another request: what is meant anew needs a new key.',
    });
  }
  if (known.answer_status !== null && known.answer_body !== null) {
    return { state: 'answered', answer: { status: known.answer_status, body: known.answer_body } };
  }
  if (known.held) {
    throw new ServiceError('conflict', {
      field: 'Idempotency-Key',
      message: 'A request with this Idempotency-Key is under way: ask again in a moment for its answer.',
      headers: { 'retry-after': '1' },
    });
  }
  await queries.hold(tx, key, HOLD_s);
  return { state: 'taken_over', refund_id: known.refund_id };
}

/** Notes which refund a claimed key has brought about, in the transaction that writes it. */
export const noteRefund = queries.noteRefund;

/** Keeps an answer in the transaction that brings it about. False: another attempt has kept one first. */
export const keepFirst = queries.keep;

/** Whether the answer that a key keeps is a refusal. */
export const wasRefused = async (db: Queryable, key: IdempotencyKey): Promise<boolean> =>
  ((await queries.findAnswer(db, key))?.status ?? 0) >= 400;

/** Keeps an answer before it is given. Where another attempt has kept one first, that is the answer. */
export async function keepAnswer(db: Queryable, key: IdempotencyKey | null, answer: Answer): Promise<Answer> {
  if (key === null || (await queries.keep(db, key, answer))) return answer;
  return (await queries.findAnswer(db, key)) ?? answer;
}

/** Lets a repeat go on at once after an attempt that came to no answer. */
export async function releaseKey(pool: Pool, key: IdempotencyKey | null): Promise<void> {
  // If this fails too, the repeat has to wait until the hold ends.
  if (key !== null) await queries.release(pool, key).catch(() => undefined);
}

/**
 * Does what is asked for once per key, and answers a repeat with the same bytes. For what may be done again without harm, as
 * after a crash between the deed and its answer; what may not claims its key in its own transaction.
 */
export async function answerOnce(
  pool: Pool,
  key: IdempotencyKey | null,
  work: () => Promise<Answer>,
): Promise<Answer> {
  if (key !== null) {
    const claim = await withTransaction(pool, (tx) => claimKey(tx, key));
    if (claim.state === 'answered') return claim.answer;
  }
  try {
    return await keepAnswer(pool, key, await work());
  } catch (error) {
    if (isFinal(error)) return await keepAnswer(pool, key, refusalOf(error));
    await releaseKey(pool, key);
    throw error;
  }
}

/** A refusal that stands: asked again, it would be the same. What is unavailable or broken may be otherwise next time, or once somebody has signed in. */
export function isFinal(error: unknown): error is ServiceError {
  return (
    error instanceof ServiceError && ((error.status < 500 && error.status !== 401) || error.status === 502)
  );
}

export const refusalOf = (error: ServiceError): Answer => ({
  status: error.status,
  body: JSON.stringify(errorBody(error)),
});

/** The body of an answer, with what the operation declares for its status and nothing else. */
export const writeAnswer = (response: FastifyReply, status: number, body: object): string =>
  String(response.serializeInput({ ...body }, String(status), 'application/json'));

/** Sends an answer as it is kept. */
export function reply(response: FastifyReply, { status, body }: Answer) {
  return response.code(status).type('application/json; charset=utf-8').send(body);
}

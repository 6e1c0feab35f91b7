import type { Logger } from 'pino';
import { type Pool, type Queryable, type Transaction, withTransaction } from '../database/pool.ts';
import { lockPaymentById } from '../payments/observe.ts';
import type { Payment } from '../payments/payment.ts';
import { type Cause, recordTransition } from './history.ts';
import type { ProviderRefusal, RefundOrder, RefundProvider } from './provider.ts';
import * as queries from './queries.ts';
import { counts } from './refund.ts';
import { findKnown, type RefundObservation, recountRefunds, settleKnown } from './settle.ts';
import type { Turns } from './turns.ts';

export interface SubmitDeps {
  pool: Pool;
  provider: RefundProvider;
  turns: Turns;
  log: Pick<Logger, 'warn' | 'info' | 'error'>;
}

/** What is to be sent, decided at `asked_at` by the database's clock. */
export interface Submission {
  refund: queries.Refund;
  payment: Pick<Payment, 'stripe_payment_intent_id' | 'stripe_charge_id'>;
  asked_at: Date;
}

/** Who brought it about, and whether they are waiting for the answer. */
export interface SubmitCause extends Cause {
  asker_waits: boolean;
  /**
   * Keeps what whoever waits is told, in the transaction that records it: one commit for both. False where a refund has ended
   * and they were told otherwise before, by an attempt from which this one has taken over.
   */
  answer?: (tx: Transaction, refund: queries.Refund) => Promise<boolean>;
}

/** Whether whoever asked hears by the answer that a refund has ended. */
const isTold = async (tx: Transaction, { asker_waits, answer }: SubmitCause, ended: queries.Refund) =>
  asker_waits && (answer === undefined || (await answer(tx, ended)));

/**
 * The provider keeps an idempotency key for at least 24 hours; after that the same key makes a second refund. An hour is left
 * for clocks that differ and requests that are slow. https://docs.stripe.com/api/idempotent_requests
 */
export const KEY_LIVES_s = 23 * 3_600;

/** Soon after an outcome that was not told, recovery asks for it. */
const RECOVER_IN_s = 2;
/** Refusals which say that the provider knows of something that the books do not. */
const KNOWS_MORE: ReadonlySet<string> = new Set([
  'charge_already_refunded',
  'amount_too_large',
  'charge_disputed',
]);

/**
 * Sends a refund that is written to the provider, with no transaction open, and records what has become of it. To be called
 * by whoever has just made it `pending`: it has not been sent before.
 *
 * @returns the refund as it is then; still pending and without the provider's id where the outcome is unknown
 */
export async function submit(
  deps: SubmitDeps,
  { refund, payment, asked_at }: Submission,
  cause: SubmitCause,
): Promise<queries.Refund> {
  return await send(deps, refund, orderOf(refund, payment, { again: false }), asked_at, cause);
}

/** The same order every time: what goes with one key must never differ. */
export function orderOf(
  refund: queries.Refund,
  payment: Submission['payment'],
  { again }: { again: boolean },
): RefundOrder {
  return {
    refund_id: refund.refund_id,
    payment: {
      stripe_payment_intent_id: payment.stripe_payment_intent_id,
      stripe_charge_id: refund.charge_id,
    },
    amount_cents: refund.amount_cents,
    reason: refund.provider_reason,
    send_before_ms: (refund.submitted_at?.getTime() ?? 0) + KEY_LIVES_s * 1_000,
    again,
  };
}

/** Sends an order, and records the answer. */
export async function send(
  deps: SubmitDeps,
  refund: queries.Refund,
  order: RefundOrder,
  asked_at: Date,
  cause: SubmitCause,
): Promise<queries.Refund> {
  const answer = await deps.provider.createRefund(order, asked_at);
  switch (answer.outcome) {
    case 'accepted':
      return await recordFound(deps, refund, answer.refund, cause);
    case 'refused': {
      const refused = await recordRefusal(deps, refund, answer.refusal, asked_at, cause);
      deps.log.warn({ refund_id: refund.refund_id, code: answer.refusal.code }, 'Stripe refused a refund');
      if (KNOWS_MORE.has(answer.refusal.code)) {
        await deps.provider.refreshPayment(order.payment, cause.cause);
      }
      return refused;
    }
    case 'unknown':
      deps.log.warn({ refund_id: refund.refund_id }, 'what has become of a refund is not known yet');
      if (!order.again) await queries.recoverIn(deps.pool, refund.refund_id, RECOVER_IN_s);
      return await readAgain(deps.pool, refund.refund_id);
  }
}

/** Brings what the provider says of a refund of ours into the books. */
export async function recordFound(
  deps: Pick<SubmitDeps, 'pool' | 'turns'>,
  refund: queries.Refund,
  observation: RefundObservation,
  submitCause: SubmitCause,
): Promise<queries.Refund> {
  const { cause, answer } = submitCause;
  return await deps.turns(refund.payment_id, () =>
    withTransaction(deps.pool, async (tx) => {
      const [payment, known] = await Promise.all([
        lockPaymentById(tx, refund.payment_id),
        findKnown(tx, observation),
      ]);
      if (payment === undefined) throw new Error('The payment of a refund is gone');
      // Where it ends without paying there is more to do than to write it.
      const ordinary = observation.status === 'succeeded' || observation.status === 'pending';
      const last = (next: queries.Refund) => Promise.all([answer?.(tx, next), tx.commit()]);
      const options = { cause, overdraft: 'record', ...(ordinary && { last }) } as const;
      const settled = await settleKnown(tx, payment, known, observation, options);
      const found =
        settled.refund?.refund_id === refund.refund_id
          ? settled.refund
          : await readAgain(tx, refund.refund_id);
      if (counts(found.status)) return found;
      await recount(tx, found, cause);
      if (found.owed_cents === 0 || found.resolved_at !== null) return found;
      if (!(await isTold(tx, submitCause, found))) return found;
      // What was to put another one right is owed again even where whoever waits is told.
      if (await queries.isReplacement(tx, refund.refund_id)) return found;
      const told = { ...found, owed_cents: 0 };
      await queries.update(tx, told);
      return told;
    }),
  );
}

/** The provider refuses: the refund has failed and holds nothing any more. If a webhook has told otherwise, that stands. */
async function recordRefusal(
  deps: SubmitDeps,
  refund: queries.Refund,
  { code, message }: ProviderRefusal,
  asked_at: Date,
  cause: SubmitCause,
): Promise<queries.Refund> {
  return await fail(deps, refund, { failure_reason: code, failure_message: message, asked_at }, cause);
}

/** Ends a refund that is certainly not at the provider. */
export async function fail(
  deps: Pick<SubmitDeps, 'pool' | 'turns'>,
  refund: queries.Refund,
  {
    failure_reason,
    failure_message,
    asked_at,
  }: { failure_reason: string; failure_message: string | null; asked_at: Date },
  cause: SubmitCause,
): Promise<queries.Refund> {
  return await withLockedPayment(deps, refund, async (tx) => {
    const known = await readAgain(tx, refund.refund_id);
    if (known.status !== 'pending' || known.stripe_refund_id !== null) return known;
    const ended: queries.Refund = {
      ...known,
      status: 'failed',
      counted_cents: 0,
      failure_reason,
      failure_message,
      observed_at: asked_at,
    };
    const failed = (await isTold(tx, cause, ended)) ? ended : { ...ended, owed_cents: known.amount_cents };
    await Promise.all([queries.update(tx, failed), recordTransition(tx, known, failed, cause)]);
    await recount(tx, failed, cause.cause);
    return failed;
  });
}

/** What an ended refund held goes to refunds made at the provider for which there was no room, if there are any. */
export async function recount(
  tx: Transaction,
  { payment_id }: Pick<queries.Refund, 'payment_id'>,
  cause: string,
): Promise<void> {
  const payment = await lockPaymentById(tx, payment_id);
  if (payment !== undefined) await recountRefunds(tx, payment, cause);
}

/** Works on a refund under its payment's lock. */
export async function withLockedPayment<T>(
  { pool, turns }: Pick<SubmitDeps, 'pool' | 'turns'>,
  { payment_id }: Pick<queries.Refund, 'payment_id'>,
  work: (tx: Transaction, payment: Payment) => Promise<T>,
): Promise<T> {
  return await turns(payment_id, () =>
    withTransaction(pool, async (tx) => {
      const payment = await lockPaymentById(tx, payment_id);
      if (payment === undefined) throw new Error('The payment of a refund is gone');
      return await work(tx, payment);
    }),
  );
}

/** A refund that is known to be there, as it is now. */
export async function readAgain(db: Queryable, refundId: string): Promise<queries.Refund> {
  const refund = await queries.findById(db, refundId);
  if (refund === undefined) throw new Error('A refund is gone');
  return refund;
}

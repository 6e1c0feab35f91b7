import type { Logger } from 'pino';
import { customerOf, type Principal } from '../access/principal.ts';
import { refuseStaleSignIn } from '../access/recent.ts';
import { type Pool, type Transaction, withTransaction } from '../database/pool.ts';
import { findBlockingDispute } from '../disputes/observe.ts';
import { ServiceError } from '../errors.ts';
import {
  type Answer,
  claimKey,
  isFinal,
  keepAnswer,
  keepFirst,
  noteRefund,
  refusalOf,
  releaseKey,
  wasRefused,
} from '../idempotency/answer.ts';
import type { IdempotencyKey } from '../idempotency/key.ts';
import { newId } from '../ids.ts';
import { formatAmount } from '../payments/money.ts';
import { lockPaymentOfBrand } from '../payments/observe.ts';
import { type Payment, refundableCents } from '../payments/payment.ts';
import { type Cause, recordTransition } from './history.ts';
import { type ApprovalLimits, needsApproval, readLimits, roleOf } from './limits.ts';
import type { RefundProvider } from './provider.ts';
import * as queries from './queries.ts';
import { findReason } from './reasons.ts';
import { findOut } from './recover.ts';
import { counts } from './refund.ts';
import { refusalOfFailed, refuseAmount, refusePayment } from './refusals.ts';
import { type SubmitCause, submit } from './submit.ts';
import type { Turns } from './turns.ts';

export interface IssueDeps {
  pool: Pool;
  provider: RefundProvider;
  turns: Turns;
  log: Pick<Logger, 'warn' | 'info' | 'error'>;
  /** Above how much somebody else has to approve, where the database says nothing. */
  approvalLimits: ApprovalLimits;
  /** How long ago a person may have signed in who approves, or asks for what has to be approved; 0: however long. */
  recentSignIn_s: number;
}

/** A refund that somebody asks for. */
export interface IssueCommand {
  /** Which payment: our id of it, or Stripe's of its charge. */
  payment_id?: string;
  charge_id?: string;
  /** In the currency's smallest unit; absent: all that is left. */
  amount_cents?: number;
  /** A code of the reasons, or free text. */
  reason: string | null;
  note: string | null;
  /** What the caller takes to be left. */
  expected_refundable_cents?: number;
}

/** Who asks, in which request, under which key. */
export interface Caller {
  principal: Principal;
  key: IdempotencyKey | null;
  request_id: string;
  ip_address: string | null;
}

/** Writes the body of an answer, as its operation declares it. */
export type WriteRefund = (status: number, refund: queries.Refund) => string;

/** The same payment and amount again within this time, without a key, is taken for a double click. */
const REPEAT_WITHIN_s = 300;
/** How long an attempt may take to find out what has become of a refund before recovery asks. */
export const FOUND_OUT_WITHIN_s = 60;

export const causeOf = ({ principal, request_id, ip_address }: Caller): Cause => ({
  actor: principal,
  cause: request_id,
  origin: { request_id, client_id: principal.client_id, ip_address },
});

/** What was decided: a refund to be sent or approved, or what an earlier attempt under the same key came to, or why not. */
type Decision =
  | { decided: 'refund'; refund: queries.Refund; payment: Payment; asked_at: Date }
  | { decided: 'unknown_charge' }
  | { decided: 'taken_over'; refund_id: string }
  | { decided: 'answered'; answer: Answer };

/**
 * Issues a refund, in phases around the foreign call: decides in one transaction, in which everything is written that makes the
 * refund certain to come to an end; sends it with no transaction open; records what has become of it.
 *
 * @returns 201 where the provider has taken it; 202 where that is not known yet, or somebody else has to approve it first;
 *   else why not
 * @throws ServiceError where nothing was written and it may be otherwise in a moment
 */
export async function issueRefund(
  deps: IssueDeps,
  command: IssueCommand,
  caller: Caller,
  write: WriteRefund,
): Promise<Answer> {
  const turn = `${caller.principal.brand_id} ${command.payment_id ?? command.charge_id}`;
  let decision = await deps.turns(turn, () => decide(deps, command, caller, 'first'));
  if (decision.decided === 'unknown_charge') {
    await releaseKey(deps.pool, caller.key);
    // The webhook of a charge that was made a moment ago may still be on its way.
    const refreshed = await deps.provider.bringInCharge(command.charge_id ?? '', caller.request_id);
    if (refreshed === 'unknown') throw unreachable();
    decision = await deps.turns(turn, () => decide(deps, command, caller, 'asked'));
  }
  if (decision.decided === 'answered') return decision.answer;
  return await concludeWith(deps, caller, write, (answer) => carryOut(deps, decision, caller, answer));
}

/** Answers with the refund that comes of `work`, or with why it does not, and keeps the answer for the caller's key. */
async function concludeWith(
  { pool }: Pick<IssueDeps, 'pool'>,
  { key }: Pick<Caller, 'key'>,
  write: WriteRefund,
  work: (answer: NonNullable<SubmitCause['answer']>) => Promise<queries.Refund>,
): Promise<Answer> {
  const answerWith = (refund: queries.Refund): Answer => {
    const refusal = refusalOfFailed(refund);
    if (refusal !== undefined) return refusalOf(refusal);
    const status = refund.stripe_refund_id === null ? 202 : 201;
    return { status, body: write(status, refund) };
  };
  let kept: Answer | undefined;
  try {
    const refund = await work(async (tx, recorded) => {
      if (key === null) return true;
      const answer = answerWith(recorded);
      if (await keepFirst(tx, key, answer)) {
        kept = answer;
        return true;
      }
      return counts(recorded.status) || (await wasRefused(tx, key));
    });
    return kept ?? (await keepAnswer(pool, key, answerWith(refund)));
  } catch (error) {
    if (isFinal(error)) return await keepAnswer(pool, key, refusalOf(error));
    await releaseKey(pool, key);
    throw error;
  }
}

async function carryOut(
  deps: IssueDeps,
  decision: Exclude<Decision, { decided: 'answered' }>,
  caller: Caller,
  answer: NonNullable<SubmitCause['answer']>,
): Promise<queries.Refund> {
  const cause = { ...causeOf(caller), asker_waits: true, answer };
  switch (decision.decided) {
    case 'unknown_charge':
      throw new Error('A charge that was asked about is still to be asked about');
    case 'taken_over':
      return await findOut(deps, decision.refund_id, cause);
    case 'refund':
      if (decision.refund.status === 'awaiting_approval') return decision.refund;
      return await submit(deps, decision, cause);
  }
}

/**
 * One transaction: whatever it writes, or nothing. A refusal is kept in it too: were it kept later, a repeat that has taken
 * over might have made a refund by then.
 */
async function decide(
  { pool, provider, approvalLimits, recentSignIn_s }: IssueDeps,
  command: IssueCommand,
  caller: Caller,
  attempt: 'first' | 'asked',
): Promise<Decision> {
  const { principal, key } = caller;
  return await withTransaction(pool, async (tx) => {
    // What does not need one another's answers is asked for together.
    const [claim, found, dispute, limits, known_reason] = await Promise.all([
      key === null ? undefined : claimKey(tx, key),
      lockPaymentOfBrand(tx, principal.brand_id, command),
      findBlockingDispute(tx, command),
      readLimits(tx, approvalLimits, principal.brand_id, roleOf(principal)),
      findReason(tx, command.reason),
    ]);
    if (claim?.state === 'answered') return { decided: 'answered', answer: claim.answer };
    if (claim?.state === 'taken_over' && claim.refund_id !== null) {
      return { decided: 'taken_over', refund_id: claim.refund_id };
    }
    refuseWhilePaused(provider);
    const customer_id = customerOf(principal, 'admin:refunds.issue');
    const payment = customer_id === undefined || found?.customer_id === customer_id ? found : undefined;
    if (payment === undefined) {
      if (attempt === 'first' && command.payment_id === undefined) return { decided: 'unknown_charge' };
      const what = command.payment_id === undefined ? 'charge' : 'payment';
      const message = `There is no such ${what}.`;
      return await refuse(tx, key, new ServiceError('not_found', { field: `${what}_id`, message }));
    }
    const refusal =
      refusePayment(payment, dispute) ??
      refuseExpectation(payment, command) ??
      (await refuseAmountOf(tx, payment, command, key));
    if (refusal !== undefined) return await refuse(tx, key, refusal);

    const { currency, brand_id } = payment;
    const amount_cents = command.amount_cents ?? refundableCents(payment);
    const awaits = needsApproval(limits, currency, amount_cents);
    const stale = awaits ? refuseStaleSignIn(principal, recentSignIn_s) : undefined;
    // Not kept for the key: it is to be sent again with it.
    if (stale !== undefined) throw stale;
    const refund: queries.RequestedRefund = {
      refund_id: newId('refund'),
      payment_id: payment.payment_id,
      brand_id,
      customer_id: payment.customer_id,
      charge_id: payment.stripe_charge_id,
      amount_cents,
      counted_cents: amount_cents,
      currency,
      status: awaits ? 'awaiting_approval' : 'pending',
      reason: command.reason,
      note: command.note,
      provider_reason: known_reason?.provider_reason ?? null,
      origin: 'api',
      requested_by_type: principal.actor_type,
      requested_by_id: principal.actor_id,
      stripe_refund_id: null,
      failure_reason: null,
    };
    const cause = causeOf(caller);
    if (known_reason !== undefined) cause.reason_code = known_reason.code;
    const [requested, asked_at] = await Promise.all([
      queries.insertRequested(tx, refund, FOUND_OUT_WITHIN_s),
      recordTransition(tx, null, refund, cause),
      key === null ? undefined : noteRefund(tx, key, refund.refund_id),
      tx.commit(),
    ]);
    return { decided: 'refund', refund: requested, payment, asked_at };
  });
}

async function refuse(tx: Transaction, key: IdempotencyKey | null, refusal: ServiceError): Promise<Decision> {
  return { decided: 'answered', answer: await keepAnswer(tx, key, refusalOf(refusal)) };
}

function refuseExpectation(payment: Payment, { expected_refundable_cents }: IssueCommand) {
  const left = refundableCents(payment);
  if (expected_refundable_cents === undefined || expected_refundable_cents === left) return undefined;
  return new ServiceError('precondition_failed', {
    field: 'expected_refundable_cents',
    message: `What is left to refund has changed: it is ${formatAmount(left, payment.currency)}.`,
    facts: { refundable_cents: left },
  });
}

async function refuseAmountOf(
  tx: Transaction,
  payment: Payment,
  { amount_cents }: IssueCommand,
  key: IdempotencyKey | null,
): Promise<ServiceError | undefined> {
  const left = refundableCents(payment);
  const amount = amount_cents ?? left;
  // A repeat of what took all that was left is told that it is a repeat.
  const repeated =
    key === null && amount > 0
      ? await queries.findRepeated(tx, payment.payment_id, amount, REPEAT_WITHIN_s)
      : undefined;
  if (repeated !== undefined) {
    return new ServiceError('conflict', {
      field: 'Idempotency-Key',
      message: `A refund of ${formatAmount(amount, payment.currency)} of this payment was asked for less than five minutes ago. If another one is meant, send it with an Idempotency-Key of its own.`,
      facts: { refund_id: repeated, refundable_cents: left },
    });
  }
  return left === 0 || amount > left ? refuseAmount(payment, amount) : undefined;
}

/** While the provider keeps failing nothing is written and nothing sent. */
export function refuseWhilePaused(provider: RefundProvider): void {
  const pause_ms = provider.pausedFor_ms();
  if (pause_ms === 0) return;
  throw new ServiceError('service_unavailable', {
    message:
      'Stripe has been failing, so no refund is sent for a few seconds. Nothing was written: try again.',
    headers: { 'retry-after': String(Math.ceil(pause_ms / 1_000)) },
  });
}

/** The provider could not be asked, and nothing was written. */
export const unreachable = () =>
  new ServiceError('service_unavailable', {
    message: 'Stripe does not answer at the moment: try again in a few seconds.',
    headers: { 'retry-after': '5' },
  });

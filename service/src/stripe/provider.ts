import {
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhenResult,
  isBrokenCircuitError,
} from 'cockatiel';
import type { Logger } from 'pino';
import { Histogram, type Registry } from 'prom-client';
import Stripe from 'stripe';
import type {
  ProviderAnswer,
  ProviderLookup,
  ProviderPayment,
  ProviderRefusal,
  Refreshed,
  RefundOrder,
  RefundProvider,
} from '../refunds/provider.ts';
import { bringIn } from './apply.ts';
import { type Answer, type AskDeps, ask, askForEverything, startAsking } from './ask.ts';
import { sendOnlyBefore } from './client.ts';
import { describeFailure } from './inbox.ts';
import { findBrandOf } from './queries.ts';
import { observedRefund } from './translate.ts';

export interface ProviderDeps extends AskDeps {
  log: Pick<Logger, 'warn' | 'info'>;
  registry: Registry;
  /** A client that is paced, for finding out what has become of refunds: nobody waits for that. `stripe` by default. */
  background?: Stripe;
  /** How long one request that moves money may take. */
  timeout_ms?: number;
  /** How many unknown outcomes in a row stop the sending. */
  breaks_after?: number;
  /** For how long. */
  pause_ms?: number;
}

/** Longer than Stripe takes, shorter than a caller waits. */
const TIMEOUT_ms = 10_000;
const BREAKS_AFTER = 5;
const PAUSE_ms = 10_000;

/** Stripe, as the place where refunds are made. */
export function createProvider(deps: ProviderDeps): RefundProvider {
  const { stripe, background = stripe, log, timeout_ms = TIMEOUT_ms, pause_ms = PAUSE_ms } = deps;
  const durations = new Histogram({
    name: 'stripe_refund_duration_seconds',
    help: 'From sending a refund to Stripe to its answer, or to giving up on it.',
    labelNames: ['outcome'],
    buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20],
    registers: [deps.registry],
  });
  const breaker = circuitBreaker(
    handleWhenResult((answer) => (answer as ProviderAnswer).outcome === 'unknown'),
    { breaker: new ConsecutiveBreaker(deps.breaks_after ?? BREAKS_AFTER), halfOpenAfter: pause_ms },
  );
  let pausedUntil_ms = 0;
  breaker.onBreak(() => {
    pausedUntil_ms = performance.now() + pause_ms;
    log.warn({ pause_ms }, 'Stripe has been failing: no refund is sent for a while');
  });
  breaker.onReset(() => log.info('Stripe answers again'));
  /** One attempt only: whatever is not certain is looked up before anything is sent again. */
  const once = { timeout: timeout_ms, maxNetworkRetries: 0 };

  const send = async (order: RefundOrder, observed_at: Date): Promise<ProviderAnswer> => {
    const started = performance.now();
    const answer = await sendOnlyBefore(order.send_before_ms, () => create(order, observed_at));
    durations.observe({ outcome: answer.outcome }, (performance.now() - started) / 1_000);
    return answer;
  };
  const create = async (order: RefundOrder, observed_at: Date): Promise<ProviderAnswer> => {
    const { payment, reason } = order;
    try {
      const refund = await (order.again ? background : stripe).refunds.create(
        {
          ...(payment.stripe_charge_id === null
            ? { payment_intent: payment.stripe_payment_intent_id ?? '' }
            : { charge: payment.stripe_charge_id }),
          amount: order.amount_cents,
          ...(reason === null ? {} : { reason }),
          metadata: { refund_id: order.refund_id },
        },
        { ...once, idempotencyKey: order.refund_id },
      );
      return { outcome: 'accepted', refund: observedRefund(refund, { observed_at }) };
    } catch (error) {
      if (error instanceof Stripe.errors.StripeError) return judge(error, order.again);
      // Whatever it is, it came after the sending.
      log.warn({ failure: describeFailure(error) }, 'an answer of Stripe was not understood');
      return { outcome: 'unknown' };
    }
  };
  /** What Stripe was asked about and says now, brought into the books. */
  const refresh = async (asked: () => Promise<Answer>, cause: string): Promise<Refreshed> => {
    try {
      const answer = await asked();
      if (typeof answer === 'string') return 'missing';
      return typeof (await bringIn(deps, answer, cause)) === 'string' ? 'missing' : 'refreshed';
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeError)) throw error;
      if (error.code === 'resource_missing') return 'missing';
      log.warn({ failure: describeFailure(error) }, 'Stripe could not be asked');
      return 'unknown';
    }
  };

  return {
    name: 'stripe',
    pausedFor_ms() {
      return breaker.state === CircuitState.Open ? Math.max(0, pausedUntil_ms - performance.now()) : 0;
    },
    async createRefund(order, observed_at) {
      // What is sent again is a question more than an order: it is asked whatever the breaker thinks.
      if (order.again) return await send(order, observed_at);
      try {
        return await breaker.execute(() => send(order, observed_at));
      } catch (error) {
        if (!isBrokenCircuitError(error)) throw error;
        // Broken in the meantime: nothing was sent, and recovery sends it.
        return { outcome: 'unknown' };
      }
    },
    async findRefund({ refund_id, payment }): Promise<ProviderLookup> {
      try {
        const context = await startAsking(deps);
        for await (const refund of background.refunds.list({ limit: 100, ...namedBy(payment) }, once)) {
          if (refund.metadata?.refund_id === refund_id) {
            return { outcome: 'found', refund: observedRefund(refund, context) };
          }
        }
        return { outcome: 'missing' };
      } catch (error) {
        if (!(error instanceof Stripe.errors.StripeError)) throw error;
        return { outcome: 'unknown' };
      }
    },
    async cancelRefund(stripeRefundId): Promise<ProviderAnswer> {
      const context = await startAsking(deps);
      try {
        const refund = await stripe.refunds.cancel(stripeRefundId, {}, once);
        return { outcome: 'accepted', refund: observedRefund(refund, context) };
      } catch (error) {
        if (!(error instanceof Stripe.errors.StripeError)) throw error;
        return judge(error, false);
      }
    },
    async bringInCharge(chargeId, cause) {
      if (!AN_ID.test(chargeId)) return 'missing';
      // Who asks may be of another brand than the charge: nothing of it is touched on their account.
      const known = await findBrandOf(deps.pool, { object_type: 'charge', object_id: chargeId });
      return known === undefined ? await refresh(() => ask(deps, 'charge', chargeId), cause) : 'refreshed';
    },
    refreshPayment: (payment, cause) => refresh(() => everythingOf(deps, payment), cause),
    refreshRefund: (stripeRefundId, cause) =>
      refresh(async () => {
        const told = await ask(deps, 'refund', stripeRefundId);
        return typeof told === 'string' ? told : await askForEverything(deps, told);
      }, cause),
  };
}

async function everythingOf(deps: AskDeps, payment: ProviderPayment): Promise<Answer> {
  const told =
    payment.stripe_payment_intent_id === null
      ? await ask(deps, 'charge', payment.stripe_charge_id ?? '')
      : await ask(deps, 'payment_intent', payment.stripe_payment_intent_id);
  return typeof told === 'string' ? told : await askForEverything(deps, told);
}

const namedBy = ({ stripe_payment_intent_id, stripe_charge_id }: ProviderPayment) =>
  stripe_payment_intent_id === null
    ? { charge: stripe_charge_id ?? '' }
    : { payment_intent: stripe_payment_intent_id };

/** What Stripe may have called something; anything else it is not asked about, since it may answer that with no more than a status. */
const AN_ID = /^\w{1,255}$/;

/** Statuses of an answer that is no word on the request itself: nothing was done for want of leave to ask. */
const NOT_LET_IN: ReadonlySet<number> = new Set([401, 403]);

/**
 * What an error of the SDK says of what was asked for, by its status and code rather than its class: a 409 is a
 * StripeAPIError. Time-outs, resets, 5xx, 429, keys in use and keys that were used otherwise leave it open.
 */
function judge(error: Stripe.errors.StripeError, again: boolean): ProviderAnswer {
  const { statusCode, code, param, type } = error;
  const letIn = statusCode !== undefined && !NOT_LET_IN.has(statusCode);
  const refused =
    type !== 'StripeIdempotencyError' &&
    (statusCode === 400 ||
      statusCode === 402 ||
      (statusCode === 404 && code === 'resource_missing') ||
      // Sent for the first time, and not let in: then it is not there.
      (statusCode !== undefined && !letIn && !again));
  if (!refused) return { outcome: 'unknown' };
  return { outcome: 'refused', refusal: explain({ letIn, code, param, message: error.message }) };
}

function explain({
  letIn,
  code,
  param,
  message,
}: {
  letIn: boolean;
  code: string | undefined;
  param: string | undefined;
  message: string;
}): ProviderRefusal {
  // What Stripe says of our key is for the operator.
  if (!letIn) return { code: 'not_authorized', message: 'The service may not make refunds at Stripe.' };
  // More than is left usually comes without a code.
  return { code: code ?? (param === 'amount' ? 'amount_too_large' : 'provider_refused'), message };
}

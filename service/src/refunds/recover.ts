import { setTimeout as wait } from 'node:timers/promises';
import { SERVICE } from '../audit/record.ts';
import { findPaymentById } from '../payments/observe.ts';
import { inSpan, NOWHERE } from '../tracing/spans.ts';
import * as queries from './queries.ts';
import {
  fail,
  KEY_LIVES_s,
  orderOf,
  readAgain,
  recordFound,
  type SubmitCause,
  type SubmitDeps,
  send,
} from './submit.ts';

/** Well after the last moment at which it may have been sent, Stripe's list knows of it or it was never there. */
const KEY_IS_GONE_s = 25 * 3_600;
/** Refunds asked about at a time. */
const AT_ONCE = 16;
/** Between looks for what is due. */
const POLL_ms = 1_000;

/** Nobody is waiting: whoever asked was told that it is not known yet. */
const RECOVERY: SubmitCause = { actor: SERVICE, cause: 'recovery', asker_waits: false };

/**
 * Finds out what has become of a refund, where that is not known: looks for it at the provider; sends it again if it is not
 * there, as long as the provider's key makes sure that it cannot be made twice; after that only looks, and when the key
 * is gone and it still is not there, it was never made.
 *
 * @returns the refund as it is known then
 */
export async function findOut(
  deps: SubmitDeps,
  refundId: string,
  cause: SubmitCause,
): Promise<queries.Refund> {
  const unknown = await queries.takeUnknown(deps.pool, refundId);
  if (unknown === undefined) return await readAgain(deps.pool, refundId);
  return await recover(deps, unknown, cause);
}

async function recover(
  deps: SubmitDeps,
  refund: queries.UnknownRefund,
  cause: SubmitCause,
): Promise<queries.Refund> {
  const payment = await findPaymentById(deps.pool, refund.payment_id);
  if (payment === undefined) throw new Error('The payment of a refund is gone');
  const order = orderOf(refund, payment, { again: true });
  const looked = await deps.provider.findRefund(order);
  if (looked.outcome === 'found') return await recordFound(deps, refund, looked.refund, cause);
  if (looked.outcome === 'missing') {
    if (refund.key_age_s < KEY_LIVES_s) {
      // A key repeats what it answered first, so what comes of it may be as old as the key.
      return await send(deps, refund, order, refund.submitted_at ?? refund.taken_at, cause);
    }
    if (refund.key_age_s > KEY_IS_GONE_s) {
      deps.log.warn({ refund_id: refund.refund_id }, 'a refund never reached Stripe');
      const why = { failure_reason: 'never_reached_provider', failure_message: null };
      return await fail(deps, refund, { ...why, asked_at: refund.taken_at }, cause);
    }
  }
  return await readAgain(deps.pool, refund.refund_id);
}

/** Asks for what is due now. Returns how many refunds were asked about. */
export async function recoverDue(deps: SubmitDeps): Promise<number> {
  const due = await queries.takeDue(deps.pool, AT_ONCE);
  await Promise.all(
    due.map(async (refund) => {
      try {
        const { status, stripe_refund_id } = await inSpan(
          'recover refund',
          { attributes: { 'refund.id': refund.refund_id }, within: NOWHERE },
          () => recover(deps, refund, RECOVERY),
        );
        deps.log.info(
          {
            refund_id: refund.refund_id,
            attempt: refund.recover_attempts,
            status,
            known: stripe_refund_id !== null,
          },
          'asked what has become of a refund',
        );
      } catch (error) {
        // It is due again later, whatever went wrong.
        deps.log.error({ err: error, refund_id: refund.refund_id }, 'a refund could not be recovered');
      }
    }),
  );
  return due.length;
}

/** Asks what has become of refunds, beside any number of others, until stopped. */
export function startRecovery(deps: SubmitDeps): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const run = async () => {
    while (!stopping.signal.aborted) {
      const asked = await recoverDue(deps).catch((error: unknown) => {
        deps.log.warn({ err: error }, 'could not look for refunds whose outcome is unknown');
        return 0;
      });
      if (asked < AT_ONCE) await wait(POLL_ms, undefined, { signal: stopping.signal }).catch(() => {});
    }
  };
  const running = run();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

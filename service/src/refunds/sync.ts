import { ServiceError } from '../errors.ts';
import { findPaymentById } from '../payments/observe.ts';
import { requireRefund } from './approve.ts';
import { type Caller, causeOf, type IssueDeps, unreachable } from './issue.ts';
import type * as queries from './queries.ts';
import { findOut } from './recover.ts';
import { readAgain } from './submit.ts';

/**
 * Asks the provider now, and brings what it says of the refund and its payment into the books.
 *
 * @throws ServiceError where the provider does not answer
 */
export async function syncRefund(deps: IssueDeps, refundId: string, caller: Caller): Promise<queries.Refund> {
  let refund = await requireRefund(deps, refundId, caller);
  if (refund.status === 'pending' && refund.stripe_refund_id === null) {
    refund = await findOut(deps, refundId, { ...causeOf(caller), asker_waits: false });
    if (refund.status === 'pending' && refund.stripe_refund_id === null) throw unreachable();
  }
  const payment = await findPaymentById(deps.pool, refund.payment_id);
  if (payment === undefined) throw new Error('The payment of a refund is gone');
  const refreshed =
    refund.stripe_refund_id === null
      ? await deps.provider.refreshPayment(payment, caller.request_id)
      : await deps.provider.refreshRefund(refund.stripe_refund_id, caller.request_id);
  if (refreshed === 'unknown') throw unreachable();
  if (refreshed === 'missing') {
    throw new ServiceError('upstream_failed', {
      message: 'Stripe does not know this refund or its payment.',
      facts: { refund_id: refundId },
    });
  }
  return await readAgain(deps.pool, refundId);
}

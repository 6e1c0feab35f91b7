import type { Principal } from '../access/principal.ts';
import { type Pool, withTransaction } from '../database/pool.ts';
import { findBlockingDispute, listDisputes } from '../disputes/observe.ts';
import { findPaymentOfBrand } from '../payments/observe.ts';
import { paymentMethodOf, refundableCents } from '../payments/payment.ts';
import { type ApprovalLimits, limitOf, readLimits, roleOf } from './limits.ts';
import { listRefundsDetailed } from './list.ts';
import { refuseAnyAmount } from './refusals.ts';

/** The newest of each that are shown with a payment. */
const SHOWN = 100;

/**
 * A payment as somebody sees it who is about to refund it: with its refunds and disputes, why nothing of it can be refunded where
 * that is so, and what they refund by themselves. All of one moment. Undefined where the brand has no such payment.
 */
export async function readRefundable(
  { pool, approvalLimits }: { pool: Pool; approvalLimits: ApprovalLimits },
  principal: Pick<Principal, 'brand_id' | 'actor_type' | 'scopes'>,
  paymentId: string,
) {
  const { brand_id } = principal;
  const first = { after: undefined, limit: SHOWN };
  return await withTransaction(pool, async (tx) => {
    const [, payment, disputes, dispute, refunds, limits] = await Promise.all([
      tx.query({
        name: 'refundable.one_moment',
        text: 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY',
      }),
      findPaymentOfBrand(tx, brand_id, paymentId),
      listDisputes(tx, brand_id, { payment_id: paymentId }, first),
      findBlockingDispute(tx, { payment_id: paymentId }),
      listRefundsDetailed(tx, brand_id, { payment_id: paymentId }, first),
      readLimits(tx, approvalLimits, brand_id, roleOf(principal)),
    ]);
    if (payment === undefined) return undefined;
    const refusal = refuseAnyAmount(payment, dispute);
    return {
      ...payment,
      charge_id: payment.stripe_charge_id,
      refundable_cents: refundableCents(payment),
      payment_method: paymentMethodOf(payment),
      disputes: disputes.rows,
      refunds: refunds.rows,
      refusal: refusal === undefined ? null : { code: refusal.code, message: refusal.message },
      approval_limit_cents: limitOf(limits, payment.currency),
    };
  });
}

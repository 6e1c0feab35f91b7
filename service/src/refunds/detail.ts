import type { Pool } from '../database/pool.ts';
import { paymentMethodOf, refundableCents } from '../payments/payment.ts';
import { locate } from './location.ts';
import { findRefund } from './queries.ts';
import { explainFailure } from './refusals.ts';

/** One refund of a brand with its payment's amounts and its timeline; undefined where the brand has no such refund. */
export async function readRefund(pool: Pool, brandId: string, refundId: string) {
  const refund = await findRefund(pool, brandId, refundId);
  if (refund === undefined) return undefined;
  const payment_method = paymentMethodOf(refund.payment);
  const owed = refund.owed_cents > 0 && refund.resolved_at === null;
  return {
    ...refund,
    attention: owed ? { owed_cents: refund.owed_cents, message: explainFailure(refund) } : null,
    location: locate(refund, payment_method, refund.read_at),
    payment: { ...refund.payment, refundable_cents: refundableCents(refund.payment), payment_method },
  };
}

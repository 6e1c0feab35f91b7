import type { Pool } from '../database/pool.ts';
import { refundableCents } from '../payments/payment.ts';
import { findRefund } from './queries.ts';

/** One refund of a brand with its payment's amounts and its timeline; undefined where the brand has no such refund. */
export async function readRefund(pool: Pool, brandId: string, refundId: string) {
  const refund = await findRefund(pool, brandId, refundId);
  if (refund === undefined) return undefined;
  return { ...refund, payment: { ...refund.payment, refundable_cents: refundableCents(refund.payment) } };
}

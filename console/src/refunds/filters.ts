import type { Query } from '@payments/client';
import { readCurrency, readMoments, readTexts } from '../shell/search.ts';

/** What a list of refunds is narrowed by, as the API and the page's address name it, so that a link shows a colleague the same rows. */
export type RefundFilters = Omit<Query<'listRefundsDetailed'>, 'limit' | 'cursor'>;

export const STATUSES = [
  'awaiting_approval',
  'pending',
  'requires_action',
  'succeeded',
  'failed',
  'canceled',
  'rejected',
] as const satisfies NonNullable<RefundFilters['status']>[];
export type RefundStatus = (typeof STATUSES)[number];

const TEXTS = [
  'customer_id',
  'payment_id',
  'charge_id',
  'stripe_refund_id',
  'reason',
  'reason_code',
] as const;
const FLAGS = ['needs_attention', 'failed_late', 'unknown'] as const;
const AMOUNTS = ['amount_cents_gte', 'amount_cents_lte'] as const;
const MOMENTS = ['created_at_gte', 'created_at_lt'] as const;

/** What an address says, as far as it can be meant: a mistyped filter is none, and the page shows that it is not set. */
export function readRefundFilters(search: Record<string, unknown>): RefundFilters {
  const filters: RefundFilters = {
    ...readTexts(search, TEXTS),
    ...readMoments(search, MOMENTS),
    ...readCurrency(search),
  };
  for (const name of AMOUNTS) {
    const value = Number(search[name] ?? Number.NaN);
    if (Number.isSafeInteger(value) && value >= 0) filters[name] = value;
  }
  const status = STATUSES.find((one) => one === search.status);
  if (status !== undefined) filters.status = status;
  for (const name of FLAGS) if (search[name] === true || search[name] === 'true') filters[name] = true;
  return filters;
}

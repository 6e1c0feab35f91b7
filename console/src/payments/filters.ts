import type { Query } from '@payments/client';

/** What a list of payments is narrowed by, as the API and the page's address name it. */
export type PaymentFilters = Omit<Query<'listPayments'>, 'limit' | 'cursor'>;

const TEXTS = ['customer_id', 'order_id', 'charge_id', 'stripe_payment_intent_id', 'status'] as const;
const MOMENTS = ['created_at_gte', 'created_at_lt'] as const;

/** What an address says, as far as it can be meant. */
export function readPaymentFilters(search: Record<string, unknown>): PaymentFilters {
  const filters: PaymentFilters = {};
  for (const name of TEXTS) {
    const value = search[name];
    if ((typeof value === 'string' || typeof value === 'number') && value !== '')
      filters[name] = String(value);
  }
  for (const name of MOMENTS) {
    const value = search[name];
    if (typeof value === 'string' && !Number.isNaN(Date.parse(value)))
      filters[name] = new Date(value).toISOString();
  }
  if (typeof search.currency === 'string' && /^[a-z]{3}$/.test(search.currency))
    filters.currency = search.currency;
  if (search.refunded === true || search.refunded === 'true') filters.refunded = true;
  return filters;
}

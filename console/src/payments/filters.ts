import type { Query } from '@payments/client';
import { readCurrency, readMoments, readTexts } from '../shell/search.ts';

/** What a list of payments is narrowed by, as the API and the page's address name it. */
export type PaymentFilters = Omit<Query<'listPayments'>, 'limit' | 'cursor'>;

/** What an address says, as far as it can be meant. */
export const readPaymentFilters = (search: Record<string, unknown>): PaymentFilters => ({
  ...readTexts(search, ['customer_id', 'order_id', 'charge_id', 'stripe_payment_intent_id', 'status']),
  ...readMoments(search, ['created_at_gte', 'created_at_lt']),
  ...readCurrency(search),
  ...(search.refunded === true || search.refunded === 'true' ? { refunded: true } : {}),
});

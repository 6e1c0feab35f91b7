import type { Answer } from '@payments/client';
import { queryOptions } from '@tanstack/react-query';
import { api, bodyOf } from '../api/api.ts';

export type PaymentDetail = Answer<'getPaymentDetail'>;

/** How often a payment is looked at while somebody looks at it. */
const EVERY_ms = 5_000;

/** One payment with its refunds, its disputes, and what there is to know before it is refunded. */
export const paymentQuery = (payment_id: string) =>
  queryOptions({
    queryKey: ['payments', 'one', payment_id],
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/v1/admin/payments/{payment_id}', { params: { path: { payment_id } }, signal })),
    refetchInterval: EVERY_ms,
  });

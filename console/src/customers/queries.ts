import type { Answer } from '@payments/client';
import { queryOptions } from '@tanstack/react-query';
import { api, bodyOf } from '../api/api.ts';

export type ListedDispute = Answer<'listDisputes'>['disputes'][number];
export type Customer = Answer<'getCustomer'>;

/** What a customer has paid and got back, and what a look should not miss. */
export const customerQuery = (customer_id: string) =>
  queryOptions({
    queryKey: ['customers', customer_id],
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/v1/admin/customers/{customer_id}', { params: { path: { customer_id } }, signal })),
    refetchInterval: 15_000,
  });

/** The latest disputes of a customer's payments. */
export const disputesQuery = (brand_id: string, customer_id: string) =>
  queryOptions({
    queryKey: ['disputes', brand_id, customer_id],
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/v1/admin/disputes', { params: { query: { brand_id, customer_id } }, signal })).then(
        ({ disputes }) => disputes,
      ),
  });

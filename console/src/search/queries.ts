import type { Answer } from '@payments/client';
import { queryOptions } from '@tanstack/react-query';
import { api, bodyOf } from '../api/api.ts';

export type Found = Answer<'search'>['results'][number];

/** What has an id, of whatever kind. */
export const searchQuery = (q: string) =>
  queryOptions({
    queryKey: ['search', q],
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/v1/admin/search', { params: { query: { q } }, signal })).then(
        ({ results }) => results,
      ),
    staleTime: 5_000,
  });

/** The page of what was found, below `/console`. A dispute is shown with its payment. */
export function addressOf({ type, id, payment_id }: Pick<Found, 'type' | 'id' | 'payment_id'>): string {
  if (type === 'customer') return `/customers/${encodeURIComponent(id)}`;
  if (type === 'refund') return `/refunds/${id}`;
  return `/payments/${payment_id ?? id}`;
}

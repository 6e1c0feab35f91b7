import type { Answer } from '@payments/client';
import { queryOptions } from '@tanstack/react-query';
import { api, bodyOf } from '../api/api.ts';

export type Insights = Answer<'analyzeRefunds'>;

export interface Period {
  currency: string;
  created_at_gte: string;
  created_at_lt: string;
}

/** Days are those of whoever looks. */
const time_zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** What the refunds of a period come to, in one currency. */
export const insightsQuery = (period: Period) =>
  queryOptions({
    queryKey: ['refunds', 'insights', period],
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/v1/admin/refunds/insights', { params: { query: { ...period, time_zone } }, signal })),
    staleTime: 60_000,
  });

/** In which currencies there were refunds, the most used first. */
export const currenciesQuery = ({ created_at_gte, created_at_lt }: Omit<Period, 'currency'>) =>
  queryOptions({
    queryKey: ['refunds', 'currencies', created_at_gte, created_at_lt],
    queryFn: async ({ signal }) => {
      const { totals } = await bodyOf(
        api.GET('/v1/admin/refunds/summary', {
          params: { query: { created_at_gte, created_at_lt } },
          signal,
        }),
      );
      return totals.toSorted((one, other) => other.count - one.count).map(({ currency }) => currency);
    },
    staleTime: 60_000,
  });

import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import { sessionQuery } from '../session/session.ts';
import { RequestFailed } from './error.ts';

const RETRIES_MAX = 3;
/** Asked again, these may be answered: nobody there, too many at once, a gateway that lost its way. */
const WORTH_A_RETRY = new Set([0, 429, 502, 503, 504]);

/** Refusals that say that nobody is signed in (any more). */
const SESSION_OVER = new Set(['unauthenticated', 'invalid_token']);

/** What has been asked, and how it is asked again. Only what changes nothing is repeated by itself. */
export function createQueries(): QueryClient {
  const onError = (error: Error) => {
    if (error instanceof RequestFailed && SESSION_OVER.has(error.code)) {
      queries.setQueryData(sessionQuery.queryKey, null);
    }
  };
  const queries: QueryClient = new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        retry: (failures, error) =>
          failures < RETRIES_MAX && error instanceof RequestFailed && WORTH_A_RETRY.has(error.status),
        retryDelay: (failures, error) =>
          error instanceof RequestFailed && error.retry_after_s !== undefined
            ? Math.min(error.retry_after_s, 30) * 1_000
            : Math.min(500 * 2 ** failures, 8_000),
      },
      mutations: { retry: false },
    },
  });
  return queries;
}

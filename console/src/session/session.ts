import { queryOptions } from '@tanstack/react-query';
import { createContext, useContext } from 'react';
import { failureOf, RequestFailed } from '../api/error.ts';
import { t } from '../texts/texts.ts';

/** Who is signed in, and what they may do. */
export interface Session {
  actor_id: string;
  name: string | null;
  brand_id: string;
  scopes: string[];
  signed_in_at: string;
  expires_at: string;
}

/** Null: nobody is signed in. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }): Promise<Session | null> => {
    const response = await fetch('/auth/session', { signal }).catch((error: unknown) => {
      if (signal.aborted) throw error;
      throw new RequestFailed(t.errors.unreachable, { status: 0, code: 'unreachable', cause: error });
    });
    if (response.status === 401) return null;
    const body: unknown = await response.json().catch(() => undefined);
    if (!response.ok) throw failureOf(response, body);
    return body as Session;
  },
  staleTime: 60_000,
  refetchOnWindowFocus: 'always',
});

const SessionContext = createContext<Session | null>(null);
export const SessionProvider = SessionContext.Provider;

/** Whoever is signed in, or was until a moment ago. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error('Nobody is signed in');
  return session;
}

/** Whether scopes that were granted cover one that is needed: itself, or one that it lies under. */
export function covers(scopes: readonly string[], needed: string): boolean {
  return scopes.some((scope) => needed === scope || needed.startsWith(`${scope}.`));
}

/** Whether whoever is signed in may do what asks for any one of these scopes. */
export function useMay(...needed: string[]): boolean {
  const { scopes } = useSession();
  return needed.some((scope) => covers(scopes, scope));
}

/** Where to sign in, and come back from to where one is. */
export function signInAddress({ again = false } = {}): string {
  const here = `${window.location.pathname}${window.location.search}`;
  return `/auth/sign-in?${new URLSearchParams({ return_to: here, ...(again ? { again: 'true' } : {}) })}`;
}

/** Ends the session here and at the issuer, and goes to where the issuer says. */
export async function signOut(): Promise<void> {
  // What was typed here is nobody else's to find.
  sessionStorage.clear();
  const response = await fetch('/auth/sign-out', { method: 'POST' });
  const { location } = (await response.json()) as { location: string };
  window.location.assign(location);
}

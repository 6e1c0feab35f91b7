import { Navigate } from '@tanstack/react-router';
import { covers, useSession } from '../session/session.ts';
import { PAGES } from './navigation.tsx';

/** Where somebody begins: at the first page that their role opens. */
export function Home() {
  const { scopes } = useSession();
  const first = PAGES.find((page) => page.scopes.some((scope) => covers(scopes, scope)));
  return <Navigate to={first?.to ?? '/refunds'} replace />;
}

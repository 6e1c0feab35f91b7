import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from '@tanstack/react-router';
import { readAuditFilters } from './audit/filters.ts';
import { type RowStatus, readRowStatus } from './bulk/queries.ts';
import { readInsightsSearch } from './insights/period.ts';
import { readOperationsSearch } from './operations/search.ts';
import { readPaymentFilters } from './payments/filters.ts';
import { type Action, readAction } from './refunds/actions/acts.ts';
import { readRefundFilters } from './refunds/filters.ts';
import { SignedIn } from './session/SignedIn.tsx';
import { sessionQuery } from './session/session.ts';
import { Crashed, Missing } from './shell/Failures.tsx';
import { Home } from './shell/Home.tsx';
import { Shell } from './shell/Shell.tsx';

interface RouterContext {
  queries: QueryClient;
}

const root = createRootRouteWithContext<RouterContext>()({
  loader: ({ context }) => context.queries.ensureQueryData(sessionQuery),
  component: () => (
    <SignedIn>
      <Shell />
    </SignedIn>
  ),
  errorComponent: Crashed,
  notFoundComponent: Missing,
});

const home = createRoute({ getParentRoute: () => root, path: '/', component: Home });

const refunds = createRoute({
  getParentRoute: () => root,
  path: '/refunds',
  validateSearch: readRefundFilters,
  component: lazyRouteComponent(() => import('./refunds/RefundList.tsx'), 'RefundList'),
});

const readRefundSearch = (search: Record<string, unknown>): { action?: Action } => {
  const action = readAction(search.action);
  return action === undefined ? {} : { action };
};

const refund = createRoute({
  getParentRoute: () => root,
  path: '/refunds/$refund_id',
  validateSearch: readRefundSearch,
  component: lazyRouteComponent(() => import('./refunds/RefundPage.tsx'), 'RefundPage'),
});

const approvals = createRoute({
  getParentRoute: () => root,
  path: '/approvals',
  validateSearch: (search: Record<string, unknown>): { refund_id?: string; action?: Action } => ({
    ...(typeof search.refund_id === 'string' ? { refund_id: search.refund_id } : {}),
    ...readRefundSearch(search),
  }),
  component: lazyRouteComponent(() => import('./approvals/Approvals.tsx'), 'Approvals'),
});

const payments = createRoute({
  getParentRoute: () => root,
  path: '/payments',
  validateSearch: readPaymentFilters,
  component: lazyRouteComponent(() => import('./payments/PaymentList.tsx'), 'PaymentList'),
});

const payment = createRoute({
  getParentRoute: () => root,
  path: '/payments/$payment_id',
  validateSearch: ({ refund }: Record<string, unknown>): { refund?: true } =>
    refund === true ? { refund } : {},
  component: lazyRouteComponent(() => import('./payments/PaymentPage.tsx'), 'PaymentPage'),
});

const customer = createRoute({
  getParentRoute: () => root,
  path: '/customers/$customer_id',
  component: lazyRouteComponent(() => import('./customers/CustomerPage.tsx'), 'CustomerPage'),
});

const batches = createRoute({
  getParentRoute: () => root,
  path: '/bulk',
  component: lazyRouteComponent(() => import('./bulk/BatchList.tsx'), 'BatchList'),
});

const newBatch = createRoute({
  getParentRoute: () => root,
  path: '/bulk/new',
  component: lazyRouteComponent(() => import('./bulk/NewBatch.tsx'), 'NewBatch'),
});

const batch = createRoute({
  getParentRoute: () => root,
  path: '/bulk/$batch_id',
  validateSearch: (search: Record<string, unknown>): { status?: RowStatus } => {
    const status = readRowStatus(search.status);
    return status === undefined ? {} : { status };
  },
  component: lazyRouteComponent(() => import('./bulk/BatchPage.tsx'), 'BatchPage'),
});

const operations = createRoute({
  getParentRoute: () => root,
  path: '/operations',
  validateSearch: readOperationsSearch,
  component: lazyRouteComponent(() => import('./operations/OperationsPage.tsx'), 'OperationsPage'),
});

const audit = createRoute({
  getParentRoute: () => root,
  path: '/audit',
  validateSearch: readAuditFilters,
  component: lazyRouteComponent(() => import('./audit/AuditPage.tsx'), 'AuditPage'),
});

const insights = createRoute({
  getParentRoute: () => root,
  path: '/insights',
  validateSearch: readInsightsSearch,
  component: lazyRouteComponent(() => import('./insights/InsightsPage.tsx'), 'InsightsPage'),
});

/** Every page, by its address under `/console`. */
export function createRoutes(queries: QueryClient) {
  return createRouter({
    routeTree: root.addChildren([
      home,
      refunds,
      refund,
      approvals,
      payments,
      payment,
      customer,
      batches,
      newBatch,
      batch,
      insights,
      operations,
      audit,
    ]),
    basepath: '/console',
    context: { queries },
    defaultPreload: 'intent',
    defaultErrorComponent: Crashed,
    scrollRestoration: true,
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createRoutes>;
  }
}

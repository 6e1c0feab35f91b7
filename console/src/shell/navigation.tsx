import type { ComponentType } from 'react';
import { t } from '../texts/texts.ts';
import { IconApprove, IconCard, IconChart, IconLog, IconPulse, IconRefund, IconStack } from './icons.tsx';

interface NavigationEntry {
  to: string;
  label: string;
  icon: ComponentType;
  /** Any one of these opens it. */
  scopes: readonly string[];
}

/** Where one can go, in the order of how often one does. */
export const PAGES: readonly NavigationEntry[] = [
  { to: '/refunds', label: t.navigation.refunds, icon: IconRefund, scopes: ['admin:refunds.read'] },
  {
    to: '/approvals',
    label: t.navigation.approvals,
    icon: IconApprove,
    scopes: ['admin:refunds.approve'],
  },
  { to: '/payments', label: t.navigation.payments, icon: IconCard, scopes: ['admin:payments.read'] },
  { to: '/bulk', label: t.navigation.bulk, icon: IconStack, scopes: ['admin:refunds.issue'] },
  { to: '/insights', label: t.navigation.insights, icon: IconChart, scopes: ['admin:refunds.read'] },
  {
    to: '/operations',
    label: t.navigation.operations,
    icon: IconPulse,
    scopes: ['admin:operations.read'],
  },
  { to: '/audit', label: t.navigation.audit, icon: IconLog, scopes: ['admin:audit.read'] },
];

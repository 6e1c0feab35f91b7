import { inBoth, type Scope } from './scopes.ts';
import type { TokenFacts } from './token-facts.ts';

/** What somebody who has a role may do, by the role's name in the issuer's tokens. */
export type Roles = Readonly<Record<string, readonly string[]>>;

const SEES: readonly Scope[] = ['admin:refunds.read', 'admin:payments.read', 'admin:disputes.read'];

/** The roles of a refund desk, where the setting names no others. */
export const DEFAULT_ROLES = {
  agent: [...SEES, 'admin:refunds.issue'],
  approver: [...SEES, 'admin:refunds.issue', 'admin:refunds.approve'],
  finance: [...SEES, 'admin:refunds.approve'],
  auditor: [...SEES, 'admin:audit.read'],
  operator: [
    'admin:operations.read',
    'admin:operations',
    'admin:webhooks',
    'admin:events.read',
    'admin:events',
  ],
} as const satisfies Record<string, readonly Scope[]>;

/**
 * What a token opens. The scopes of a person's token say what the app may do that they use; where the issuer says what people are, they
 * may do what their roles and those scopes both allow, and somebody without a known role nothing. A service has its scopes.
 */
export function scopesOf(facts: TokenFacts, isPerson: boolean, roles: Roles): ReadonlySet<string> {
  if (!isPerson || facts.roles === undefined) return facts.scopes;
  const allowed = facts.roles.flatMap((role) => (Object.hasOwn(roles, role) ? roles[role] : undefined) ?? []);
  return inBoth(facts.scopes, new Set(allowed));
}

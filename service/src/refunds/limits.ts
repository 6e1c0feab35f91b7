import type { Principal } from '../access/principal.ts';
import { grants } from '../access/scopes.ts';
import type { Queryable } from '../database/pool.ts';

/** Whose limit holds for a caller: a service by itself, or a person who may or may not approve others' refunds. */
export const LIMITED_ROLES = ['service', 'agent', 'approver'] as const;
export type LimitedRole = (typeof LIMITED_ROLES)[number];

/** Up to and including which amount (smallest unit) a role refunds by itself, by currency. */
export type ApprovalLimits = Partial<Record<LimitedRole, Record<string, number>>>;

export function roleOf({ actor_type, scopes }: Pick<Principal, 'actor_type' | 'scopes'>): LimitedRole {
  if (actor_type === 'service') return 'service';
  return grants(scopes, 'admin:refunds.approve') ? 'approver' : 'agent';
}

/** The limits of a role (approval_limits' primary key): the table goes before the setting. */
export async function readLimits(
  tx: Queryable,
  setting: ApprovalLimits,
  brandId: string,
  role: LimitedRole,
): Promise<Record<string, number>> {
  const { rows } = await tx.query<{ currency: string; limit_cents: number }>({
    name: 'approval_limits.of_role',
    text: 'SELECT currency, limit_cents FROM approval_limits WHERE brand_id = $1 AND role = $2',
    values: [brandId, role],
  });
  return { ...setting[role], ...Object.fromEntries(rows.map((row) => [row.currency, row.limit_cents])) };
}

/**
 * Up to and including which amount (smallest unit) a role refunds by itself; null: whatever the amount. A role that has limits at
 * all, but none in this currency, has a limit of nothing: an amount that nobody thought of is not waved through.
 */
export function limitOf(limits: Record<string, number>, currency: string): number | null {
  return Object.keys(limits).length === 0 ? null : (limits[currency] ?? 0);
}

/** Whether an amount needs somebody else's approval. */
export function needsApproval(
  limits: Record<string, number>,
  currency: string,
  amountCents: number,
): boolean {
  const limit = limitOf(limits, currency);
  return limit !== null && amountCents > limit;
}

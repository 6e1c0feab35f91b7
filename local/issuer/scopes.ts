/** Whom access tokens are for: the payments API, as a resource indicator (RFC 8707) and as their `aud`. */
export const API_AUDIENCE = 'urn:payments:api';

/** Every scope of the payments API. */
export const API_SCOPES = [
  'admin:refunds',
  'admin:refunds.read',
  'admin:refunds.issue',
  'admin:refunds.approve',
  'admin:payments',
  'admin:payments.read',
  'admin:disputes',
  'admin:disputes.read',
  'admin:webhooks',
  'admin:operations',
  'admin:operations.read',
  'admin:events',
  'admin:events.read',
  'admin:audit.read',
  'admin:reports.read',
  'read:payments',
  'write:refunds',
  'manage:payments',
] as const;

export const ADMIN_SCOPES = API_SCOPES.filter((scope) => scope.startsWith('admin:'));

/** Scopes as the words of OAuth's space-separated list (RFC 6749, section 3.3). */
export function splitScope(scope: string | undefined): string[] {
  return (scope ?? '').split(' ').filter((word) => word !== '');
}

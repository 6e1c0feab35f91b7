/** Every scope that an operation asks for, and what it opens. `<verb>:<resource>`; admin is for staff and services only. */
export const SCOPES = {
  'admin:refunds.read': 'See refunds and the reasons for them.',
  'admin:refunds.issue': 'Ask for refunds, call them back, have Stripe asked about them.',
  'admin:refunds.approve': 'Decide about refunds that others have asked for.',
  'admin:payments.read': 'See payments and what is left of them.',
  'admin:disputes.read': 'See disputes.',
  'admin:webhooks': 'Have Stripe asked again about an event.',
  'admin:operations.read':
    'See what Stripe has told, how the books are held against it, and how the service is doing.',
  'admin:operations': 'The same, have the books held against Stripe, and say how a difference was settled.',
  'admin:events.read': 'See which services are told of events, and what became of telling them.',
  'admin:events': 'The same, say where events go, and have them sent again.',
  'admin:audit.read': 'See and export who did what.',
  'read:payments': 'For customers: see a payment of their own by its id. It opens nothing to a service.',
  'write:refunds': 'Refund a payment by its id; a customer: their own.',
} as const;

export type Scope = keyof typeof SCOPES;

/**
 * Whether scopes that were granted include one that is needed: itself; one that it lies under (`admin:refunds` covers
 * `admin:refunds.read`); or `manage:x`, which is `read:x` and `write:x`.
 */
export function grants(scopes: ReadonlySet<string>, needed: string): boolean {
  if (scopes.has(needed)) return true;
  for (let dot = needed.lastIndexOf('.'); dot > 0; dot = needed.lastIndexOf('.', dot - 1)) {
    if (scopes.has(needed.slice(0, dot))) return true;
  }
  const [verb, resource] = needed.split(':', 2);
  return (verb === 'read' || verb === 'write') && scopes.has(`manage:${resource}`);
}

/** What two grants both allow, where each may be written wider than the other. */
export function inBoth(one: ReadonlySet<string>, other: ReadonlySet<string>): Set<string> {
  return new Set([
    ...[...one].filter((scope) => grants(other, scope)),
    ...[...other].filter((scope) => grants(one, scope)),
  ]);
}

import type { Actor } from '../audit/record.ts';

/** Who is calling, and what they may do. */
export interface Principal extends Actor {
  /** A person who signed in, or another service. */
  actor_type: 'user' | 'service';
  client_id: string;
  scopes: ReadonlySet<string>;
  /** The only brand whose rows this call may see. */
  brand_id: string;
  /** Neither the token nor the request named a brand, so it is the default one. */
  brand_is_default: boolean;
}

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

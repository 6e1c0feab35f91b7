import { ServiceError } from '../errors.ts';
import { challenge } from './bearer.ts';
import type { Principal } from './principal.ts';

/**
 * Why somebody has to sign in again first (RFC 9470): what they are about to do wants to be sure that it is they who sit there. A
 * token that does not say when its person signed in is no proof of it. Services do not sign in. `within_s` of 0: nobody has to.
 */
export function refuseStaleSignIn(
  { actor_type, signed_in_at_ms = 0 }: Principal,
  within_s: number,
): ServiceError | undefined {
  if (actor_type !== 'user' || within_s === 0) return undefined;
  if (Date.now() - signed_in_at_ms <= within_s * 1_000) return undefined;
  return new ServiceError('insufficient_user_authentication', {
    headers: challenge('insufficient_user_authentication', undefined, within_s),
  });
}

import type { Actor } from '../audit/record.ts';
import { grants, type Scope } from './scopes.ts';
import type { LiveSession } from './sessions/sessions.ts';

/** Who is calling, and what they may do. */
export interface Principal extends Actor {
  /** A person who signed in, or another service. */
  actor_type: 'user' | 'service';
  /** As the issuer calls a person; `actor_id` of somebody who acts for themselves is their customer's name, which is what is recorded. */
  person_id: string | undefined;
  client_id: string;
  scopes: ReadonlySet<string>;
  /** The session by which it is known, where a browser is calling. */
  session?: LiveSession | undefined;
  /** When the person has signed in, in milliseconds since 1970; undefined where the issuer does not say. */
  signed_in_at_ms: number | undefined;
  /** The only brand whose rows this call may see. */
  brand_id: string;
  /** Neither the token nor the request named a brand, so it is the default one. */
  brand_is_default: boolean;
}

/** The only customer whose money a caller may move: a person without the scope of staff moves their own. Undefined: anybody's. */
export const customerOf = ({ person_id, scopes }: Principal, staff: Scope): string | undefined =>
  grants(scopes, staff) ? undefined : person_id;

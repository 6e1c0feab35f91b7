import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Issuer, TokenFacts } from './introspection.ts';

const TOKENS_MAX = 10_000;
/** How long an answer may be believed: so long may a revoked token still work. */
const GOOD_MS = 60_000;
/** Briefly, so that a caller with a dead token does not make us ask each time. */
const BAD_MS = 10_000;

/** Tokens to facts. */
export interface Tokens {
  /** The facts about a token that is good now, or undefined. Throws IssuerUnavailable where nobody can say. */
  lookUp(token: string): Promise<TokenFacts | undefined>;
}

/**
 * Remembers what the issuer said: by the token's SHA-256, for min(its remaining life, 60 s), at most 10,000 of them. Callers
 * who ask about the same token at once share one question. Failures are not remembered.
 */
export function createTokens(issuer: Issuer): Tokens {
  const cache = new LRUCache<string, { facts: TokenFacts | undefined }, string>({
    max: TOKENS_MAX,
    ttl: GOOD_MS,
    fetchMethod: async (_digest, _stale, { options, context: token }) => {
      const facts = await issuer.introspect(token);
      options.ttl = facts === undefined ? BAD_MS : Math.min(GOOD_MS, Math.max(1, facts.expires_at_ms - Date.now()));
      return { facts };
    },
  });
  return {
    async lookUp(token) {
      const digest = createHash('sha256').update(token).digest('base64url');
      const entry = await cache.fetch(digest, { context: token });
      const facts = entry?.facts;
      return facts !== undefined && facts.expires_at_ms > Date.now() ? facts : undefined;
    },
  };
}

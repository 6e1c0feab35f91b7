import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type Issuer, IssuerUnavailable } from './issuer.ts';
import type { TokenFacts } from './token-facts.ts';

const TOKENS_MAX = 10_000;
/** How long an answer may be believed: so long may a revoked token still work. */
const GOOD_MS = 60_000;
/** Briefly, so that a caller with a dead token does not make us ask each time. */
const BAD_MS = 10_000;
/** Questions under way at once, so that a flood of made-up tokens is not passed on to the issuer. */
const QUESTIONS_MAX = 200;

/** Tokens to facts. */
export interface Tokens {
  /**
   * The facts about a token that is good now, or undefined. Throws IssuerUnavailable where nobody can say.
   *
   * @param ifUnknown called before anything else where the token was not good when it was last asked about; may throw
   */
  lookUp(token: string, ifUnknown?: () => void): Promise<TokenFacts | undefined>;
}

/**
 * Remembers what the issuer said: by the token's SHA-256, for min(its remaining life, 60 s), at most 10,000 of them, good ones and
 * bad ones apart, so that guesses do not push out what is in use. Callers who ask about the same token at once share one
 * question. Failures are not remembered. That a token was good when last asked about is remembered until it expires.
 */
export function createTokens(issuer: Issuer): Tokens {
  const good = new LRUCache<string, TokenFacts>({ max: TOKENS_MAX, ttl: GOOD_MS });
  const bad = new LRUCache<string, true>({ max: TOKENS_MAX, ttl: BAD_MS });
  const wasGood = new LRUCache<string, true>({ max: TOKENS_MAX });
  const questions = new Map<string, Promise<TokenFacts | undefined>>();

  const ask = async (digest: string, token: string): Promise<TokenFacts | undefined> => {
    try {
      const facts = await issuer.check(token);
      const life_ms = facts === undefined ? 0 : facts.expires_at_ms - Date.now();
      if (facts === undefined) {
        bad.set(digest, true);
        wasGood.delete(digest);
      } else if (life_ms > 0) {
        good.set(digest, facts, { ttl: Math.min(GOOD_MS, life_ms) });
        wasGood.set(digest, true, { ttl: life_ms });
      }
      return facts;
    } finally {
      questions.delete(digest);
    }
  };

  return {
    async lookUp(token, ifUnknown) {
      const digest = createHash('sha256').update(token).digest('base64url');
      if (!wasGood.has(digest)) ifUnknown?.();
      if (bad.has(digest)) return undefined;
      let facts = good.get(digest);
      if (facts === undefined) {
        let question = questions.get(digest);
        if (question === undefined) {
          if (questions.size >= QUESTIONS_MAX)
            throw new IssuerUnavailable('Too many tokens are being asked about');
          question = ask(digest, token);
          questions.set(digest, question);
        }
        facts = await question;
      }
      return facts !== undefined && facts.expires_at_ms > Date.now() ? facts : undefined;
    },
  };
}

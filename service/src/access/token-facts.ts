/** What is known of a token that is good: from the issuer's answer (RFC 7662, 2.2) or from the token itself (RFC 9068, 2.2). */
export interface TokenFacts {
  sub: string | undefined;
  client_id: string;
  scopes: ReadonlySet<string>;
  brand: string | undefined;
  /** What the person is, in the issuer's words; undefined where the token does not say. */
  roles: readonly string[] | undefined;
  /** When the person has signed in, in milliseconds since 1970 (`auth_time`; RFC 9470, 6.2); undefined where nothing is said. */
  signed_in_at_ms: number | undefined;
  /** Milliseconds since 1970. */
  expires_at_ms: number;
}

/** What has to be in a token, and where. */
export interface TokenRules {
  /** What `aud` has to contain; unset: not looked at. */
  audience?: string;
  /** The claim that says what a person is. */
  roles_claim?: string;
}

/** A token without `exp` is believed for as long as a cached answer may live. */
const NO_EXPIRY_MS = 60_000;

/** The facts in the claims of a token that has been found good; undefined where it is not good here, or not any more. */
export function factsOf(
  claims: Readonly<Record<string, unknown>>,
  { audience, roles_claim }: TokenRules,
): TokenFacts | undefined {
  // Good only together with a proof of its key (RFC 9449, RFC 8705), which a bearer does not give.
  if (claims.cnf !== undefined) return undefined;
  if (!isBearerAccessToken(claims)) return undefined;
  if (audience !== undefined && ![claims.aud].flat().includes(audience)) return undefined;
  if (claims.exp !== undefined && typeof claims.exp !== 'number') throw new TypeError('exp is not a number');
  const now_ms = Date.now();
  const expires_at_ms = claims.exp === undefined ? now_ms + NO_EXPIRY_MS : claims.exp * 1_000;
  if (expires_at_ms <= now_ms) return undefined;
  const sub = wordOf(claims.sub);
  const client_id = wordOf(claims.client_id) ?? wordOf(claims.azp);
  if (sub === undefined && client_id === undefined) return undefined;
  return {
    sub,
    // Not the subject: somebody whose client is not known would be taken for a service, which may do more than a person.
    client_id: client_id ?? 'unknown',
    scopes: new Set(wordsOf(claims.scope)),
    brand: wordOf(claims.brand),
    roles: roles_claim === undefined ? undefined : wordsOf(claims[roles_claim]),
    signed_in_at_ms: typeof claims.auth_time === 'number' ? claims.auth_time * 1_000 : undefined,
    expires_at_ms,
  };
}

/**
 * An issuer answers for refresh tokens too that they are active (RFC 7662, 2.2). Which kind one is stands in `token_use` (Hydra,
 * Cognito) or `typ` (Keycloak); `token_type` is how an access token is to be used, in older versions of Hydra its kind.
 */
function isBearerAccessToken({ token_type, token_use, typ }: Readonly<Record<string, unknown>>): boolean {
  const said = (word: unknown, among: RegExp) => typeof word !== 'string' || among.test(word);
  return (
    said(token_type, /^(bearer|access_token)$/i) &&
    said(token_use, /^access(_token)?$/i) &&
    !/^(refresh|offline|id|logout)$/i.test(String(typ))
  );
}

const wordOf = (claim: unknown): string | undefined =>
  typeof claim === 'string' && claim !== '' ? claim : undefined;

/** The words of a list that is an array, or a string with spaces between them. */
const wordsOf = (claim: unknown): string[] => {
  const parts: unknown[] = typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [];
  return parts.filter((part): part is string => typeof part === 'string' && part !== '');
};

import {
  createRemoteJWKSet,
  customFetch,
  decodeProtectedHeader,
  errors,
  type FetchImplementation,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import type { Signature } from './signatures.ts';

/** What every access token has to say (RFC 9068, 2.2). */
const REQUIRED = ['exp', 'iat', 'sub', 'client_id', 'jti'];
/** By how much the issuer's clock may differ from this machine's. */
const CLOCK_TOLERANCE_s = 10;
/** An unknown key is asked for at once, but not more often than that, however many tokens name one. */
const COOLDOWN_ms = 1_000;

export interface JwtOptions {
  /** Where the issuer's keys are (RFC 7517). */
  jwks_uri: string;
  issuer: string;
  audience: string;
  signatures: readonly Signature[];
  timeout_ms: number;
  fetch: FetchImplementation;
}

/** What a JWT access token says, or undefined where it is not good. @throws where the issuer's keys cannot be had */
export type VerifyJwt = (token: string) => Promise<JWTPayload | undefined>;

/**
 * Verifies JWT access tokens as RFC 9068, 4 says: the type, the signature by one of the issuer's keys, issuer, audience and
 * expiry. Keys are kept for ten minutes and asked for anew where a token names one that is not among them.
 */
export function createVerifier({ jwks_uri, issuer, audience, signatures, timeout_ms, fetch }: JwtOptions): {
  verify: VerifyJwt;
  /** Asks for the keys. */
  reload(): Promise<void>;
} {
  const keys = createRemoteJWKSet(new URL(jwks_uri), {
    timeoutDuration: timeout_ms,
    cooldownDuration: COOLDOWN_ms,
    [customFetch]: fetch,
  });
  const options: JWTVerifyOptions = {
    typ: 'at+jwt',
    algorithms: [...signatures],
    issuer,
    audience,
    requiredClaims: REQUIRED,
    clockTolerance: CLOCK_TOLERANCE_s,
  };
  return {
    async verify(token) {
      try {
        return await verifyWith(token, keys, options);
      } catch (error) {
        if (isTokensFault(error)) return undefined;
        throw error;
      }
    },
    reload: () => keys.reload(),
  };
}

/** A token that does not say which key it was signed with is tried with each that it could be. */
async function verifyWith(
  token: string,
  keys: JWTVerifyGetKey,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, keys, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error) {
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (failure) {
        if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

/** Whether it is the token that is not right; otherwise its keys could not be had, and nobody can say. */
const isTokensFault = (error: unknown): boolean =>
  error instanceof errors.JOSEError &&
  error.code !== 'ERR_JOSE_GENERIC' &&
  !(error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid);

/** Whether a token reads as a JWT at all (RFC 7519); an opaque one does not. */
export function isJwt(token: string): boolean {
  if (token.split('.').length !== 3) return false;
  try {
    return decodeProtectedHeader(token).alg !== undefined;
  } catch {
    return false;
  }
}

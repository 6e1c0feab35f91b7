import { hkdfSync } from 'node:crypto';
import { EncryptJWT, errors, type JWTPayload, jwtDecrypt } from 'jose';

/** Keeps what nobody but the service may read: tokens in the database, a sign-in under way in the browser. */
export interface Seal {
  /** @param lifetime_s after which it opens no more */
  seal(content: JWTPayload, lifetime_s: number): Promise<string>;
  /** What was sealed; undefined where it was not by us, was changed, or has expired. */
  open(sealed: string): Promise<JWTPayload | undefined>;
}

/**
 * Seals with the first of the secrets, and opens what was sealed with any of them, so that one can be rotated while all that it
 * sealed lasts. An encrypted JWT (RFC 7516: `dir`, `A256GCM`); `purpose` keeps what is sealed for one thing from being used for another.
 */
export function createSeal(secrets: readonly string[], purpose: string): Seal {
  const keys = secrets.map(
    (secret) => new Uint8Array(hkdfSync('sha256', secret, '', `payments ${purpose}`, 32)),
  );
  return {
    async seal(content, lifetime_s) {
      const [key] = keys;
      if (key === undefined) throw new Error('There is no secret to seal with');
      return await new EncryptJWT(content)
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .setExpirationTime(`${lifetime_s}s`)
        .encrypt(key);
    },
    async open(sealed) {
      for (const key of keys) {
        try {
          const options = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] };
          return (await jwtDecrypt(sealed, key, options)).payload;
        } catch (error) {
          if (!(error instanceof errors.JOSEError)) throw error;
        }
      }
      return undefined;
    },
  };
}

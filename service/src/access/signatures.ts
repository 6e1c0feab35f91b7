/**
 * How the issuer's tokens may be signed (RFC 7518, RFC 8037): with a key that only the issuer has. None without a signature, none with
 * a secret that is shared, so that no public key can be taken for one.
 */
export const SIGNATURES = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;

export type Signature = (typeof SIGNATURES)[number];

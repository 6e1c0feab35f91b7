import { findPerson, PEOPLE } from './people.ts';
import { ACCESS_TOKEN_TTL_s, type IssuerProvider } from './provider.ts';
import { API_AUDIENCE, API_SCOPES, splitScope } from './scopes.ts';

/** What kind of token is wanted. */
export interface TokenRequest {
  /** Space-separated. Default: everything the person may do; for a service it must be given. */
  scope?: string;
  /** The brand that the token is bound to; without one it is not bound. */
  brand?: string;
  /** A person's name (`agent`, `finance`, …). Without one the token is a service's, of the client `developer`. */
  as?: string;
  /** Default: the payments API. */
  audience?: string;
  /** Default: one hour. Zero or less makes a token that has already expired. */
  expires_in_s?: number;
}

/** As an OAuth token response (RFC 6749, section 5.1). */
export interface MintedToken {
  access_token: string;
  token_type: 'Bearer';
  expires_in: number;
  /** What was granted; of a person never more than the role has. */
  scope: string;
}

/** The request for a token asks for what does not exist; the message says what does. */
export class TokenRequestError extends Error {}

/**
 * Makes an access token as the token endpoint would have, without the conversation before it.
 *
 * @throws {TokenRequestError} an unknown scope or person, no scope for a service, or a fraction of a second
 */
export async function mintToken(
  { provider, bindBrand, grantTo }: IssuerProvider,
  { scope, brand, as, audience = API_AUDIENCE, expires_in_s = ACCESS_TOKEN_TTL_s }: TokenRequest,
): Promise<MintedToken> {
  const asked = splitScope(scope);
  const unknown = asked.filter((word) => !API_SCOPES.some((known) => known === word));
  if (unknown.length > 0) {
    throw new TokenRequestError(`Unknown scope: ${unknown.join(', ')}. Known are: ${API_SCOPES.join(', ')}.`);
  }
  if (!Number.isSafeInteger(expires_in_s)) {
    throw new TokenRequestError('expires_in_s must be a whole number of seconds.');
  }
  const person = as === undefined ? undefined : findPerson(as);
  if (as !== undefined && person === undefined) {
    throw new TokenRequestError(
      `Unknown person: ${as}. Known are: ${PEOPLE.map(({ id }) => id).join(', ')}.`,
    );
  }
  if (person === undefined && asked.length === 0) {
    throw new TokenRequestError(`A scope is needed. Known are: ${API_SCOPES.join(', ')}.`);
  }

  const client = await provider.Client.find(person === undefined ? 'developer' : 'console');
  if (client === undefined) throw new Error('The issuer has lost its clients.');
  const granted =
    person === undefined
      ? asked
      : person.scopes.filter((word) => scope === undefined || asked.some((wide) => covers(wide, word)));
  const token =
    person === undefined
      ? new provider.ClientCredentials({ client, scope: granted.join(' '), aud: audience })
      : new provider.AccessToken({
          client,
          accountId: person.id,
          grantId: await grantTo(person, client.clientId, Math.max(expires_in_s, 1)),
          gty: 'authorization_code',
          scope: granted.join(' '),
          aud: audience,
        });
  token.exp = Math.floor(Date.now() / 1000) + expires_in_s;
  if (brand !== undefined) bindBrand(token, brand);
  const access_token = await token.save();
  return { access_token, token_type: 'Bearer', expires_in: expires_in_s, scope: granted.join(' ') };
}

/** `admin:refunds` covers `admin:refunds.read`. */
const covers = (wide: string, narrow: string) => narrow === wide || narrow.startsWith(`${wide}.`);

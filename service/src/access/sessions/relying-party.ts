import * as oauth from 'oauth4webapi';
import { discover, onceUnlessFailed, requestOptions } from '../discovery.ts';
import { IssuerUnavailable } from '../issuer.ts';
import { SIGNATURES, type Signature } from '../signatures.ts';

export interface RelyingPartyOptions {
  issuer: string;
  client_id: string;
  client_secret: string;
  /** Where the issuer sends the browser back to. */
  redirect_uri: string;
  /** What is asked for; the issuer gives what the person may have. */
  scopes: readonly string[];
  /** Whom the access tokens are for (RFC 8707). */
  audience: string | undefined;
  /** How ID tokens may be signed; unset: in any way of `SIGNATURES`. */
  signatures?: readonly Signature[];
}

/** What has to come back with the browser, and to be known to nobody else in between. */
export interface Attempt {
  state: string;
  nonce: string;
  code_verifier: string;
  /** How long ago the person may have signed in, in seconds; undefined: however long. */
  max_age_s?: number;
}

/** What the issuer gave. */
export interface Grant {
  access_token: string;
  refresh_token: string | undefined;
  access_expires_at: Date | undefined;
}

export interface SignedIn extends Grant {
  sub: string;
  name: string | undefined;
  /** 1970 where the issuer does not say. */
  signed_in_at: Date;
}

/** The issuer has refused: the person did not sign in, the code was used, the session has ended there. */
export class SignInRefused extends Error {}

/** The service as a client of the issuer's, for people who sign in (OAuth 2.1, authorization code with PKCE; OpenID Connect Core). */
export interface RelyingParty {
  /** Where to send the browser, and what to remember until it comes back. */
  begin(max_age_s?: number): Promise<{ address: string; attempt: Attempt }>;
  /** @throws SignInRefused, IssuerUnavailable */
  finish(callback: URL, attempt: Attempt): Promise<SignedIn>;
  /** @throws SignInRefused, IssuerUnavailable */
  refresh(refresh_token: string): Promise<Grant>;
  /** Makes a token useless (RFC 7009). @throws IssuerUnavailable */
  revoke(token: string): Promise<void>;
  /** Where the person's session at the issuer is ended, if it says so (OpenID Connect RP-Initiated Logout). */
  endSessionAddress(back: string): Promise<string | undefined>;
}

const HOWEVER_LONG_s = 365 * 24 * 3_600;
const LONGEST_EXPIRY_s = 365 * 24 * 3_600;

export function createRelyingParty(options: RelyingPartyOptions): RelyingParty {
  const { issuer, redirect_uri, scopes, audience, signatures = SIGNATURES } = options;
  const client: oauth.Client = { client_id: options.client_id };
  const authentication = oauth.ClientSecretBasic(options.client_secret);
  const discovered = onceUnlessFailed(async () => {
    const metadata = await discover({ issuer });
    // RS256 is what an issuer signs with that does not say (OpenID Connect Core, 15.1).
    const { id_token_signing_alg_values_supported: offered = ['RS256'] } = metadata;
    const allowed: readonly string[] = signatures;
    return {
      ...metadata,
      id_token_signing_alg_values_supported: offered.filter((signature) => allowed.includes(signature)),
    };
  });

  const ask = async <T>(work: (metadata: oauth.AuthorizationServer) => Promise<T>): Promise<T> => {
    try {
      return await work(await discovered());
    } catch (error) {
      if (isRefusal(error)) throw new SignInRefused('The issuer refused', { cause: error });
      throw new IssuerUnavailable('The issuer did not answer', { cause: error });
    }
  };
  const grantOf = (response: oauth.TokenEndpointResponse): Grant => ({
    access_token: response.access_token,
    refresh_token: response.refresh_token,
    access_expires_at:
      response.expires_in === undefined
        ? undefined
        : new Date(Date.now() + Math.min(response.expires_in, LONGEST_EXPIRY_s) * 1_000),
  });

  return {
    begin: (max_age_s) =>
      ask(async ({ authorization_endpoint }) => {
        if (authorization_endpoint === undefined) throw new Error('The issuer signs nobody in');
        const attempt: Attempt = {
          state: oauth.generateRandomState(),
          nonce: oauth.generateRandomNonce(),
          code_verifier: oauth.generateRandomCodeVerifier(),
          ...(max_age_s === undefined ? {} : { max_age_s }),
        };
        const address = new URL(authorization_endpoint);
        const parameters: Record<string, string | undefined> = {
          response_type: 'code',
          client_id: client.client_id,
          redirect_uri,
          scope: ['openid', ...scopes].join(' '),
          resource: audience,
          state: attempt.state,
          nonce: attempt.nonce,
          code_challenge: await oauth.calculatePKCECodeChallenge(attempt.code_verifier),
          code_challenge_method: 'S256',
          // Asked for in any case: only then has an issuer to say when the person signed in (OpenID Connect Core, 2, `auth_time`).
          max_age: String(max_age_s ?? HOWEVER_LONG_s),
        };
        for (const [name, value] of Object.entries(parameters)) {
          if (value !== undefined) address.searchParams.set(name, value);
        }
        return { address: address.href, attempt };
      }),

    finish: (callback, { state, nonce, code_verifier, max_age_s }) =>
      ask(async (metadata) => {
        const parameters = oauth.validateAuthResponse(metadata, client, callback, state);
        const response = await oauth.authorizationCodeGrantRequest(
          metadata,
          client,
          authentication,
          parameters,
          redirect_uri,
          code_verifier,
          requestOptions(metadata.token_endpoint ?? issuer),
        );
        const answer = await oauth.processAuthorizationCodeResponse(metadata, client, response, {
          expectedNonce: nonce,
          requireIdToken: true,
          ...(max_age_s === undefined ? {} : { maxAge: max_age_s }),
        });
        // That it came from the issuer over TLS would do for OpenID Connect (Core, 3.1.3.7, 6); its signature is looked at all the same.
        await oauth.validateApplicationLevelSignature(
          metadata,
          response,
          requestOptions(metadata.jwks_uri ?? issuer),
        );
        const claims = oauth.getValidatedIdTokenClaims(answer);
        if (claims === undefined) throw new Error('There is no ID token');
        return {
          ...grantOf(answer),
          sub: claims.sub,
          name: typeof claims.name === 'string' ? claims.name : undefined,
          // Who was known there already got a token now, and may have proved who they are long ago.
          signed_in_at: new Date((claims.auth_time ?? 0) * 1_000),
        };
      }),

    refresh: (refresh_token) =>
      ask(async (metadata) => {
        const response = await oauth.refreshTokenGrantRequest(
          metadata,
          client,
          authentication,
          refresh_token,
          requestOptions(metadata.token_endpoint ?? issuer),
        );
        return grantOf(await oauth.processRefreshTokenResponse(metadata, client, response));
      }),

    revoke: (token) =>
      ask(async (metadata) => {
        if (metadata.revocation_endpoint === undefined) return;
        const response = await oauth.revocationRequest(
          metadata,
          client,
          authentication,
          token,
          requestOptions(metadata.revocation_endpoint),
        );
        await oauth.processRevocationResponse(response);
      }),

    endSessionAddress: (back) =>
      ask(async ({ end_session_endpoint }) => {
        if (end_session_endpoint === undefined) return undefined;
        const address = new URL(end_session_endpoint);
        address.searchParams.set('client_id', client.client_id);
        address.searchParams.set('post_logout_redirect_uri', back);
        return address.href;
      }),
  };
}

/** What the issuer said in so many words, or what came with the browser and is not right; anything else is nobody's no. */
const isRefusal = (error: unknown): boolean =>
  error instanceof oauth.AuthorizationResponseError ||
  error instanceof oauth.OperationProcessingError ||
  (error instanceof oauth.ResponseBodyError && error.status < 500 && error.error !== 'invalid_client');

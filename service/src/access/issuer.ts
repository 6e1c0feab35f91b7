import * as oauth from 'oauth4webapi';
import {
  discover,
  fetchOverStaleConnections,
  isInTheClear,
  onceUnlessFailed,
  requestOptions,
  TIMEOUT_ms,
} from './discovery.ts';
import { createVerifier, isJwt } from './jwt.ts';
import { factsOf, type TokenFacts } from './token-facts.ts';

/** The issuer could not be asked, or did not answer as it should. */
export class IssuerUnavailable extends Error {}

export interface IssuerOptions {
  /** Its addresses are found by discovery (RFC 8414, OpenID Connect Discovery). */
  issuer?: string;
  /** Where there is no discovery. */
  introspection_url?: string;
  client_id: string;
  client_secret: string;
  /** What `aud` has to contain; unset: not looked at. */
  audience?: string;
  /** The claim that says what a person is. */
  roles_claim?: string;
  /** Whether JWT access tokens are verified here (RFC 9068) instead of asked about; needs an issuer and an audience. */
  verifies_jwt?: boolean;
}

export interface Issuer {
  /** The facts about a token that is good now; undefined for any other. Throws IssuerUnavailable. */
  check(token: string): Promise<TokenFacts | undefined>;
  /** Rejects where the issuer cannot be reached, or does not take our credentials. */
  reach(): Promise<void>;
}

/** Asked about to see whether the issuer would tell us of a token. */
const NOBODYS_TOKEN = 'nobodys-token';

type Metadata = oauth.AuthorizationServer;

/**
 * An OAuth issuer. It is asked about opaque tokens by RFC 7662 with our own client's credentials; JWTs are verified by its keys where
 * that is wanted. Its metadata is asked for once, and again after a failure.
 */
export function connectIssuer(options: IssuerOptions): Issuer {
  const client: oauth.Client = { client_id: options.client_id };
  const authentication = oauth.ClientSecretBasic(options.client_secret);

  const discovered = onceUnlessFailed(async () => {
    const metadata = await discover(options);
    return { metadata, jwt: verifierFor(metadata, options) };
  });

  const introspect = async (metadata: Metadata, token: string): Promise<TokenFacts | undefined> => {
    const response = await oauth.introspectionRequest(
      metadata,
      client,
      authentication,
      token,
      requestOptions(metadata.introspection_endpoint ?? metadata.issuer),
    );
    const answer = await oauth.processIntrospectionResponse(metadata, client, response).catch(refuseKind);
    return answer?.active === true ? factsOf(answer, options) : undefined;
  };

  const unlessUnavailable = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw new IssuerUnavailable('The issuer did not answer', { cause: error });
    }
  };

  return {
    check: (token) =>
      unlessUnavailable(async () => {
        const { metadata, jwt } = await discovered();
        if (jwt === undefined) return await introspect(metadata, token);
        if (isJwt(token)) {
          const claims = await jwt.verify(token);
          return claims === undefined ? undefined : factsOf(claims, options);
        }
        // An issuer of nothing but JWTs has made no other token.
        return metadata.introspection_endpoint === undefined ? undefined : await introspect(metadata, token);
      }),
    reach: () =>
      unlessUnavailable(async () => {
        const { metadata, jwt } = await discovered();
        await jwt?.reload();
        if (jwt === undefined || metadata.introspection_endpoint !== undefined) {
          await introspect(metadata, NOBODYS_TOKEN);
        }
      }),
  };
}

/** That an issuer looks into no tokens of a kind (oidc-provider: JWTs) is its word on the token: it vouches for none of them. */
function refuseKind(error: unknown): undefined {
  if (error instanceof oauth.ResponseBodyError && error.error === 'unsupported_token_type') return undefined;
  throw error;
}

function verifierFor({ issuer, jwks_uri }: Metadata, { audience, verifies_jwt }: IssuerOptions) {
  if (verifies_jwt !== true || audience === undefined) return undefined;
  if (jwks_uri === undefined) throw new Error('The issuer does not say where its keys are');
  if (isInTheClear(jwks_uri)) throw new Error('The issuer’s keys are to be had at an https address only');
  return createVerifier({
    jwks_uri,
    issuer,
    audience,
    timeout_ms: TIMEOUT_ms,
    fetch: fetchOverStaleConnections,
  });
}

import * as oauth from 'oauth4webapi';

/** What the issuer says of a token (RFC 7662, 2.2), as far as it matters here. */
export interface TokenFacts {
  sub: string | undefined;
  client_id: string;
  scopes: ReadonlySet<string>;
  brand: string | undefined;
  /** Milliseconds since 1970. */
  expires_at_ms: number;
}

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
}

export interface Issuer {
  /** The facts about a token that is good now; undefined for any other. Throws IssuerUnavailable. */
  introspect(token: string): Promise<TokenFacts | undefined>;
  /** Rejects where the issuer cannot be reached, or does not take our credentials. */
  reach(): Promise<void>;
}

const TIMEOUT_MS = 3_000;
/** A token without `exp` is believed for as long as a cached answer may live. */
const NO_EXPIRY_MS = 60_000;
/** Asked about to see whether the issuer would tell us of a token. */
const NOBODYS_TOKEN = 'nobodys-token';

/** An OAuth issuer, asked by RFC 7662 with our own client's credentials. Its metadata is asked for once, and again after a failure. */
export function connectIssuer(options: IssuerOptions): Issuer {
  const { audience, client_id, client_secret } = options;
  const client: oauth.Client = { client_id };
  const authentication = oauth.ClientSecretBasic(client_secret);
  let metadata: Promise<oauth.AuthorizationServer> | undefined;

  const server = async (): Promise<oauth.AuthorizationServer> => {
    metadata ??= discover(options);
    try {
      return await metadata;
    } catch (error) {
      metadata = undefined;
      throw error;
    }
  };

  const introspect = async (token: string): Promise<TokenFacts | undefined> => {
    try {
      const as = await server();
      const options = requestOptions(as.introspection_endpoint ?? as.issuer);
      const response = await oauth.introspectionRequest(as, client, authentication, token, options);
      return factsOf(await oauth.processIntrospectionResponse(as, client, response), audience);
    } catch (error) {
      throw new IssuerUnavailable('The issuer did not answer', { cause: error });
    }
  };

  return {
    introspect,
    async reach() {
      await introspect(NOBODYS_TOKEN);
    },
  };
}

async function discover({ issuer, introspection_url }: IssuerOptions): Promise<oauth.AuthorizationServer> {
  if (issuer === undefined)
    return { issuer: introspection_url ?? '', introspection_endpoint: introspection_url ?? '' };
  const identifier = new URL(issuer);
  const ask = (algorithm: 'oidc' | 'oauth2') =>
    oauth.discoveryRequest(identifier, { ...requestOptions(issuer), algorithm });
  let response = await ask('oidc');
  // An issuer of plain OAuth has its metadata at another address (RFC 8414, 5).
  if (response.status === 404) response = await ask('oauth2');
  const found = await oauth.processDiscoveryResponse(identifier, response);
  return introspection_url === undefined ? found : { ...found, introspection_endpoint: introspection_url };
}

const LOOPBACK = ['127.0.0.1', '[::1]', 'localhost'];

/** Our credentials go in the clear to this machine only, whatever the issuer's metadata says. */
function requestOptions(address: string) {
  const { protocol, hostname } = new URL(address);
  return {
    signal: () => AbortSignal.timeout(TIMEOUT_MS),
    [oauth.customFetch]: fetchOverStaleConnections,
    [oauth.allowInsecureRequests]: protocol === 'http:' && LOOPBACK.includes(hostname),
  };
}

/**
 * Asks once more where a kept connection turned out to be closed by the other side, as all are when an issuer restarts. Nothing
 * that is asked here changes anything, so asking twice is safe.
 */
async function fetchOverStaleConnections(
  url: string,
  { body, ...rest }: oauth.CustomFetchOptions<string, URLSearchParams | undefined>,
): Promise<Response> {
  const init: RequestInit = body === undefined ? rest : { ...rest, body };
  try {
    return await fetch(url, init);
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    if (code !== 'UND_ERR_SOCKET' && code !== 'ECONNRESET') throw error;
    return await fetch(url, init);
  }
}

function factsOf(answer: oauth.IntrospectionResponse, audience: string | undefined): TokenFacts | undefined {
  if (!answer.active) return undefined;
  // Good only together with a proof of its key (RFC 9449, RFC 8705), which a bearer does not give.
  if (answer.cnf !== undefined) return undefined;
  if (audience !== undefined && ![answer.aud].flat().includes(audience)) return undefined;
  if (answer.exp !== undefined && typeof answer.exp !== 'number') throw new TypeError('exp is not a number');
  const now_ms = Date.now();
  const expires_at_ms = answer.exp === undefined ? now_ms + NO_EXPIRY_MS : answer.exp * 1_000;
  if (expires_at_ms <= now_ms) return undefined;
  const brand = answer.brand;
  return {
    sub: answer.sub,
    client_id: answer.client_id ?? answer.sub ?? 'unknown',
    scopes: new Set(answer.scope?.split(' ').filter((scope) => scope !== '')),
    brand: typeof brand === 'string' && brand !== '' ? brand : undefined,
    expires_at_ms,
  };
}

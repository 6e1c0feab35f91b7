import * as oauth from 'oauth4webapi';

export const TIMEOUT_ms = 3_000;

/** Does it once for all who ask; after a failure, once more for the next. */
export function onceUnlessFailed<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return async () => {
    result ??= work();
    try {
      return await result;
    } catch (error) {
      result = undefined;
      throw error;
    }
  };
}

/** The issuer's metadata, by which its addresses are known (RFC 8414, OpenID Connect Discovery). */
export async function discover({
  issuer,
  introspection_url,
}: {
  issuer?: string;
  introspection_url?: string;
}): Promise<oauth.AuthorizationServer> {
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

/** Whether others could read, or change, what is said to an address: all but this machine itself has to be asked by https. */
export function isInTheClear(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  return protocol !== 'https:' && !LOOPBACK.includes(hostname);
}

export function requestOptions(address: string) {
  return {
    signal: () => AbortSignal.timeout(TIMEOUT_ms),
    [oauth.customFetch]: fetchOverStaleConnections,
    [oauth.allowInsecureRequests]: !isInTheClear(address),
  };
}

/**
 * Asks once more where a kept connection turned out to be closed by the other side, as all are when an issuer restarts. Most of what
 * is asked changes nothing; a code or a refresh token the issuer takes once, and one whose answer was lost is lost either way.
 */
export async function fetchOverStaleConnections(
  url: string,
  { body, ...rest }: { body?: string | URLSearchParams | undefined } & Omit<RequestInit, 'body'>,
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

import * as oauth from 'oauth4webapi';
import type { ClientSettings } from './settings.ts';

/** An access token by the client credentials grant (RFC 6749, 4.4), from the issuer that discovery finds (RFC 8414). */
export async function fetchToken(client: ClientSettings): Promise<{ access_token: string; lives_s: number }> {
  const issuer = new URL(client.issuer);
  // Only a laptop's issuer is without TLS.
  const options = {
    [oauth.allowInsecureRequests]: ['127.0.0.1', 'localhost', '[::1]'].includes(issuer.hostname),
  };
  try {
    const server = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, options),
    );
    const as: oauth.Client = { client_id: client.client_id };
    const wanted = {
      ...(client.scope === undefined ? {} : { scope: client.scope }),
      ...(client.audience === undefined ? {} : { resource: client.audience, audience: client.audience }),
    };
    const secret = oauth.ClientSecretBasic(client.client_secret);
    const response = await oauth.clientCredentialsGrantRequest(server, as, secret, wanted, options);
    const { access_token, expires_in = 60 } = await oauth.processClientCredentialsResponse(
      server,
      as,
      response,
    );
    return { access_token, lives_s: expires_in };
  } catch (error) {
    if (error instanceof oauth.ResponseBodyError) {
      throw new Error(`The issuer gives no token: ${error.error_description ?? error.error}.`, {
        cause: error,
      });
    }
    if (error instanceof oauth.WWWAuthenticateChallengeError) {
      throw new Error('The issuer gives no token: it does not take PAYMENTS_CLIENT_ID and its secret.', {
        cause: error,
      });
    }
    throw new Error('The issuer cannot be asked for a token: look at PAYMENTS_ISSUER.', { cause: error });
  }
}

/** Fetches a token when it is needed, and another one shortly before it expires. */
export function keepToken(client: ClientSettings): () => Promise<string> {
  let kept: { access_token: string; until_ms: number } | undefined;
  return async () => {
    if (kept === undefined || kept.until_ms < Date.now()) {
      const { access_token, lives_s } = await fetchToken(client);
      kept = { access_token, until_ms: Date.now() + (lives_s - 10) * 1_000 };
    }
    return kept.access_token;
  };
}

import type { ClientMetadata } from 'oidc-provider';
import { ADMIN_SCOPES, API_SCOPES } from './scopes.ts';

/** Who the issuer knows by name, and with a secret. */
export const CLIENT_IDS = ['payments-service', 'back-office', 'developer', 'console'] as const;
export type ClientId = (typeof CLIENT_IDS)[number];

/** Where the console receives the authorization code and where it lands after signing out, on whichever loopback port. */
const CONSOLE_CALLBACK = '/auth/callback';
const LOOPBACK_HOSTS = ['127.0.0.1', 'localhost', '[::1]'];

export function describeClients(secrets: Record<ClientId, string>): ClientMetadata[] {
  const service = {
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: 'client_secret_basic',
  } as const;
  return [
    {
      ...service,
      client_id: 'payments-service',
      client_name: 'Payments: the service, which asks whether tokens are valid',
      client_secret: secrets['payments-service'],
      grant_types: [],
    },
    {
      ...service,
      client_id: 'back-office',
      client_name: 'Back office',
      client_secret: secrets['back-office'],
      grant_types: ['client_credentials'],
      scope: ADMIN_SCOPES.join(' '),
    },
    {
      ...service,
      client_id: 'developer',
      client_name: 'A developer trying things out',
      client_secret: secrets.developer,
      grant_types: ['client_credentials'],
      scope: API_SCOPES.join(' '),
    },
    {
      client_id: 'console',
      client_name: 'Payments console',
      client_secret: secrets.console,
      token_endpoint_auth_method: 'client_secret_basic',
      // Native clients may come back on any loopback port (RFC 8252, section 7.3).
      application_type: 'native',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: LOOPBACK_HOSTS.map((host) => `http://${host}${CONSOLE_CALLBACK}`),
      post_logout_redirect_uris: LOOPBACK_HOSTS.map((host) => `http://${host}/`),
    },
  ];
}

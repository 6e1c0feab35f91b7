import {
  type AccessToken,
  type AdapterFactory,
  type ClientCredentials,
  errors,
  interactionPolicy,
  type KoaContextWithOIDC,
  Provider,
  type ResourceServer,
} from 'oidc-provider';
import { describeClients } from './clients.ts';
import { CONTENT_SECURITY_POLICY, errorPage, signedOutPage, signOutPage } from './pages.ts';
import { findPerson, type Person } from './people.ts';
import { API_AUDIENCE, API_SCOPES } from './scopes.ts';
import type { Secrets } from './secrets.ts';

const MINUTE_s = 60;
const HOUR_s = 60 * MINUTE_s;
const DAY_s = 24 * HOUR_s;

/** How long an access token lasts, as the payments API documents it. */
export const ACCESS_TOKEN_TTL_s = HOUR_s;

type Token = AccessToken | ClientCredentials;

export interface IssuerProvider {
  provider: Provider;
  /** Says which brand a token is for; to be called before it is saved. */
  bindBrand(token: Token, brand: string): void;
  /** The grant of a person to a client: all that the role has, and a no to all that it has not. */
  grantTo(person: Person, clientId: string, ttl_s?: number): Promise<string>;
}

const apiResource: ResourceServer = {
  scope: API_SCOPES.join(' '),
  audience: API_AUDIENCE,
  accessTokenFormat: 'opaque',
  accessTokenTTL: ACCESS_TOKEN_TTL_s,
};

/** When the person has signed in, in seconds since 1970; a token that is made without a conversation is made for somebody who is there. */
function signedInAt(ctx: KoaContextWithOIDC | undefined): number {
  const { AuthorizationCode: code, RefreshToken: refresh } = ctx?.oidc?.entities ?? {};
  return code?.authTime ?? refresh?.authTime ?? Math.floor(Date.now() / 1_000);
}

function html(ctx: KoaContextWithOIDC, body: string): void {
  ctx.type = 'html';
  ctx.set('content-security-policy', CONTENT_SECURITY_POLICY);
  ctx.body = body;
}

/** The provider offers no setting for what its tokens look like; this is the method that its models make them with. */
function prefixTokens(model: { prototype: object }, prefix: string): void {
  const prototype = model.prototype as { generateTokenId(): string };
  const generate = prototype.generateTokenId;
  prototype.generateTokenId = function generateTokenId() {
    return prefix + generate.call(this);
  };
}

/** The OAuth 2.1 and OpenID Connect provider behind the issuer's address. */
export function createProvider(issuer: string, adapter: AdapterFactory, secrets: Secrets): IssuerProvider {
  const brands = new WeakMap<Token, string>();
  const policy = interactionPolicy.base();
  // Registered as native only for its loopback ports; it is ours, holds a secret and needs nobody's consent.
  policy.get('consent')?.checks.remove('native_client_prompt');

  const provider = new Provider(issuer, {
    adapter,
    clients: describeClients(secrets.clients),
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    jwks: secrets.jwks,
    cookies: { keys: secrets.cookieKeys },
    scopes: ['openid', 'offline_access', ...API_SCOPES],
    claims: { openid: ['sub', 'name', 'role'] },
    // Access tokens are for the payments API, not for the userinfo endpoint: what the console shows comes in the ID token.
    conformIdTokenClaims: false,
    responseTypes: ['code'],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post'],
    pkce: { required: () => true },
    clientBasedCORS: () => false,
    async findAccount(_ctx, sub) {
      const person = findPerson(sub);
      return person === undefined
        ? undefined
        : {
            accountId: sub,
            claims: async () => ({ sub, name: person.name, role: person.id }),
          };
    },
    async loadExistingGrant(ctx) {
      const person = findPerson(ctx.oidc.account?.accountId ?? '');
      const client = ctx.oidc.client;
      if (person === undefined || client === undefined) return undefined;
      const known = ctx.oidc.session?.grantIdFor(client.clientId);
      const grant = known === undefined ? undefined : await provider.Grant.find(known);
      if (grant?.accountId === person.id) return grant;
      return await provider.Grant.find(await grantTo(person, client.clientId));
    },
    async extraTokenClaims(ctx, token) {
      const brand = brands.get(token);
      return {
        // RFC 9068, section 2.2.3.1.
        ...(token.kind === 'AccessToken' ? { roles: [token.accountId] } : {}),
        // RFC 9470, section 6.2.
        ...(token.kind === 'AccessToken' ? { auth_time: signedInAt(ctx) } : {}),
        // RFC 9068, section 2.2: where no person is involved, the subject is the client.
        ...(token.kind === 'ClientCredentials' ? { sub: token.clientId } : {}),
        ...(brand === undefined ? {} : { brand }),
      };
    },
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    interactions: { policy, url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    renderError(ctx, out) {
      html(ctx, errorPage(out.error, out.error_description));
    },
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: {
        enabled: true,
        // Only the API that tokens are for may look into other clients' tokens (RFC 7662, section 2.1).
        allowedPolicy: (_ctx, client, token) =>
          client.clientId === 'payments-service' || client.clientId === token.clientId,
      },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => client.clientId === token.clientId,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => API_AUDIENCE,
        useGrantedResource: () => true,
        getResourceServerInfo(_ctx, resource) {
          if (resource !== API_AUDIENCE)
            throw new errors.InvalidTarget(`the one resource is ${API_AUDIENCE}`);
          return apiResource;
        },
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => html(ctx, signOutPage(form)),
        postLogoutSuccessSource: (ctx) => html(ctx, signedOutPage()),
      },
    },
    ttl: {
      AccessToken: ACCESS_TOKEN_TTL_s,
      ClientCredentials: ACCESS_TOKEN_TTL_s,
      AuthorizationCode: MINUTE_s,
      IdToken: HOUR_s,
      Interaction: HOUR_s,
      RefreshToken: 14 * DAY_s,
      Session: 14 * DAY_s,
      Grant: 14 * DAY_s,
    },
  });

  // The platform's tokens say what they are, so that one that leaked is recognised by scanners.
  prefixTokens(provider.AccessToken, 'lph_at_');
  prefixTokens(provider.ClientCredentials, 'lph_at_');
  prefixTokens(provider.RefreshToken, 'lph_rt_');

  async function grantTo(person: Person, clientId: string, ttl_s = 14 * DAY_s): Promise<string> {
    const grant = new provider.Grant({ accountId: person.id, clientId });
    grant.addOIDCScope(['openid', 'offline_access', ...person.scopes]);
    grant.addOIDCClaims(['name', 'role']);
    if (person.scopes.length > 0) grant.addResourceScope(API_AUDIENCE, [...person.scopes]);
    const withheld = API_SCOPES.filter((scope) => !person.scopes.includes(scope));
    grant.rejectResourceScope(API_AUDIENCE, withheld);
    grant.rejectOIDCScope(withheld);
    grant.exp = Math.floor(Date.now() / 1000) + ttl_s;
    return await grant.save();
  }

  return { provider, grantTo, bindBrand: (token, brand) => void brands.set(token, brand) };
}

import { ConfigError } from '../../../service/src/config.ts';

/** How a command reaches the service, as whom. */
export interface ApiSettings {
  url: string;
  token: string | undefined;
  client: ClientSettings | undefined;
  brand_id: string | undefined;
}

/** An OAuth client that gets tokens by itself (RFC 6749, 4.4). */
export interface ClientSettings {
  issuer: string;
  client_id: string;
  client_secret: string;
  audience: string | undefined;
  scope: string | undefined;
}

/** For the help of commands that ask the service. */
export const API_HELP = `
Settings: PAYMENTS_URL (http://127.0.0.1:8080), and PAYMENTS_TOKEN, or PAYMENTS_ISSUER, PAYMENTS_CLIENT_ID and
PAYMENTS_CLIENT_SECRET to get tokens with (and PAYMENTS_AUDIENCE, PAYMENTS_SCOPE where the issuer wants them).
PAYMENTS_BRAND says for which brand, where the token may say so.
Exit codes: 0 done · 1 failed or refused · 2 called wrongly, or a setting is missing or wrong`;

const URL_DEFAULT = 'http://127.0.0.1:8080';

/** Reads them from the environment. */
export function readApiSettings(env: NodeJS.ProcessEnv): ApiSettings {
  const url = env.PAYMENTS_URL || URL_DEFAULT;
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new ConfigError(['PAYMENTS_URL has to be an http:// or https:// address.']);
  }
  const client = readClientSettings(env);
  const token = env.PAYMENTS_TOKEN || undefined;
  if (token === undefined && client === undefined) {
    throw new ConfigError([
      'PAYMENTS_TOKEN is missing: an access token; or PAYMENTS_ISSUER, PAYMENTS_CLIENT_ID and PAYMENTS_CLIENT_SECRET to get one with.',
    ]);
  }
  return { url, token, client, brand_id: env.PAYMENTS_BRAND || undefined };
}

/** The client's part; undefined where none of it is set. */
export function readClientSettings(env: NodeJS.ProcessEnv): ClientSettings | undefined {
  const {
    PAYMENTS_ISSUER: issuer,
    PAYMENTS_CLIENT_ID: client_id,
    PAYMENTS_CLIENT_SECRET: client_secret,
  } = env;
  if (!issuer && !client_id && !client_secret) return undefined;
  if (!issuer || !client_id || !client_secret) {
    throw new ConfigError([
      'PAYMENTS_ISSUER, PAYMENTS_CLIENT_ID and PAYMENTS_CLIENT_SECRET belong together: one of them is missing.',
    ]);
  }
  return {
    issuer,
    client_id,
    client_secret,
    audience: env.PAYMENTS_AUDIENCE || undefined,
    scope: env.PAYMENTS_SCOPE || undefined,
  };
}

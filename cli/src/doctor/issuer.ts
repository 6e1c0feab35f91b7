import { connectIssuer } from '../../../service/src/access/issuer.ts';
import type { Config } from '../../../service/src/config.ts';
import { compareClocks, type Finding } from './finding.ts';

export async function* checkIssuer(config: Config): AsyncGenerator<Finding> {
  const what = 'issuer';
  const issuer = connectIssuer({
    ...(config.oauth_issuer === undefined ? {} : { issuer: config.oauth_issuer }),
    ...(config.oauth_introspection_url === undefined
      ? {}
      : { introspection_url: config.oauth_introspection_url }),
    client_id: config.oauth_client_id,
    client_secret: config.oauth_client_secret,
    ...(config.oauth_audience === undefined ? {} : { audience: config.oauth_audience }),
    verifies_jwt: config.oauth_jwt === 'verify',
    signatures: config.oauth_signing_algorithms,
  });
  try {
    await issuer.reach();
    yield { what, state: 'ok', sentence: 'it answers, and takes OAUTH_CLIENT_ID and its secret' };
  } catch (error) {
    const why = error instanceof Error ? error.message : 'no answer';
    yield {
      what,
      state: 'wrong',
      sentence: `it cannot be asked about tokens: ${why}`,
      mend: 'Look at OAUTH_ISSUER (or OAUTH_INTROSPECTION_URL), OAUTH_CLIENT_ID and OAUTH_CLIENT_SECRET; the client has to be one that may introspect.',
    };
    return;
  }
  const address = config.oauth_issuer ?? config.oauth_introspection_url;
  const response =
    address === undefined ? undefined : await fetch(address, { redirect: 'manual' }).catch(() => undefined);
  const date = response?.headers.get('date');
  if (date) yield compareClocks(what, new Date(date));
}

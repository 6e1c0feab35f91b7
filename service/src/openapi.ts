import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { pino } from 'pino';
import { connectIssuer } from './access/issuer.ts';
import { describeAccess } from './access/matrix.ts';
import { DEFAULT_ROLES } from './access/roles.ts';
import { buildApp } from './app.ts';
import { describeSettings } from './config.ts';
import { createPool } from './database/pool.ts';
import { asyncApiDocument } from './events/asyncapi.ts';
import { createMetrics } from './health/metrics.ts';
import { CONNECTION_LIMITS } from './http/connections.ts';
import { writePages } from './reference/pages.ts';
import { takeTurns } from './refunds/turns.ts';
import { createStripe } from './stripe/client.ts';
import { createProvider } from './stripe/provider.ts';

/**
 * The OpenAPI document of the service, as it serves it. The app is put together and asked, with nobody behind it: neither pool nor
 * issuer connects before it is used.
 */
export async function openApiDocument(): Promise<string> {
  const pool = createPool({ connectionString: 'postgres://nobody@127.0.0.1:1/nothing', max: 1 });
  const log = pino({ level: 'silent' });
  const metrics = createMetrics();
  const stripe = createStripe({ api_key: 'none' });
  const app = await buildApp({
    pool,
    issuer: connectIssuer({ issuer: 'https://issuer.invalid', client_id: 'none', client_secret: 'none' }),
    log,
    metrics,
    probes: {},
    webhook: { secrets: [], live: undefined },
    cursorSecrets: ['none'],
    defaultBrand: 'default',
    roles: DEFAULT_ROLES,
    stripe,
    provider: createProvider({ pool, stripe, default_brand: 'default', log, registry: metrics }),
    turns: takeTurns(),
    approvalLimits: {},
    recentSignIn_s: 0,
    events: { seal: undefined, allow_private: false },
    tls: false,
    corsOrigins: [],
    limits: {
      client: { reads_per_minute: 1, writes_per_minute: 1 },
      address: { reads_per_minute: 1, writes_per_minute: 1 },
      failures_per_minute: 1,
    },
    sharedCounts: undefined,
    connections: { ...CONNECTION_LIMITS, most: 1 },
    trustProxy: undefined,
    api: true,
  });
  await app.ready();
  const document = `${JSON.stringify(app.swagger(), null, 2)}\n`;
  await app.close();
  await pool.end();
  return document;
}

if (import.meta.main) {
  const document = await openApiDocument();
  writeFileSync(new URL('../../openapi.json', import.meta.url), document);
  const events = `${JSON.stringify(asyncApiDocument(), null, 2)}\n`;
  writeFileSync(new URL('../../asyncapi.json', import.meta.url), events);
  const reference = new URL('../../docs/reference/', import.meta.url);
  rmSync(reference, { recursive: true, force: true });
  mkdirSync(reference);
  for (const { file, markdown } of writePages(document)) writeFileSync(new URL(file, reference), markdown);
  writeFileSync(new URL('../../docs/access.md', import.meta.url), describeAccess(document));
  writeFileSync(new URL('../../docs/settings.md', import.meta.url), describeSettings());
}

import assert from 'node:assert/strict';
import type { Issuer } from '../../local/issuer/start.ts';
import type { StripeStandIn } from '../../local/stripe/server.ts';
import { TEST_KEY } from '../../local/stripe/testing.ts';
import { PATIENCE_ms, Program } from './program.ts';

/** The service as production runs it: `node service/src/main.ts` and an environment. */
export class Service extends Program {
  constructor(env: Record<string, string>, script = 'service/src/main.ts', cwd?: string) {
    super(process.execPath, [script], env, cwd);
  }

  /** Where it listens. */
  async url(): Promise<string> {
    return (await this.says(/http:\/\/127\.0\.0\.1:\d+/))[0];
  }

  /** Where it listens, once it says that it is ready. */
  async ready(): Promise<string> {
    const url = await this.url();
    const limit = Date.now() + PATIENCE_ms;
    for (;;) {
      const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(PATIENCE_ms) });
      const said = await response.text();
      if (response.ok) return url;
      assert.ok(Date.now() < limit, `it does not become ready: ${said}\n${this.output}`);
    }
  }

  /** Tells it to stop; resolves with its exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    return await this.ended;
  }
}

/** A service's settings: any free port, these neighbours. */
export function settingsOf(neighbours: {
  databaseUrl: string;
  standIn: Pick<StripeStandIn, 'url'>;
  issuer: Issuer;
  webhookSecret?: string;
}): Record<string, string> {
  const { databaseUrl, standIn, issuer, webhookSecret = 'whsec_nobody_sends' } = neighbours;
  return {
    PORT: '0',
    HOST: '127.0.0.1',
    DATABASE_URL: databaseUrl,
    STRIPE_API_KEY: TEST_KEY,
    STRIPE_API_BASE: standIn.url,
    STRIPE_BACKGROUND_REQUESTS_PER_SECOND: '10000',
    STRIPE_WEBHOOK_SECRET: webhookSecret,
    OAUTH_ISSUER: issuer.url,
    OAUTH_CLIENT_ID: 'payments-service',
    OAUTH_CLIENT_SECRET: issuer.clients['payments-service'],
    EVENT_SECRET: 'what seals the secrets of endpoints in tests',
    EVENT_PRIVATE_ADDRESSES: 'allow',
  };
}

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { API_AUDIENCE } from './issuer/scopes.ts';
import { startIssuer } from './issuer/start.ts';
import { startPostgres } from './postgres/start.ts';
import { runCli, runService } from './processes.ts';
import { findRunning, forgetRunning, localDirectory, writeRunning } from './running.ts';
import { liveOn } from './sample/live.ts';
import { openSample } from './sample/sample.ts';
import { connectWebhooks } from './sample/webhooks.ts';
import { localSecrets } from './secrets.ts';
import { createSteps } from './steps.ts';
import { startStripe } from './stripe/server.ts';
import { waitUntilReady, waitUntilSettled } from './wait.ts';
import { printWelcome } from './welcome.ts';

const SEED = 20_260_101;

export interface StartOptions {
  /** Forget the data of earlier starts. */
  fresh: boolean;
  /** Let the world go on living. */
  live: boolean;
  /** Resolves when whoever started it wants it to stop. */
  stopping: Promise<void>;
}

/**
 * A laptop's world: starts the stand-ins and the service, fills them at the first start through the real path
 * (Stripe's API for what is past, its signed webhooks for the last day), and says where everything is.
 * Disposing of it takes everything down, in the order in which nothing misses anything.
 */
export async function startWorld({ fresh, live, stopping }: StartOptions): Promise<AsyncDisposable> {
  const directory = localDirectory();
  const other = findRunning(directory);
  if (other !== undefined) {
    throw new Error(
      `A world is already running in ${directory} (process ${other.pid}): ${other.service_url}\n` +
        'Stop it first, or set LOCAL_DIR to another folder and PORT to another port.',
    );
  }
  const stack = new AsyncDisposableStack();
  try {
    const steps = createSteps();
    if (fresh)
      for (const name of ['stripe', 'issuer', 'secrets.json'])
        rmSync(join(directory, name), { recursive: true, force: true });
    for (const name of ['stripe', 'issuer']) mkdirSync(join(directory, name), { recursive: true });
    const secrets = localSecrets(directory);
    const now_ms = Date.now();

    const postgres = await steps.run('PostgreSQL', () =>
      startPostgres({ dataDirectory: join(directory, 'postgres'), fresh }),
    );
    stack.defer(() => postgres.stop());
    const issuer = await steps.run('OAuth issuer', () =>
      startIssuer({
        dataDirectory: join(directory, 'issuer'),
        controlSecret: secrets.issuer_control_secret,
      }),
    );
    stack.defer(() => issuer.close());
    const stripe = await steps.run('Stripe stand-in', () =>
      startStripe({
        databaseFile: join(directory, 'stripe', 'stripe.sqlite'),
        apiKey: secrets.stripe_api_key,
        seed: SEED,
      }),
    );
    stack.defer(() => stripe.close());

    const port = Number(process.env.PORT ?? 8080);
    const serviceUrl = `http://127.0.0.1:${port}`;
    const env = {
      PORT: String(port),
      HOST: '127.0.0.1',
      DATABASE_URL: postgres.url,
      STRIPE_API_KEY: secrets.stripe_api_key,
      STRIPE_API_BASE: stripe.url,
      STRIPE_WEBHOOK_SECRET: secrets.stripe_webhook_secret,
      OAUTH_ISSUER: issuer.url,
      OAUTH_CLIENT_ID: 'payments-service',
      OAUTH_CLIENT_SECRET: issuer.clients['payments-service'],
      OAUTH_AUDIENCE: API_AUDIENCE,
    };
    const webhooks = { url: `${serviceUrl}/v1/webhooks/stripe`, secret: secrets.stripe_webhook_secret };
    const logFile = join(directory, 'service.log');
    const service = runService(env, logFile);
    stack.defer(() => service.stop());
    await steps.run('Service', () => waitUntilReady(serviceUrl, service));

    writeRunning(directory, {
      pid: process.pid,
      service_url: serviceUrl,
      issuer_url: issuer.url,
      issuer_control_secret: secrets.issuer_control_secret,
      stripe_url: stripe.url,
      env,
    });
    stack.defer(() => forgetRunning(directory));

    const sample = openSample(stripe.world);
    if (sample.stage() === 'none') {
      await steps.run('90 days of payments and refunds at Stripe', async () =>
        sample.make(SEED, now_ms, webhooks),
      );
    }
    connectWebhooks(stripe.world, webhooks);
    if (sample.stage() === 'made') {
      await runCli(['backfill', '--since', sample.since()], env, stopping);
      await steps.run('The last day, by signed webhooks', () => waitUntilSettled(stripe, postgres.url));
      sample.markFilled();
    }
    if (live) {
      const living = liveOn(stripe.world, now_ms);
      stack.defer(() => living.stop());
    }
    await printWelcome({
      serviceUrl,
      stripeUrl: stripe.url,
      postgresUrl: postgres.url,
      issuer,
      logFile,
      live,
    });
    return stack;
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

import { type Books, openBooks } from './books.ts';
import { buildConsole, buildDocs } from './console.ts';
import { fillWorld } from './fill.ts';
import { takeFolder } from './folder.ts';
import { API_AUDIENCE } from './issuer/scopes.ts';
import { startIssuer } from './issuer/start.ts';
import { choosePort, HOST } from './port.ts';
import { identify } from './postgres/processes.ts';
import { startPostgres } from './postgres/start.ts';
import { endLeftover, runService, type ServiceProcess } from './processes.ts';
import { forgetRunning, lastWorld, localDirectory, writeRunning } from './running.ts';
import { APPROVAL_LIMITS } from './sample/asked.ts';
import { liveOn } from './sample/live.ts';
import { localSecrets } from './secrets.ts';
import { createSteps } from './steps.ts';
import { startStripe } from './stripe/server.ts';
import { waitUntilReady } from './wait.ts';
import { printWelcome } from './welcome.ts';

const STRIPE_SEED = 1;

export interface StartOptions {
  /** Forget the data of earlier starts. */
  fresh: boolean;
  /** Let the world go on living. */
  live: boolean;
  /** Says when whoever started it wants it to stop. */
  signal: AbortSignal;
}

/** A laptop's world that is up. Disposing of it takes everything down. */
export interface LocalWorld extends AsyncDisposable {
  service: ServiceProcess;
}

/**
 * Starts the stand-ins and the service, fills them at the first start, and says where everything is. What it started it
 * takes down again where it fails or is told to stop; always in the order in which nothing misses anything.
 */
export async function startWorld({ fresh, live, signal }: StartOptions): Promise<LocalWorld> {
  await using stack = new AsyncDisposableStack();
  const steps = createSteps(signal);
  const directory = localDirectory();
  const folder = takeFolder(directory, fresh);
  stack.defer(() => folder.release());
  const killed = lastWorld(directory);
  if (killed !== undefined) await endLeftover(killed.service);
  const port = await choosePort();
  const secrets = localSecrets(directory);

  await steps.run('Console', buildConsole);
  await steps.run('Documentation', buildDocs);
  const postgres = await steps.run('PostgreSQL', async () => {
    const started = await startPostgres({ dataDirectory: folder.of('postgres'), fresh: folder.begunAnew });
    stack.defer(() => started.stop());
    return started;
  });
  folder.markBegun();
  const issuer = await steps.run('OAuth issuer', async () => {
    const started = await startIssuer({
      dataDirectory: folder.of('issuer'),
      controlSecret: secrets.issuer_control_secret,
    });
    stack.defer(() => started.close());
    return started;
  });
  const stripe = await steps.run('Stripe stand-in', async () => {
    const started = await startStripe({
      databaseFile: folder.of('stripe/stripe.sqlite'),
      apiKey: secrets.stripe_api_key,
      seed: STRIPE_SEED,
    });
    stack.defer(() => started.close());
    return started;
  });

  const serviceUrl = `http://${HOST}:${port}`;
  const env = {
    PORT: String(port),
    HOST,
    DATABASE_URL: postgres.serving_url,
    DATABASE_MIGRATION_URL: postgres.url,
    STRIPE_API_KEY: secrets.stripe_api_key,
    STRIPE_API_BASE: stripe.url,
    // The stand-in takes as much as it can.
    STRIPE_BACKGROUND_REQUESTS_PER_SECOND: '10000',
    STRIPE_WEBHOOK_SECRET: secrets.stripe_webhook_secret,
    OAUTH_ISSUER: issuer.url,
    OAUTH_CLIENT_ID: 'payments-service',
    OAUTH_CLIENT_SECRET: issuer.clients['payments-service'],
    OAUTH_AUDIENCE: API_AUDIENCE,
    OAUTH_ROLES_CLAIM: 'roles',
    PUBLIC_URL: serviceUrl,
    CONSOLE_CLIENT_ID: 'console',
    CONSOLE_CLIENT_SECRET: issuer.clients.console,
    APPROVAL_LIMITS,
    EVENT_SECRET: secrets.event_secret,
    // Receivers of a laptop are on the laptop.
    EVENT_PRIVATE_ADDRESSES: 'allow',
  };
  const logFile = folder.of('service.log');
  const service = await steps.run('Service', async () => {
    const started = runService(env, logFile);
    stack.defer(() => started.stop());
    writeRunning(directory, {
      starter: identify(process.pid) ?? { pid: process.pid, started: '' },
      service: started.identity,
      service_url: serviceUrl,
      issuer_url: issuer.url,
      issuer_control_secret: secrets.issuer_control_secret,
      stripe_url: stripe.url,
      env,
    });
    stack.defer(() => forgetRunning(directory));
    await waitUntilReady(serviceUrl, started, signal);
    return started;
  });

  const books: Books = await openBooks(postgres.url);
  try {
    const webhooks = { url: `${serviceUrl}/v1/webhooks/stripe`, secret: secrets.stripe_webhook_secret };
    const desk = { serviceUrl, mintToken: issuer.mintToken };
    await fillWorld({ steps, stripe, books, env, webhooks, desk });
    if (live) stack.use(liveOn(stripe.world, desk, Date.now()));
    await printWelcome({
      serviceUrl,
      stripeUrl: stripe.url,
      issuer,
      postgres,
      directory,
      live,
      summary: await books.summary(),
    });
  } finally {
    await books.close();
  }
  const owned = stack.move();
  return { service, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

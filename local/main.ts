import { Command } from 'commander';
import { findRunning, localDirectory, type RunningWorld } from './running.ts';

/** Commands about the world that `npm start` has brought up in this folder. */
const program = new Command('local')
  .description('Commands about the running local world. They look for it in LOCAL_DIR (.local).')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));

program
  .command('env')
  .description('Print the addresses and settings of the running world as KEY=value lines.')
  .action(() => {
    const world = runningWorld();
    const lines = { ...world.env, SERVICE_URL: world.service_url, STRIPE_URL: world.stripe_url };
    for (const [key, value] of Object.entries(lines)) process.stdout.write(`${key}=${value}\n`);
  });

program
  .command('token')
  .description('Print an access token of the local issuer, and nothing else.')
  .requiredOption('--scope <scopes>', 'what the token may be used for, separated by spaces')
  .option('--brand <brand>', 'the brand that the token is bound to')
  .option(
    '--as <person>',
    'a person of the sign-in page (agent, approver, finance, auditor, nobody); else a service',
  )
  .addHelpText('after', '\nExample:\n  npm run -s token -- --scope "admin:refunds.read" --as agent')
  .action(async (request: TokenOptions) => {
    process.stdout.write(`${await requestToken(runningWorld(), request)}\n`);
  });

interface TokenOptions {
  scope: string;
  brand?: string;
  as?: string;
}

async function requestToken(world: RunningWorld, request: TokenOptions): Promise<string> {
  const response = await fetch(new URL('/_control/tokens', world.issuer_url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${world.issuer_control_secret}` },
    body: JSON.stringify(request),
  }).catch(() => fail(`The issuer at ${world.issuer_url} does not answer.`));
  const answer = (await response.json()) as { access_token?: string; message?: string; scope?: string };
  if (answer.scope === '')
    process.stderr.write(`${request.as} has none of these scopes: the token opens nothing.\n`);
  return answer.access_token ?? fail(answer.message ?? `The issuer answered ${response.status}.`);
}

function runningWorld(): RunningWorld {
  const directory = localDirectory();
  return findRunning(directory) ?? fail(`Nothing is running in ${directory}. Start it with: npm start`);
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

await program.parseAsync();

import type { Command } from 'commander';
import { ConfigError } from '../../service/src/config.ts';
import { readClientSettings } from './api/settings.ts';
import { fetchToken } from './api/token.ts';

/** `payments token`: an access token for other programs. */
export function addTokenCommand(program: Command): void {
  program
    .command('token')
    .description('Get an access token from the issuer, and print it and nothing else.')
    .option('--scope <scopes>', 'what it may be used for, separated by spaces; else PAYMENTS_SCOPE')
    .addHelpText(
      'after',
      `
Examples:
  $ curl -H "Authorization: Bearer $(payments token --scope admin:refunds.read)" https://payments.example/v1/admin/refunds
  $ export PAYMENTS_TOKEN="$(payments token)"

Settings: PAYMENTS_ISSUER, PAYMENTS_CLIENT_ID, PAYMENTS_CLIENT_SECRET; PAYMENTS_AUDIENCE, PAYMENTS_SCOPE.`,
    )
    .action(async ({ scope }: { scope?: string }) => {
      const client = readClientSettings(process.env);
      if (client === undefined) {
        throw new ConfigError([
          'PAYMENTS_ISSUER, PAYMENTS_CLIENT_ID and PAYMENTS_CLIENT_SECRET are missing.',
        ]);
      }
      const { access_token } = await fetchToken({ ...client, scope: scope ?? client.scope });
      process.stdout.write(`${access_token}\n`);
    });
}

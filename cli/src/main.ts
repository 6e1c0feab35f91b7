#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { ConfigError } from '../../service/src/config.ts';
import { isDatabaseUnavailable } from '../../service/src/database/unavailable.ts';
import { BackfillRunning } from '../../service/src/stripe/backfill.ts';
import { explainStripe } from '../../service/src/stripe/client.ts';
import { runBackfill } from './backfill.ts';
import { addInboxCommand } from './inbox.ts';
import { parseSince } from './since.ts';
import { addVerifyCommand } from './verify.ts';

const EXIT_CODES = `
Exit codes: 0 done · 1 failed · 2 called wrongly, or a setting is missing or wrong · 130 stopped, to be gone on with`;

const program = new Command('payments')
  .description('Commands of the payments service. They take the environment that the service takes.')
  .addHelpText('after', EXIT_CODES)
  .exitOverride()
  .configureHelp({ showGlobalOptions: true });

program
  .command('backfill')
  .description(
    'Bring everything that Stripe has since a date into the books: charges, invoices’ payments, refunds, disputes. Can be stopped, run again, and run beside the service.',
  )
  .requiredOption('--since <date>', 'a day (UTC) or a time with its zone', (text) => parseSince(text))
  .option('--json', 'no progress; one JSON object at the end', false)
  .addHelpText(
    'after',
    `
Examples:
  $ payments backfill --since 2026-08-01
  $ payments backfill --since 2026-08-01T09:00:00Z --json | jq .counts

Settings: DATABASE_URL, STRIPE_API_KEY, STRIPE_API_BASE, STRIPE_BACKGROUND_REQUESTS_PER_SECOND, DEFAULT_BRAND. The database is brought to this version first.
Ctrl-C stops after the page under way. The same command goes on from there, also after a kill.
${EXIT_CODES}`,
  )
  .action(async (options: { since: Date; json: boolean }) => {
    process.exitCode = await runBackfill(process.env, options);
  });

addInboxCommand(program);
addVerifyCommand(program);

/** What went wrong in a sentence, and the exit code for it. */
function explain(error: unknown): [sentence: string, exitCode: number] {
  if (error instanceof ConfigError) return [error.message, 2];
  if (error instanceof BackfillRunning) return [error.message, 1];
  const stripe = explainStripe(error);
  if (stripe !== undefined)
    return [`${stripe} What was read so far is kept: the same command goes on from there.`, 1];
  if (isDatabaseUnavailable(error)) return ['The database cannot be reached: look at DATABASE_URL.', 1];
  return [error instanceof Error ? error.message : String(error), 1];
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has said what is wrong; its own code for that is 1.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    const [sentence, exitCode] = explain(error);
    process.stderr.write(`${sentence}\n`);
    process.exitCode = exitCode;
  }
}

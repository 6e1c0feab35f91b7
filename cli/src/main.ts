#!/usr/bin/env node
import completion from '@bomb.sh/tab/commander';
import { Command, CommanderError } from 'commander';
import { ConfigError } from '../../service/src/config.ts';
import { isDatabaseUnavailable } from '../../service/src/database/unavailable.ts';
import { BackfillRunning } from '../../service/src/stripe/backfill.ts';
import { explainStripe } from '../../service/src/stripe/client.ts';
import { ReconcileRunning } from '../../service/src/stripe/reconcile/reconcile.ts';
import { explainApi } from './api/connect.ts';
import { addBackfillCommand } from './backfill.ts';
import { addDoctorCommand } from './doctor.ts';
import { addEraseCommand } from './erase.ts';
import { addEventCommands } from './events.ts';
import { addInboxCommand } from './inbox.ts';
import { addMigrateCommand } from './migrate.ts';
import { addPaymentCommands } from './payments.ts';
import { addReconcileCommand } from './reconcile.ts';
import { addRefundCommands } from './refunds/commands.ts';
import { STRIPE_EXIT_CODES } from './stripe.ts';
import { addTokenCommand } from './token.ts';
import { addVerifyCommand } from './verify.ts';

const program = new Command('payments')
  .description(
    'The payments service at a command line: what a desk does, through the API; what an operator does, beside the service and with its environment.',
  )
  .addHelpText('after', `\n${STRIPE_EXIT_CODES}`)
  .exitOverride()
  .configureHelp({ showGlobalOptions: true });

addBackfillCommand(program);
addReconcileCommand(program);
addInboxCommand(program);
addVerifyCommand(program);
addEraseCommand(program);
addMigrateCommand(program);
addRefundCommands(program);
addPaymentCommands(program);
addEventCommands(program);
addTokenCommand(program);
addDoctorCommand(program);
completion(program, { completionCommandName: 'completion' });

/** What went wrong in a sentence, and the exit code for it. */
function explain(error: unknown): [sentence: string, exitCode: number] {
  if (error instanceof ConfigError) return [error.message, 2];
  if (error instanceof BackfillRunning || error instanceof ReconcileRunning) return [error.message, 1];
  const api = explainApi(error);
  if (api !== undefined) return [api, 1];
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

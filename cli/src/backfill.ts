import type { Command } from 'commander';
import { type BackfillResult, backfill } from '../../service/src/stripe/backfill.ts';
import { parseFirstMoment } from './moment.ts';
import { countObjects, createProgressView } from './progress.ts';
import { STRIPE_EXIT_CODES, STRIPE_SETTINGS, withStripe } from './stripe.ts';

/** `payments backfill`: brings the database to this version, then everything that Stripe has since a date into the books. */
export function addBackfillCommand(program: Command): void {
  program
    .command('backfill')
    .description(
      'Bring everything that Stripe has since a date into the books: charges, invoices’ payments, refunds, disputes. Can be stopped, run again, and run beside the service.',
    )
    .requiredOption('--since <date>', 'a day (UTC) or a time with its zone', (text) => parseFirstMoment(text))
    .option('--json', 'no progress; one JSON object at the end', false)
    .addHelpText(
      'after',
      `
Examples:
  $ payments backfill --since 2026-08-01
  $ payments backfill --since 2026-08-01T09:00:00Z --json | jq .counts

${STRIPE_SETTINGS}
Ctrl-C stops after the page under way. The same command goes on from there, also after a kill.
${STRIPE_EXIT_CODES}`,
    )
    .action(async ({ since, json }: { since: Date; json: boolean }) => {
      const view = json ? undefined : createProgressView(process.stderr, 'Reading');
      const result = await withStripe(process.env, { name: 'backfill', json }, (deps, signal) =>
        backfill(deps, {
          since,
          signal,
          onProgress: (progress) => view?.update({ ...progress, objects: countObjects(progress.counts) }),
        }),
      ).finally(() => view?.stop());
      process.stdout.write(json ? `${JSON.stringify(result)}\n` : summarize(result));
      process.exitCode = result.status === 'finished' ? 0 : 130;
    });
}

function summarize({ status, since, until, counts }: BackfillResult): string {
  const { charges, invoice_payments, refunds, disputes, imported, updated, unchanged, unmatched } = counts;
  const kinds = `${charges} charges, ${invoice_payments} invoice payments, ${refunds} refunds, ${disputes} disputes`;
  const effects = `${imported} new, ${updated} changed, ${unchanged} as they were, ${unmatched} without a payment`;
  const end =
    status === 'finished'
      ? `The books have everything from ${since.toISOString()} to ${until.toISOString()}.`
      : 'Stopped. The same command goes on from here.';
  return `Read ${countObjects(counts)} objects: ${kinds}.\nIn the books: ${effects}.\n${end}\n`;
}

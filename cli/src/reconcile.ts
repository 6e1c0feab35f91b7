import type { Command } from 'commander';
import type { RecordedDifference } from '../../service/src/stripe/reconcile/queries.ts';
import { type ReconcileResult, reconcile } from '../../service/src/stripe/reconcile/reconcile.ts';
import { parseFirstMoment, parseLastMoment } from './moment.ts';
import { countObjects, createProgressView } from './progress.ts';
import { STRIPE_EXIT_CODES, STRIPE_SETTINGS, withStripe } from './stripe.ts';

/** `payments reconcile`: compares what Stripe created in a window with the books, both ways. */
export function addReconcileCommand(program: Command): void {
  program
    .command('reconcile')
    .description(
      'Compare what Stripe created in a window with the books, both ways. Each difference is recorded; what has one right answer is repaired. Can be stopped, run again, and run beside the service, which does it by itself every night.',
    )
    .requiredOption('--from <date>', 'a day (UTC) or a time with its zone', (text) => parseFirstMoment(text))
    .option('--to <date>', 'likewise, a day to its end; up to now if left out', (text) =>
      parseLastMoment(text),
    )
    .option('--json', 'no progress; one JSON object at the end', false)
    .addHelpText(
      'after',
      `
Examples:
  $ payments reconcile --from 2026-08-01 --to 2026-08-31
  $ payments reconcile --from 2026-08-01 --json | jq '.differences[] | select(.done == "left")'

${STRIPE_SETTINGS}
Ctrl-C stops after the page under way. The same command goes on from there within a day, also after a kill.
The table reconcile_differences keeps every difference with both sides and what was done about it.
${STRIPE_EXIT_CODES} · 3 done, and something is left for a person`,
    )
    .action(async ({ from, to, json }: { from: Date; to?: Date; json: boolean }, command: Command) => {
      if (to !== undefined && to < from) command.error('--to lies before --from.');
      const view = json ? undefined : createProgressView(process.stderr, 'Comparing');
      const result = await withStripe(process.env, { name: 'reconcile', json }, (deps, signal) =>
        reconcile(deps, {
          from,
          ...(to && { to }),
          signal,
          onProgress: (progress) =>
            view?.update({
              ...progress,
              objects: countObjects(progress.counts) + progress.counts.asked,
            }),
        }),
      ).finally(() => view?.stop());
      process.stdout.write(json ? `${JSON.stringify(result)}\n` : summarize(result));
      const code = result.done.left === 0 ? 0 : 3;
      process.exitCode = result.status === 'finished' ? code : 130;
    });
}

const SHOWN = 50;

function summarize({
  status,
  window_from,
  window_until,
  counts,
  done,
  differences,
}: ReconcileResult): string {
  const { charges, invoice_payments, refunds, disputes, asked, unmatched, mended } = counts;
  const kinds = `${charges} charges, ${invoice_payments} invoice payments, ${refunds} refunds, ${disputes} disputes`;
  const found = done.imported + done.repaired + done.left;
  // What a person has to do comes first.
  const order = ['left', 'repaired', 'imported'];
  const shown = differences
    .toSorted((a, b) => order.indexOf(a.done) - order.indexOf(b.done))
    .slice(0, SHOWN)
    .map((difference) => `  ${describe(difference)}\n`);
  const lines = [
    `Compared ${countObjects(counts)} objects of Stripe's: ${kinds}.`,
    ...(asked > 0 ? [`Asked Stripe for ${asked} that the books have and its lists did not show.`] : []),
    ...(unmatched > 0 ? [`${unmatched} belong to no payment.`] : []),
    ...(mended > 0 ? [`${mended} rows had been written before the database's clock jumped back.`] : []),
    found === 0
      ? 'No differences.'
      : `${found} ${found === 1 ? 'difference' : 'differences'}: ${done.imported} imported, ${done.repaired} repaired, ${done.left} left for a person.`,
    ...(shown.length > 0 ? [shown.join('').trimEnd()] : []),
    ...(found > shown.length
      ? [`  … and ${found - shown.length} more (--json, or reconcile_differences)`]
      : []),
    status === 'finished'
      ? `The books were held against Stripe from ${window_from.toISOString()} to ${window_until.toISOString()}.`
      : 'Stopped. The same command goes on from here within a day.',
  ];
  return `${lines.join('\n')}\n`;
}

/** e.g. `left      refund re_1 (refund_2): amount, 699 usd succeeded here, 700 usd succeeded at Stripe` */
function describe({
  done,
  entity_type,
  entity_id,
  stripe_id,
  kind,
  here,
  at_stripe,
}: RecordedDifference): string {
  const what = `${entity_type} ${[stripe_id, entity_id].filter((id) => id !== null).join(' = ')}`;
  const sides = [
    here === null ? 'nothing here' : `${side(here, at_stripe)} here`,
    at_stripe === null ? 'nothing at Stripe' : `${side(at_stripe, here)} at Stripe`,
  ];
  return `${done.padEnd(8)}  ${what}: ${kind.replaceAll('_', ' ')}; ${sides.join(', ')}`;
}

/** What one side says; where both say something, only in what they differ. */
function side(one: NonNullable<RecordedDifference['here']>, other: RecordedDifference['here']): string {
  const names = Object.keys(one)
    .filter((name) => other === null || one[name] !== other[name])
    .toSorted();
  return names.map((name) => `${name} ${one[name] ?? '–'}`).join(' ');
}

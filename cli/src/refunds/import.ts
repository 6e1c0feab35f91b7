import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { type Answer, type Payments, PaymentsError } from '@payments/client';
import { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { formatAmount } from '../../../service/src/payments/money.ts';
import { connect, printJson } from '../api/connect.ts';
import { API_HELP } from '../api/settings.ts';
import { confirm } from '../ask.ts';
import { interruptible } from '../interrupt.ts';
import { printable, table } from '../table.ts';

type Batch = Answer<'getRefundBatch'>;

const LOOK_EVERY_ms = 500;
const REFUSALS_SHOWN = 50;

interface ImportOptions {
  name?: string;
  dryRun: boolean;
  yes: boolean;
  json: boolean;
}

export function addImportCommand(refunds: Command): void {
  refunds
    .command('import')
    .description(
      'Issue refunds in bulk from a CSV file: checked first, then issued one after another by the service.',
    )
    .argument(
      '<file>',
      'columns payment_id or charge_id, amount_cents (else all that is left), currency, reason, note',
    )
    .option('--dry-run', 'only check', false)
    .option('--yes', 'do not ask', false)
    .option('--json', 'no progress; the batch as one JSON object at the end', false)
    .addHelpText(
      'after',
      `
Examples:
  $ payments refunds import concert.csv --dry-run
  $ payments refunds import concert.csv

The service goes on by itself once it runs: Ctrl-C only ends the looking. payments refunds batch <batch_id> looks again, --stop stops it.
${API_HELP} · 3 done, and some rows were refused`,
    )
    .action(async (file: string, { dryRun, yes, json }: ImportOptions) => {
      const payments = connect();
      const batch = await createFromCsv(payments, await readFile(file, 'utf8'));
      if (!json) process.stdout.write(describeBatch(batch));
      if (!json && batch.counts.cannot > 0) process.stdout.write(await listRefused(payments, batch));
      if (dryRun || batch.counts.checked === 0) {
        if (json) printJson(batch);
        process.exitCode = batch.counts.cannot > 0 ? 3 : 0;
        return;
      }
      const code = await confirm(`Issue these ${batch.counts.checked} refunds?`, yes);
      if (code !== undefined) {
        process.exitCode = code;
        return;
      }
      await payments.batches.run(batch.batch_id);
      await follow(payments, batch.batch_id, json);
    });

  refunds
    .command('batch')
    .description('Look at a batch until it has finished; go on with it, or stop it.')
    .argument('<batch_id>', 'which')
    .option('--run', 'go on with it where it was stopped', false)
    .option('--stop', 'stop it before its next row', false)
    .option('--json', 'no progress; the batch as one JSON object at the end', false)
    .addHelpText('after', API_HELP)
    .action(
      async (
        batchId: string,
        { run, stop, json }: { run: boolean; stop: boolean; json: boolean },
        command: Command,
      ) => {
        if (run && stop) command.error('Say --run or --stop.');
        const payments = connect();
        if (run) await payments.batches.run(batchId);
        if (stop) await payments.batches.stop(batchId);
        await follow(payments, batchId, json);
      },
    );
}

async function createFromCsv({ http }: Payments, csv: string): Promise<Batch> {
  const { data, error, response } = await http.POST('/v1/admin/refund-batches', {
    body: csv as never,
    bodySerializer: (body) => body as unknown as string,
    headers: { 'content-type': 'text/csv' },
  });
  if (data === undefined) throw new PaymentsError(response.status, error, response.headers);
  return data;
}

/** Looks until nothing is under way. */
async function follow(payments: Payments, batchId: string, json: boolean): Promise<void> {
  const bar =
    json || !process.stderr.isTTY
      ? undefined
      : new SingleBar({
          stream: process.stderr,
          format: '{bar} {percentage}% | {value} of {total} rows',
          barsize: 30,
          hideCursor: true,
          gracefulExit: false,
        });
  const batch = await interruptible(async (signal) => {
    let looked = await payments.batches.get(batchId);
    bar?.start(looked.row_count - looked.counts.cannot, 0);
    while (!signal.aborted) {
      bar?.update(looked.counts.issued + looked.counts.failed);
      if (looked.status !== 'running') break;
      await wait(LOOK_EVERY_ms, undefined, { signal }).catch(() => {});
      looked = await payments.batches.get(batchId);
    }
    return looked;
  }).finally(() => bar?.stop());
  if (json) printJson(batch);
  else {
    process.stdout.write(describeBatch(batch));
    if (batch.counts.cannot + batch.counts.failed > 0)
      process.stdout.write(await listRefused(payments, batch));
  }
  const refused = batch.counts.cannot + batch.counts.failed > 0;
  process.exitCode = batch.status === 'running' ? 130 : refused ? 3 : 0;
}

function describeBatch({ batch_id, status, counts, totals, needs_approval_count, held_up }: Batch): string {
  const lines = [
    `${batch_id}  ${status}: ${counts.checked} to be issued, ${counts.issued} issued, ${counts.failed} refused, ${counts.cannot} cannot be`,
    ...totals.map(
      ({ currency, row_count, amount_cents, issued_cents }) =>
        `  ${row_count} rows of ${formatAmount(amount_cents, currency)}, ${formatAmount(issued_cents, currency)} issued`,
    ),
    ...(needs_approval_count > 0 ? [`  ${needs_approval_count} have to be approved by somebody else`] : []),
    ...(held_up === null ? [] : [`  held up: ${printable(held_up.message)}`]),
  ];
  return `${lines.join('\n')}\n`;
}

async function listRefused(payments: Payments, { batch_id }: Batch): Promise<string> {
  const rows: string[][] = [];
  for (const status of ['cannot', 'failed'] as const) {
    for await (const { row, payment_id, charge_id, refusal } of payments.batches.rows(batch_id, {
      status,
      limit: 100,
    })) {
      if (rows.length === REFUSALS_SHOWN) break;
      rows.push([String(row), printable(payment_id ?? charge_id ?? '–'), printable(refusal?.message ?? '')]);
    }
  }
  return table(['ROW', 'OF', 'WHY NOT'], rows);
}

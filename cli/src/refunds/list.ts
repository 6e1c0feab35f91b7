import { type Command, InvalidArgumentError } from 'commander';
import { formatAmount } from '../../../service/src/payments/money.ts';
import { connect, printJson } from '../api/connect.ts';
import { API_HELP } from '../api/settings.ts';
import { printable, table } from '../table.ts';
import { addFilters, type Filters, toQuery } from './filters.ts';

const LIMIT = 20;
const PAGE = 100;

export function addListCommand(refunds: Command): void {
  addFilters(refunds.command('list'))
    .description('List refunds, newest first.')
    .option('--limit <n>', 'at most so many; 0 for all', parseLimit, LIMIT)
    .option('--json', 'one JSON object a line', false)
    .addHelpText(
      'after',
      `
Examples:
  $ payments refunds list
  $ payments refunds list --customer customer_0017 --since 2026-01-01
  $ payments refunds list --status awaiting_approval --json | jq -r .refund_id
${API_HELP}`,
    )
    .action(async ({ limit, json, ...filters }: Filters & { limit: number; json: boolean }) => {
      const query = { ...toQuery(filters), limit: limit === 0 ? PAGE : Math.min(limit, PAGE) };
      const rows: string[][] = [];
      let shown = 0;
      let more = false;
      for await (const refund of connect().refunds.listDetailed(query)) {
        if (limit !== 0 && shown === limit) {
          more = true;
          break;
        }
        shown += 1;
        if (json) printJson(refund);
        else {
          rows.push([
            refund.refund_id,
            formatAmount(refund.amount_cents, refund.currency),
            refund.status,
            printable(refund.customer_id),
            printable(refund.reason ?? '–'),
            refund.created_at.slice(0, 16).replace('T', ' '),
          ]);
        }
      }
      if (json) return;
      if (shown === 0) process.stderr.write('There is no such refund.\n');
      else
        process.stdout.write(table(['REFUND', 'AMOUNT', 'STATUS', 'CUSTOMER', 'REASON', 'MADE (UTC)'], rows));
      if (more) process.stderr.write(`The newest ${limit}; --limit shows more.\n`);
    });
}

function parseLimit(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError('It has to be a whole number, 0 for all.');
  return Number(text);
}

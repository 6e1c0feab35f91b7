import { type Command, InvalidArgumentError } from 'commander';
import { decimalsOf, formatAmount } from '../../../service/src/payments/money.ts';
import { connect, printJson } from '../api/connect.ts';
import { API_HELP } from '../api/settings.ts';
import { confirm } from '../ask.ts';
import { printable } from '../table.ts';
import { describeRefund } from './show.ts';

interface IssueOptions {
  payment: string;
  amount?: string;
  full: boolean;
  reason: string;
  note?: string;
  idempotencyKey?: string;
  yes: boolean;
  json: boolean;
}

export function addIssueCommand(refunds: Command): void {
  refunds
    .command('issue')
    .description('Send money back: part of a payment, or all that is left of it.')
    .requiredOption('--payment <id>', 'of which payment')
    .option('--amount <amount>', 'how much, as money: 12.50')
    .option('--full', 'all that is left', false)
    .requiredOption('--reason <code>', 'why; the codes are in the reference')
    .option('--note <text>', 'for colleagues; never sent to Stripe')
    .option(
      '--idempotency-key <key>',
      'your name for this one refund: sent again with it, nothing is sent twice',
    )
    .option('--yes', 'do not ask', false)
    .option('--json', 'one JSON object', false)
    .addHelpText(
      'after',
      `
Examples:
  $ payments refunds issue --payment payment_01kar2jz4eexs8wx0kgmh1xb5p --amount 12.50 --reason goodwill
  $ payments refunds issue --payment payment_01kar2jz4eexs8wx0kgmh1xb5p --full --reason canceled_order --yes --json

Asks before the money moves, unless --yes is said; what was shown is what is done: if it has changed by then, nothing is.
${API_HELP}`,
    )
    .action(async (options: IssueOptions, command: Command) => {
      const { payment: payment_id, reason, note, yes, json } = options;
      if (options.full === (options.amount !== undefined)) command.error('Say --amount or --full.');
      const payments = connect();
      const payment = await payments.payments.get(payment_id);
      const { currency, refundable_cents } = payment;
      const amount_cents =
        options.amount === undefined ? refundable_cents : parseAmount(options.amount, currency, command);
      const question = `Refund ${formatAmount(amount_cents, currency)} of ${payment_id} (${printable(payment.customer_id)}), of which ${formatAmount(refundable_cents, currency)} is left?`;
      const code = await confirm(question, yes);
      if (code !== undefined) {
        process.exitCode = code;
        return;
      }
      const issued = await payments.refunds.issue(
        {
          payment_id,
          reason,
          ...(options.full ? { full: true } : { amount_cents }),
          // Whoever said yes said it to what they were shown.
          expected_refundable_cents: refundable_cents,
          ...(note === undefined ? {} : { note }),
        },
        options.idempotencyKey === undefined ? {} : { idempotency_key: options.idempotencyKey },
      );
      if (json) {
        printJson(issued);
        return;
      }
      process.stdout.write(describeRefund(await payments.refunds.get(issued.refund_id)));
      if (issued.status === 'pending' && issued.stripe_refund_id === null) {
        process.stderr.write('Stripe has not said yet whether it has it: the service finds out.\n');
      }
    });
}

/** Money as it is written, in the currency's smallest unit. */
function parseAmount(text: string, currency: string, command: Command): number {
  const decimals = decimalsOf(currency);
  const [, whole = '', fraction = ''] = /^(\d{1,9})(?:\.(\d+))?$/.exec(text) ?? [];
  if (whole === '' || fraction.length > decimals) {
    const example = decimals === 0 ? '1250' : `12.${'50'.padEnd(decimals, '0')}`;
    command.error(
      new InvalidArgumentError(
        `--amount has to be an amount of ${currency.toUpperCase()} such as ${example}.`,
      ).message,
    );
  }
  return Number(whole + fraction.padEnd(decimals, '0'));
}

import type { Command } from 'commander';
import { formatAmount } from '../../service/src/payments/money.ts';
import { connect, printJson } from './api/connect.ts';
import { API_HELP } from './api/settings.ts';
import { facts, printable, table } from './table.ts';

/** `payments payments show`: what was paid, and what is left of it. */
export function addPaymentCommands(program: Command): void {
  const command = program.command('payments').description('Look at payments.');
  command
    .command('show')
    .description('Show one payment: what was paid, what went back, and what is left.')
    .argument('<payment_id>', 'which')
    .option('--json', 'one JSON object', false)
    .addHelpText(
      'after',
      `\nExample:\n  $ payments payments show payment_01kar2jz4eexs8wx0kgmh1xb5p\n${API_HELP}`,
    )
    .action(async (paymentId: string, { json }: { json: boolean }) => {
      const payment = await connect().payments.get(paymentId);
      if (json) {
        printJson(payment);
        return;
      }
      const money = (cents: number) => formatAmount(cents, payment.currency);
      process.stdout.write(
        facts([
          ['payment', payment.payment_id],
          ['charge', payment.charge_id],
          ['customer', printable(payment.customer_id)],
          ['order', payment.order_id === null ? null : printable(payment.order_id)],
          ['status', payment.status],
          ['paid', money(payment.captured_cents)],
          ['went back', money(payment.refunded_cents)],
          ['under way', money(payment.reserved_cents)],
          ['left', money(payment.refundable_cents)],
          ['made', payment.created_at],
        ]),
      );
      if (payment.refunds.length === 0) return;
      const rows = payment.refunds.map(({ refund_id, amount_cents, status, created_at }) => [
        refund_id,
        money(amount_cents),
        status,
        created_at.slice(0, 16).replace('T', ' '),
      ]);
      process.stdout.write(`\n${table(['REFUND', 'AMOUNT', 'STATUS', 'MADE (UTC)'], rows)}`);
    });
}

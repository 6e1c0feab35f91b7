import type { Command } from 'commander';
import { formatAmount } from '../../../service/src/payments/money.ts';
import { connect, printJson } from '../api/connect.ts';
import { API_HELP } from '../api/settings.ts';
import { confirm } from '../ask.ts';
import { paint } from '../table.ts';

/** `refunds approve`, `refunds reject` and `refunds cancel`: what somebody says of a refund that is there. */
export function addDecisionCommands(refunds: Command): void {
  for (const [verb, description, question] of [
    ['approve', 'Let refunds go that somebody else has asked for.', 'Approve'],
    ['reject', 'Say no to refunds that somebody else has asked for.', 'Reject'],
    ['cancel', 'Call refunds back, as long as that is possible.', 'Call back'],
  ] as const) {
    const command = refunds
      .command(verb)
      .description(description)
      .argument('<refund_id...>', 'which')
      .option('--yes', 'do not ask', false)
      .option('--json', 'one JSON object a line', false);
    if (verb !== 'cancel') command.option('--note <text>', 'why, for colleagues');
    command
      .addHelpText(
        'after',
        `\nExample:\n  $ payments refunds ${verb} refund_01kar2m0v5fhtb3mx9q2z8d4wn\n${API_HELP}`,
      )
      .action(async (ids: string[], { note, yes, json }: { note?: string; yes: boolean; json: boolean }) => {
        const payments = connect();
        for (const id of ids) {
          const { amount_cents, currency, payment_id } = await payments.refunds.get(id);
          const code = await confirm(
            `${question} ${id}: ${formatAmount(amount_cents, currency)} of ${payment_id}?`,
            yes,
          );
          if (code === 2) {
            process.exitCode = code;
            return;
          }
          if (code !== undefined) continue;
          const body = note === undefined ? {} : { note };
          const done =
            verb === 'cancel' ? await payments.refunds.cancel(id) : await payments.refunds[verb](id, body);
          if (json) printJson(done);
          else process.stdout.write(`${id}  ${paint(done.status)}\n`);
        }
      });
  }
}

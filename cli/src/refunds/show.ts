import type { Answer } from '@payments/client';
import type { Command } from 'commander';
import { formatAmount } from '../../../service/src/payments/money.ts';
import { connect, printJson } from '../api/connect.ts';
import { API_HELP } from '../api/settings.ts';
import { facts, paint, printable } from '../table.ts';

export function addShowCommand(refunds: Command): void {
  refunds
    .command('show')
    .description('Show one refund: where the money is, and how it got there.')
    .argument('<refund_id>', 'which')
    .option('--json', 'one JSON object', false)
    .addHelpText(
      'after',
      `\nExample:\n  $ payments refunds show refund_01kar2m0v5fhtb3mx9q2z8d4wn\n${API_HELP}`,
    )
    .action(async (refundId: string, { json }: { json: boolean }) => {
      const refund = await connect().refunds.get(refundId);
      if (json) printJson(refund);
      else process.stdout.write(describeRefund(refund));
    });
}

/** A refund with its story, for a person. */
export function describeRefund(refund: Answer<'getRefund'>): string {
  const { currency, timeline, payment } = refund;
  const text = (value: string | null) => (value === null ? null : printable(value));
  const head = facts([
    ['refund', refund.refund_id],
    ['amount', formatAmount(refund.amount_cents, currency)],
    ['status', refund.status],
    ['where', text(refund.location?.message ?? null)],
    ['payment', refund.payment_id],
    ['left of it', formatAmount(payment.refundable_cents, currency)],
    ['customer', text(refund.customer_id)],
    ['reason', text(refund.reason)],
    ['note', text(refund.note)],
    ['asked by', refund.requested_by_id === null ? refund.origin : printable(refund.requested_by_id)],
    ['approved by', text(refund.approved_by_id)],
    ['at Stripe', refund.stripe_refund_id],
    ['failure', refund.failure_reason],
    ['bank reference', refund.bank_reference],
  ]);
  const steps = timeline.map(
    ({ at, to_status, actor_id }) => `  ${at}  ${paint(to_status)}  ${printable(actor_id)}\n`,
  );
  return `${head}\n${steps.join('')}`;
}

import { type MoneyProblem, parseMoney } from '../../money/money.ts';
import type { PaymentDetail } from '../../payments/queries.ts';
import type { Draft, IssueBody } from './draft.ts';

/** What a draft comes to: what would be sent, or what is wrong with it. */
export type Plan =
  | { body: IssueBody; amount_cents: number; remaining_cents: number; needs_approval: boolean }
  | { problem: MoneyProblem | 'nothing' | 'too_much' };

type Refundable = Pick<
  PaymentDetail,
  'payment_id' | 'refundable_cents' | 'currency' | 'approval_limit_cents'
>;

/** What asking for this refund now would do to the payment as it is known here. */
export function planRefund(draft: Draft, payment: Refundable): Plan {
  const left = payment.refundable_cents;
  const parsed = draft.full ? { cents: left } : parseMoney(draft.amount, payment.currency);
  if ('problem' in parsed) return parsed;
  const { cents } = parsed;
  if (cents === 0) return { problem: 'nothing' };
  if (cents > left) return { problem: 'too_much' };
  const limit = payment.approval_limit_cents;
  return {
    amount_cents: cents,
    remaining_cents: left - cents,
    needs_approval: limit !== null && cents > limit,
    body: {
      payment_id: payment.payment_id,
      amount_cents: cents,
      // What was looked at when it was decided: should it have changed meanwhile, nothing is sent.
      expected_refundable_cents: left,
      ...(draft.reason === null ? {} : { reason: draft.reason }),
      ...(draft.note.trim() === '' ? {} : { note: draft.note.trim() }),
    },
  };
}

import { formatAmount } from '../payments/money.ts';
import { type CustomerTotals, RECENT_days, type RecentRefunds } from './queries.ts';

/** What a look at a customer's refunds should not miss. It says what is, not what to make of it. */
export interface Pattern {
  code: PatternCode;
  sentence: string;
}

export const PATTERN_CODES = [
  'many_refunds',
  'repeated_amount',
  'mostly_refunded',
  'open_dispute',
  'money_owed',
] as const;
type PatternCode = (typeof PATTERN_CODES)[number];

const MANY_REFUNDS = 5;
const REPEATED = 3;
/** One purchase that was sent back is nothing to tell of. */
const MOSTLY_OF_PAYMENTS = 3;

/**
 * The patterns of a customer's payments and refunds, each by a rule of its own:
 *
 * - `many_refunds`: 5 refunds or more in the last 90 days that have paid or may still.
 * - `repeated_amount`: 3 of these or more are of the same amount and currency; told of the amount that was most often.
 * - `mostly_refunded`: in a currency with 3 payments or more, over half of what was paid has gone back or is about to.
 * - `open_dispute`: a dispute is not decided yet. Inquiries do not count.
 * - `money_owed`: a refund ended without paying, and nobody has said how that was put right.
 */
export function findPatterns(totals: readonly CustomerTotals[], recent: readonly RecentRefunds[]): Pattern[] {
  const patterns: Pattern[] = [];
  const add = (code: PatternCode, sentence: string) => patterns.push({ code, sentence });

  const refunds = recent.reduce((sum, { count }) => sum + count, 0);
  if (refunds >= MANY_REFUNDS) add('many_refunds', `${refunds} refunds in the last ${RECENT_days} days.`);
  const [often] = recent;
  if (often !== undefined && often.count >= REPEATED) {
    const amount = formatAmount(often.amount_cents, often.currency);
    add('repeated_amount', `${amount} was refunded ${often.count} times in the last ${RECENT_days} days.`);
  }
  for (const { currency, payment_count, paid_cents, refunded_cents, reserved_cents } of totals) {
    const back_cents = refunded_cents + reserved_cents;
    if (payment_count >= MOSTLY_OF_PAYMENTS && back_cents * 2 > paid_cents) {
      const [back, paid] = [formatAmount(back_cents, currency), formatAmount(paid_cents, currency)];
      add('mostly_refunded', `${back} of ${paid} paid has gone back or is about to.`);
    }
  }
  const disputes = totals.reduce((sum, { open_dispute_count }) => sum + open_dispute_count, 0);
  if (disputes > 0)
    add('open_dispute', disputes === 1 ? 'A dispute is open.' : `${disputes} disputes are open.`);
  const owed = totals.filter(({ owed_cents }) => owed_cents > 0);
  if (owed.length > 0) {
    const amounts = owed.map(({ owed_cents, currency }) => formatAmount(owed_cents, currency)).join(' and ');
    add('money_owed', `${amounts} is still owed: a refund ended without paying.`);
  }
  return patterns;
}

import { type Command, Option } from 'commander';
import { parseFirstMoment, parseLastMoment } from '../moment.ts';

const STATUSES = [
  'awaiting_approval',
  'rejected',
  'pending',
  'requires_action',
  'succeeded',
  'failed',
  'canceled',
] as const;

/** What a list or an export is narrowed to. */
export interface Filters {
  customer?: string;
  payment?: string;
  status?: (typeof STATUSES)[number];
  reason?: string;
  currency?: string;
  since?: Date;
  until?: Date;
  owed: boolean;
}

export function addFilters(command: Command): Command {
  return command
    .option('--customer <id>', 'of this customer')
    .option('--payment <id>', 'of this payment')
    .addOption(new Option('--status <status>', 'that are at this').choices(STATUSES))
    .option('--reason <code>', 'asked for because of this')
    .option('--currency <code>', 'in this currency', (text) => text.toLowerCase())
    .option('--since <date>', 'made then or later: a day (UTC) or a time with its zone', (text) =>
      parseFirstMoment(text),
    )
    .option('--until <date>', 'made before: likewise, a day to its end', (text) => parseLastMoment(text))
    .option('--owed', 'that failed and left the customer owed', false);
}

/** As the API has them. */
export const toQuery = ({ customer, payment, status, reason, currency, since, until, owed }: Filters) => ({
  ...(customer === undefined ? {} : { customer_id: customer }),
  ...(payment === undefined ? {} : { payment_id: payment }),
  ...(status === undefined ? {} : { status }),
  ...(reason === undefined ? {} : { reason_code: reason }),
  ...(currency === undefined ? {} : { currency }),
  ...(since === undefined ? {} : { created_at_gte: since.toISOString() }),
  ...(until === undefined ? {} : { created_at_lt: until.toISOString() }),
  ...(owed ? { needs_attention: true } : {}),
});

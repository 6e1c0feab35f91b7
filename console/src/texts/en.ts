export { actions, approvals } from './en/actions.ts';
export { audit } from './en/audit.ts';
export { bulk } from './en/bulk.ts';
export { customer, payments } from './en/customers.ts';
export { insights } from './en/insights.ts';
export { operations } from './en/operations.ts';
export { search } from './en/search.ts';

/** The console's words. Names are the field's and the same as in the API; sentences say what to do. */

export const name = 'payments';

export const navigation = {
  label: 'Pages',
  refunds: 'Refunds',
  payments: 'Payments',
  approvals: 'Approvals',
  insights: 'Insights',
  bulk: 'Bulk refunds',
  operations: 'Operations',
  audit: 'Audit log',
  skip: 'Skip to the page',
  open: 'Open the menu',
  close: 'Close the menu',
};

export const session = {
  sign_in: 'Sign in',
  sign_out: 'Sign out',
  documentation: 'Help',
  welcome: 'The refund desk',
  welcome_text: 'Sign in with your organization’s account.',
  signed_in_as: (who: string) => `Signed in as ${who}`,
  brand: (brand: string) => `Brand: ${brand}`,
  ended: 'You are no longer signed in',
  ended_text: 'Sign in again to go on. What you have typed is kept, and you come back to this page.',
  again: 'Sign in again',
  again_text: 'This moves money beyond your limit, so it wants a fresh sign-in. What you have typed is kept.',
};

export const appearance = {
  label: 'Appearance',
  light: 'Light',
  dark: 'Dark',
  auto: 'As the device',
};

export const errors = {
  unreachable: 'The service did not answer. Check your connection; nothing is lost.',
  offline: 'You are offline. What is shown may be out of date.',
  title: 'This did not work',
  request_id: 'Request',
  again: 'Try again',
  not_found: 'There is nothing here',
  not_found_text: 'The address is wrong, or it is not yours to see.',
  forbidden: 'Your role does not open this',
  forbidden_text: 'Ask whoever gives out roles, if you need it.',
  crashed: 'The console has made a mistake',
  crashed_text: 'Load the page again. If it happens again, tell us what you did.',
  reload: 'Load again',
};

export const common = {
  loading: 'Loading',
  more: 'Show more',
  shown: (count: number) => (count === 1 ? '1 shown' : `${count} shown`),
  copy: 'Copy',
  copied: 'Copied',
  copy_what: (what: string) => `Copy ${what}`,
  none: '—',
  all: 'All',
  currency: 'Currency',
  from: 'From',
  until: 'Until',
  clear: 'Clear filters',
  set: (label: string, count: number) => `${label} (${count} set)`,
  close: 'Close',
  back: 'Back',
  cancel: 'Cancel',
  columns: 'Columns',
  utc: 'UTC',
};

export const statuses = {
  awaiting_approval: 'Waiting for approval',
  rejected: 'Rejected',
  pending: 'On its way',
  requires_action: 'Customer has to act',
  succeeded: 'Sent to the bank',
  failed: 'Failed',
  canceled: 'Called back',
};

export const reasons = {
  none: 'No reason given',
  duplicate: 'Duplicate',
  fraudulent: 'Fraudulent',
  requested_by_customer: 'Requested by customer',
} as const;

export const columns = {
  created_at: 'Made',
  amount: 'Amount',
  status: 'Status',
  customer: 'Customer',
  reason: 'Reason',
  payment: 'Payment',
  refund: 'Refund',
  charge: 'Charge',
  stripe_refund: 'Stripe refund',
  bank_reference: 'Bank reference',
  requested_by: 'Asked for by',
  updated_at: 'Last change',
};

export const refunds = {
  title: 'Refunds',
  filters: 'Filters',
  customer: 'Customer',
  status: 'Status',
  reason: 'Reason',
  amount_from: 'Amount from',
  amount_to: 'Amount to',
  attention: 'Needs attention',
  unknown: 'Outcome not known',
  attention_text: 'Failed after the customer was told; still owed',
  still_owed: 'Still owed',
  csv: 'CSV',
  total: (count: number, amount: string) => `${count.toLocaleString()} refunds: ${amount}`,
  no_totals: 'The totals could not be added up: narrow the filters.',
  owed: (amount: string) => `Still owed: ${amount}`,
  new_rows: (count: number) => (count === 1 ? '1 new refund' : `${count} new refunds`),
  empty: 'No refunds yet',
  empty_text: 'Refunds appear here as soon as somebody asks for one, here or in Stripe.',
  empty_filtered: 'No refund fits these filters',
  empty_filtered_text: 'Take a filter away, or look for the customer’s payments instead.',
  external: 'Made in Stripe',
};

export const refund = {
  title: 'Refund',
  titled: (amount: string) => `Refund of ${amount}`,
  sync: 'Ask Stripe now',
  tell: 'To tell the customer',
  bank_reference: 'Bank reference',
  note: 'Note',
  approved_by: 'Approved by',
  decision_note: 'Word of who decided',
  payment: 'The payment',
  history: 'What happened',
  step: (from: string | null, to: string) => {
    const word = statuses[to as keyof typeof statuses] ?? to;
    return from === to ? `${word} (told again)` : word;
  },
  actor: (type: string, id: string) => {
    if (id === 'stripe') return 'told by Stripe';
    if (type === 'system') return `by the service (${id})`;
    return `by ${id}`;
  },
};

export const payment = {
  title: 'Payment',
  captured: 'Paid',
  refunded: 'Refunded',
  reserved: 'On its way back',
  refundable: 'Left',
  titled: (amount: string) => `Payment of ${amount}`,
  refund: 'Refund',
  refunds: 'Refunds',
  no_refunds: 'Nothing of it has been refunded.',
  not_refundable: 'This cannot be refunded',
  disputed: (status: string) => `Disputed: ${status.replaceAll('_', ' ')}`,
  evidence: 'evidence due by',
  method: 'Paid with',
  method_unknown: 'the original payment method',
  status: 'Status',
  made: 'Made',
  order: 'Order',
  subscription: 'Subscription',
  intent: 'Payment intent',
};

export const issue = {
  title: 'Refund this payment',
  how_much: 'How much',
  full: (left: string) => `All that is left: ${left}`,
  part: 'A part of it',
  amount: (currency: string) => `Amount in ${currency}`,
  reason: 'Reason',
  reason_pick: 'Pick one',
  fraudulent: 'Stripe puts the card and the e-mail address on its block lists.',
  note: 'Note',
  note_text: 'For colleagues. Never sent to Stripe or the customer.',
  summary: ({
    amount,
    of,
    to,
    customer,
    remaining,
  }: Record<'amount' | 'of' | 'to' | 'customer' | 'remaining', string>) =>
    `Refund ${amount} of ${of} to ${to} of customer ${customer}; ${remaining} remain.`,
  nothing: 'Refund more than nothing.',
  too_much: (left: string) => `That is more than what is left: ${left}.`,
  changed: 'What is left has changed',
  changed_text: (before: string, now: string) =>
    `It was ${before} and is ${now} now: somebody else may be refunding it.`,
  seen: 'I have seen it',
  needs_approval: (limit: string) =>
    `This is above your limit of ${limit}: it goes to an approver first, and nothing is sent before.`,
  refund: (amount: string) => `Refund ${amount}`,
  ask_approval: (amount: string) => `Ask for approval of ${amount}`,
  ask_again: 'Ask what came of it',
  sent: 'This has been sent. It is not known yet what came of it; asking again cannot make a second refund.',
  unknown: 'It is not known whether the refund has been made. Ask again: it can never be made twice.',
  open: 'Open the refund',
  done: 'Done',
};

const example = (currency: string) => `Write the amount in ${currency} with digits, like 12.50.`;
/** What is wrong with an amount that somebody typed, by the currency. */
export const money = {
  empty: (_currency: string) => 'Type an amount.',
  not_an_amount: example,
  ambiguous: (_currency: string) => 'This can be read as two amounts: leave out the mark for thousands.',
  too_many_decimals: (currency: string) => `${currency} has fewer decimals than that.`,
  too_large: (_currency: string) => 'This is more than any payment.',
};

/** What can be done to a refund after it was asked for. */
export const actions = {
  approve: 'Approve',
  approve_text: (amount: string, customer: string) =>
    `${amount} goes back to ${customer} as soon as you approve.`,
  reject: 'Reject',
  reject_text: 'Nothing is sent, and what it held can be refunded again.',
  cancel: 'Call it back',
  cancel_text: 'It is called back where that is still possible. If it has gone out by now, you are told so.',
  resolve: 'Say how it was put right',
  resolve_text: (amount: string) =>
    `The customer is owed ${amount}. Say how that was put right; it leaves what needs attention.`,
  note: 'Note for colleagues',
  reason: 'Why, for colleagues',
  how: 'How',
  resolutions: {
    refunded_again: 'By another refund',
    paid_otherwise: 'Paid in another way, such as a bank transfer',
    not_owed: 'Nothing is owed after all',
  },
  replacement: 'Which refund',
  reference: 'Reference of the payment',
  not_owed: 'Why nothing is owed',
  yours: 'You asked for this, so somebody else has to approve it.',
};

export const approvals = {
  title: 'Approvals',
  empty: 'Nothing waits for approval',
  empty_text: 'Refunds above somebody’s limit appear here until somebody else decides on them.',
  queue: 'Waiting',
  pick: 'Pick a refund to see who asked, why, and the customer’s history.',
  waits: (count: number) => (count === 1 ? '1 waits' : `${count} wait`),
  asked_by: (who: string) => `asked for by ${who}`,
  of: (amount: string) => `of ${amount}`,
  history: 'The customer',
  whole: 'Open the refund',
};

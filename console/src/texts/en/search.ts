/** The search everywhere. */
export const search = {
  open: 'Search',
  title: 'Search everywhere',
  label: 'Any id',
  placeholder: 'Paste a customer, order, payment, refund, charge or bank reference',
  nothing: (q: string) => `Nothing has the id “${q}”`,
  nothing_text:
    'Ids are found as they are: of customers and orders (also their beginning), payments, refunds, disputes, Stripe’s pi_, ch_, re_ and dp_, and the bank’s reference of a refund.',
  searching: 'Searching',
  found: (count: number) => (count === 1 ? '1 found' : `${count} found`),
  recent: 'Found before',
  forget: 'Forget these',
  types: { refund: 'Refund', payment: 'Payment', customer: 'Customer', dispute: 'Dispute' },
  by: (field: string) => `by ${field.replaceAll('_', ' ')}`,
};

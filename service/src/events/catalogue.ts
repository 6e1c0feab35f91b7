import { type Static, type TObject, Type } from 'typebox';
import { Cents, NullableString } from '../http/schemas.ts';

const Id = (description: string) => Type.String({ description });
const Count = (description: string) => Type.Integer({ description });

/** Said to others, so written out: another one would be another version. */
const REFUND_STATUSES = [
  'awaiting_approval',
  'rejected',
  'pending',
  'requires_action',
  'succeeded',
  'failed',
  'canceled',
] as const;

const Refund = Type.Object({
  refund_id: Id('Our id of the refund.'),
  payment_id: Id('Of which payment.'),
  origin: Type.Enum(['api', 'external'], {
    description: '`api`: asked for here. `external`: made at Stripe by somebody else.',
  }),
  status: Type.Enum([...REFUND_STATUSES], { description: 'Where it is now.' }),
  amount_cents: Cents('How much goes back.'),
  currency: Type.String({ description: 'ISO 4217, lower case.' }),
  stripe_refund_id: NullableString('Stripe’s id of it; null while Stripe is not known to have it.'),
  failure_reason: NullableString('Why it has failed, a code.'),
});

const Payment = Type.Object({
  payment_id: Id('Our id of the payment.'),
  status: Type.String({ description: 'As `GET /v1/payments/{id}` has it.' }),
  amount_cents: Cents('What was asked for.'),
  currency: Type.String({ description: 'ISO 4217, lower case.' }),
  captured_cents: Cents('What was taken.'),
  reserved_cents: Cents('Of it, what refunds under way may yet give back.'),
  refunded_cents: Cents('Of it, what went back.'),
});

const Dispute = Type.Object({
  dispute_id: Id('Our id of the dispute.'),
  payment_id: Id('Of which payment.'),
  status: Type.String({ description: 'Stripe’s word for where it is.' }),
  reason: NullableString('Stripe’s word for why; null where it has none.'),
  amount_cents: Cents('How much is contested.'),
  currency: Type.String({ description: 'ISO 4217, lower case.' }),
  stripe_dispute_id: Id('Stripe’s id of it (`dp_…`).'),
});

const Difference = Type.Object({
  difference_id: Id('The difference between Stripe and the books.'),
  kind: Type.String({ description: 'What differs.' }),
  of: Type.String({ description: 'What it is about: `payment`, `refund` or `dispute`.' }),
  of_id: NullableString('Which, by our id; null where the books have none.'),
  stripe_id: NullableString('Which, by Stripe’s id.'),
});

const Customer = Type.Object({
  customer_id: Id('What the customer is called from now on; the id before that is forgotten.'),
  payments: Count('How many payments were erased.'),
  refunds: Count('How many refunds.'),
  disputes: Count('How many disputes.'),
});

const Batch = Type.Object({
  batch_id: Id('Our id of the batch.'),
  status: Type.Enum(['draft', 'running', 'stopped', 'finished'], { description: 'Where it is now.' }),
  row_count: Type.Optional(Count('Created: how many rows it has.')),
  cannot_count: Type.Optional(Count('Created: how many of them cannot be issued.')),
  open_count: Type.Optional(Count('Started or stopped: how many rows are still to be issued.')),
  issued_count: Type.Optional(Count('Finished: how many rows have a refund.')),
  failed_count: Type.Optional(Count('Finished: how many were refused.')),
});

const Endpoint = Type.Object({
  endpoint_id: Id('The endpoint that events go to.'),
  status: Type.Enum(['enabled', 'disabled'], { description: 'Whether it is told of anything.' }),
  disabled_reason: NullableString('`failing`: nothing got through for days. `gone`: it answered 410.'),
});

const refund: Static<typeof Refund> = {
  refund_id: 'refund_01kar2m0v5fhtb3mx9q2z8d4wn',
  payment_id: 'payment_01kar2jz4eexs8wx0kgmh1xb5p',
  origin: 'api',
  status: 'pending',
  amount_cents: 4_990,
  currency: 'eur',
  stripe_refund_id: null,
  failure_reason: null,
};
const atStripe = { ...refund, stripe_refund_id: 're_3SvR2eLkdIwHu7ix0hJvX9Qa' };
const dispute: Static<typeof Dispute> = {
  dispute_id: 'dispute_01kar2q0w3fvb8r2y6m5k9d1hc',
  payment_id: 'payment_01kar2jz4eexs8wx0kgmh1xb5p',
  status: 'needs_response',
  reason: 'product_not_received',
  amount_cents: 4_990,
  currency: 'eur',
  stripe_dispute_id: 'dp_1SvR2eLkdIwHu7ixPq0v9QaB',
};
const batchId = 'batch_01kar2q8v1f3tsd4y9z6x2m7ab';

const type = <Data extends TObject>(summary: string, data: Data, sample: Static<Data>) => ({
  summary,
  data,
  sample,
});

/**
 * Every event that other services are told of: what it means, what it carries (ids, codes and amounts; nothing that a person wrote, nothing
 * of a customer) and one as it is sent. A field is only ever added; what would mean something else is another version.
 */
export const CATALOGUE = {
  'refund.requested.v1': type('A refund was asked for; Stripe is not known to have it yet.', Refund, refund),
  'refund.awaiting_approval.v1': type('A refund was asked for that somebody else has to approve.', Refund, {
    ...refund,
    status: 'awaiting_approval',
  }),
  'refund.approved.v1': type('A refund was approved, and goes to Stripe.', Refund, refund),
  'refund.rejected.v1': type('A refund was not approved, and is never sent.', Refund, {
    ...refund,
    status: 'rejected',
  }),
  'refund.submitted.v1': type('Stripe has the refund.', Refund, atStripe),
  'refund.requires_action.v1': type(
    'The customer has to do something before the refund goes on, e.g. say to which account.',
    Refund,
    { ...atStripe, status: 'requires_action' },
  ),
  'refund.succeeded.v1': type(
    'Stripe has sent the money. For up to 30 days the bank may still return it: then comes `refund.failed.v1`.',
    Refund,
    { ...atStripe, status: 'succeeded' },
  ),
  'refund.failed.v1': type(
    'The refund was refused, or the bank has returned the money; the customer may be owed it.',
    Refund,
    { ...atStripe, status: 'failed', failure_reason: 'lost_or_stolen_card' },
  ),
  'refund.canceled.v1': type('The refund was called back before the money went.', Refund, {
    ...atStripe,
    status: 'canceled',
  }),
  'refund.updated.v1': type(
    'Something else of a refund has changed, e.g. its bank reference became known.',
    Refund,
    { ...atStripe, status: 'succeeded' },
  ),
  'refund.resolved.v1': type('What a failed refund left owed was put right.', Refund, {
    ...atStripe,
    status: 'failed',
    failure_reason: 'lost_or_stolen_card',
  }),
  'payment.updated.v1': type('A payment is new here, or what is known of it has changed.', Payment, {
    payment_id: 'payment_01kar2jz4eexs8wx0kgmh1xb5p',
    status: 'succeeded',
    amount_cents: 4_990,
    currency: 'eur',
    captured_cents: 4_990,
    reserved_cents: 0,
    refunded_cents: 0,
  }),
  'dispute.opened.v1': type('A customer’s bank contests a payment.', Dispute, dispute),
  'dispute.updated.v1': type('A dispute has changed.', Dispute, { ...dispute, status: 'under_review' }),
  'dispute.closed.v1': type('A dispute was decided.', Dispute, { ...dispute, status: 'won' }),
  'difference.closed.v1': type(
    'Somebody has said how a difference between Stripe and the books is settled.',
    Difference,
    {
      difference_id: 'difference_01kar2r7c2e8wv1t3n5q9d6zmb',
      kind: 'missing_in_books',
      of: 'refund',
      of_id: null,
      stripe_id: 're_3SvR2eLkdIwHu7ix0hJvX9Qa',
    },
  ),
  'customer.erased.v1': type('A customer was erased: forget them, too.', Customer, {
    customer_id: 'erased_01kar2s5n8fgq9b7x4t2w6c3ye',
    payments: 3,
    refunds: 1,
    disputes: 0,
  }),
  'refund_batch.created.v1': type('A batch of refunds was checked; nothing is sent.', Batch, {
    batch_id: batchId,
    status: 'draft',
    row_count: 3,
    cannot_count: 1,
  }),
  'refund_batch.started.v1': type('A batch of refunds was started, or goes on.', Batch, {
    batch_id: batchId,
    status: 'running',
    open_count: 2,
  }),
  'refund_batch.stopped.v1': type('A batch of refunds was stopped.', Batch, {
    batch_id: batchId,
    status: 'stopped',
    open_count: 1,
  }),
  'refund_batch.finished.v1': type('No row of a batch is left.', Batch, {
    batch_id: batchId,
    status: 'finished',
    issued_count: 2,
    failed_count: 0,
  }),
  'event_endpoint.disabled.v1': type(
    'An endpoint was switched off, since nothing got through to it; told to the others.',
    Endpoint,
    { endpoint_id: 'endpoint_01kar2t1h6e4zr8m0v7y3q5kdn', status: 'disabled', disabled_reason: 'failing' },
  ),
  'event_endpoint.test.v1': type(
    'Somebody tries whether events arrive; sent to that endpoint only.',
    Endpoint,
    {
      endpoint_id: 'endpoint_01kar2t1h6e4zr8m0v7y3q5kdn',
      status: 'enabled',
      disabled_reason: null,
    },
  ),
} as const;

export type EventType = keyof typeof CATALOGUE;

/** What an event of a type carries. */
export type EventData<Name extends EventType> = Static<(typeof CATALOGUE)[Name]['data']>;

export const EVENT_TYPES = Object.keys(CATALOGUE) as EventType[];

/** What an endpoint may ask for: a type, all types of something, or everything. */
export const SUBSCRIPTIONS: readonly string[] = [
  '*',
  ...new Set(EVENT_TYPES.map((name) => `${name.split('.', 1)[0]}.*`)),
  ...EVENT_TYPES,
];

import { Type } from 'typebox';
import { REFUND_STATUSES } from './refund.ts';

/** A string or null, written as the page of the API reference writes it. */
const NullableString = Type.Unsafe<string | null>({ type: ['string', 'null'] });

/** The answer of `GET /v1/admin/refunds`: word for word the page's schema, with nothing added. */
export const RefundList = Type.Object({
  refunds: Type.Array(
    Type.Object({
      refund_id: Type.String(),
      payment_id: Type.String(),
      charge_id: NullableString,
      customer_id: Type.String(),
      amount_cents: Type.Integer(),
      status: Type.String(),
      reason: NullableString,
      stripe_refund_id: NullableString,
      created_at: Type.String(),
    }),
  ),
});

const Time = (description: string) => Type.String({ format: 'date-time', description });
const NullableTime = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], format: 'date-time', description });
const nullable = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], description });
const Amount = (description: string) => Type.Integer({ description });

/** One refund, all of it: its payment's amounts and what happened to it, in order. */
export const RefundDetail = Type.Object({
  refund_id: Type.String(),
  payment_id: Type.String(),
  charge_id: nullable('The Stripe charge that was refunded.'),
  customer_id: Type.String(),
  amount_cents: Amount("In the currency's smallest unit: 5800 in jpy is ¥5,800."),
  currency: Type.String({ description: 'ISO 4217, lower case.' }),
  status: Type.Enum([...REFUND_STATUSES], {
    description: 'Where the refund is; `succeeded` may still fail later.',
  }),
  reason: nullable('Why it was asked for.'),
  origin: Type.Enum(['api', 'external'], {
    description: '`external`: made in Stripe itself, e.g. in its dashboard.',
  }),
  stripe_refund_id: nullable('Null: not yet known to be at Stripe.'),
  failure_reason: nullable('Why it failed, as Stripe names it.'),
  pending_reason: nullable('Why it is still pending, as Stripe names it.'),
  bank_reference: nullable("The number (ARN) by which the customer's bank finds the money."),
  bank_reference_at: NullableTime('When that number became known.'),
  created_at: Time('When it was made.'),
  updated_at: Time('When it last changed here.'),
  payment: Type.Object(
    {
      payment_id: Type.String(),
      status: Type.String(),
      currency: Type.String(),
      amount_cents: Amount('What was asked for.'),
      captured_cents: Amount('What was taken.'),
      reserved_cents: Amount('Refunds that are asked for and not settled.'),
      refunded_cents: Amount('Refunds that succeeded.'),
      refundable_cents: Amount('What can still be refunded.'),
    },
    { description: 'The payment as it stands now.' },
  ),
  timeline: Type.Array(
    Type.Object({
      at: Time('When.'),
      from_status: nullable('Null: the refund became known.'),
      to_status: Type.String(),
      actor_type: Type.Enum(['user', 'service', 'system']),
      actor_id: Type.String({ description: 'Who; `stripe` where Stripe told of it.' }),
      cause: Type.String({
        description: "What brought it about: a Stripe event's id, `backfill`, a request's id.",
      }),
    }),
    { description: 'Every change of status, oldest first.' },
  ),
});

import { Type } from 'typebox';
import { Cents, NullableMoment, NullableString } from '../http/schemas.ts';
import { REFUND_STATUSES } from './refund.ts';

/** The answer of `GET /v1/admin/refunds`: word for word the page's schema, with nothing added. */
export const RefundList = Type.Object({
  refunds: Type.Array(
    Type.Object({
      refund_id: Type.String(),
      payment_id: Type.String(),
      charge_id: NullableString(),
      customer_id: Type.String(),
      amount_cents: Type.Integer(),
      status: Type.String(),
      reason: NullableString(),
      stripe_refund_id: NullableString(),
      created_at: Type.String(),
    }),
  ),
});

/** One refund, all of it: its payment's amounts and what happened to it, in order. */
export const RefundDetail = Type.Object({
  refund_id: Type.String(),
  payment_id: Type.String(),
  charge_id: NullableString('The Stripe charge that was refunded.'),
  customer_id: Type.String(),
  amount_cents: Cents('What goes back.'),
  currency: Type.String({ description: 'ISO 4217, lower case.' }),
  status: Type.Enum([...REFUND_STATUSES], {
    description: 'Where the refund is; `succeeded` may still fail later.',
  }),
  reason: NullableString('Why it was asked for.'),
  origin: Type.Enum(['api', 'external'], {
    description: '`external`: made in Stripe itself, e.g. in its dashboard.',
  }),
  stripe_refund_id: NullableString('Null: not yet known to be at Stripe.'),
  failure_reason: NullableString('Why it failed, as Stripe names it.'),
  pending_reason: NullableString('Why it is still pending, as Stripe names it.'),
  bank_reference: NullableString("The number (ARN) by which the customer's bank finds the money."),
  bank_reference_at: NullableMoment('When that number became known.'),
  created_at: Type.String({ format: 'date-time', description: 'When it was made.' }),
  updated_at: Type.String({ format: 'date-time', description: 'When it last changed here.' }),
  payment: Type.Object(
    {
      payment_id: Type.String(),
      status: Type.String(),
      currency: Type.String(),
      amount_cents: Cents('What was asked for.'),
      captured_cents: Cents('What was taken.'),
      reserved_cents: Cents('Refunds that are asked for and not settled.'),
      refunded_cents: Cents('Refunds that succeeded.'),
      refundable_cents: Cents('What can still be refunded.'),
    },
    { description: 'The payment as it stands now.' },
  ),
  timeline: Type.Array(
    Type.Object({
      at: Type.String({ format: 'date-time', description: 'When.' }),
      from_status: NullableString('Null: the refund became known.'),
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

const listed = {
  refund_id: 'refund_01kar2m0v5fhtb3mx9q2z8d4wn',
  payment_id: 'payment_01kar2jz4eexs8wx0kgmh1xb5p',
  charge_id: 'ch_3SWbM1B7WZ01zgkW0x9Kc2vQ',
  customer_id: 'customer_0017',
  amount_cents: 1250,
  status: 'succeeded',
  reason: 'requested_by_customer',
  stripe_refund_id: 're_3SWbM1B7WZ01zgkW0fQ1Lw8z',
  created_at: '2026-01-31T14:05:00.000Z',
};

export const refundListExample = { refunds: [listed] };

export const refundDetailExample = {
  ...listed,
  currency: 'eur',
  origin: 'external',
  failure_reason: null,
  pending_reason: null,
  bank_reference: '74208516031000000123456',
  bank_reference_at: '2026-02-03T09:12:44.120Z',
  updated_at: '2026-02-03T09:12:44.120Z',
  payment: {
    payment_id: listed.payment_id,
    status: 'succeeded',
    currency: 'eur',
    amount_cents: 5000,
    captured_cents: 5000,
    reserved_cents: 0,
    refunded_cents: 1250,
    refundable_cents: 3750,
  },
  timeline: [
    {
      at: '2026-01-31T14:05:01.310Z',
      from_status: null,
      to_status: 'pending',
      actor_type: 'system',
      actor_id: 'stripe',
      cause: 'evt_3SWbM1B7WZ01zgkW0aBcDeFg',
    },
    {
      at: '2026-01-31T14:06:02.871Z',
      from_status: 'pending',
      to_status: 'succeeded',
      actor_type: 'system',
      actor_id: 'stripe',
      cause: 'evt_3SWbM1B7WZ01zgkW0hIjKlMn',
    },
  ],
};

import { Type } from 'typebox';
import { Cents, NullableMoment, NullableString, PRINTABLE, Text } from '../http/schemas.ts';
import { PaymentMethodBody, paymentMethodExample } from '../payments/schemas.ts';
import { LOCATIONS } from './location.ts';
import { REFUND_STATUSES } from './refund.ts';

const NullableActorType = (description: string) =>
  Type.Unsafe<'user' | 'service' | null>({ type: ['string', 'null'], description });

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

/** The answer of `GET /v1/admin/refunds/detailed`. */
export const DetailedRefundList = Type.Object({
  refunds: Type.Array(
    Type.Object({
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
      requested_by_type: NullableActorType(
        'Who asked for it: a person or a service; null where it is external.',
      ),
      requested_by_id: NullableString('Who asked for it.'),
      stripe_refund_id: NullableString('Null: not yet known to be at Stripe.'),
      failure_reason: NullableString('Why it failed, as Stripe names it.'),
      bank_reference: NullableString("The number (ARN) by which the customer's bank finds the money."),
      owed_cents: Cents(
        'What the customer is still owed, since it ended without paying; 0 where nothing is.',
      ),
      created_at: Type.String({ format: 'date-time', description: 'When it was made.' }),
      updated_at: Type.String({ format: 'date-time', description: 'When it last changed here.' }),
    }),
  ),
});

/** What a caller asks to be refunded. */
export const Amount = (description: string) =>
  Type.Integer({
    minimum: 1,
    maximum: 999_999_999_999,
    description: `${description} In the currency's smallest unit.`,
  });

/** Why: one of the reasons' codes, or free text, which stays as it was written. */
export const ReasonText = () =>
  Type.Unsafe<string | null>({
    type: ['string', 'null'],
    minLength: 1,
    maxLength: 500,
    pattern: PRINTABLE,
    description:
      'A code of `GET /v1/admin/refund-reasons`, or free text, which is kept as it is and never sent to Stripe. `fraudulent` puts the card and the e-mail address on Stripe’s block lists.',
  });

/** Free text of a person, over several lines if need be. */
export const Note = (description: string) => Text(2_000, description);

/** The answer of `POST /v1/admin/refunds`. */
export const RefundIssued = Type.Object({
  refund_id: Type.String(),
  payment_id: Type.String(),
  charge_id: NullableString('The Stripe charge that is refunded.'),
  amount_cents: Cents('What goes back.'),
  status: Type.String({ description: '`pending`, `succeeded`, `requires_action` or `awaiting_approval`.' }),
  stripe_refund_id: NullableString('Null: not known yet to be at Stripe.'),
});

/** The answer of `POST /v1/refunds`. */
export const RefundIssuedBriefly = Type.Object({
  refund_id: Type.String(),
  payment_id: Type.String(),
  amount_cents: Cents('What goes back.'),
  status: Type.String({ description: '`pending`, `succeeded`, `requires_action` or `awaiting_approval`.' }),
});

/** The answer of `GET /v1/admin/refund-reasons`. */
export const ReasonList = Type.Object({
  reasons: Type.Array(
    Type.Object({
      code: Type.String({ description: 'What to send as the reason.' }),
      sentence: Type.String({ description: 'What it means, for a person.' }),
      provider_reason: NullableString('What Stripe is told; null: nothing.'),
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
  note: NullableString('What whoever asked for it wrote beside.'),
  origin: Type.Enum(['api', 'external'], {
    description: '`external`: made in Stripe itself, e.g. in its dashboard.',
  }),
  requested_by_type: NullableActorType('Who asked for it: a person or a service; null where it is external.'),
  requested_by_id: NullableString('Who asked for it.'),
  approved_by_type: NullableActorType('Who approved it, where somebody had to.'),
  approved_by_id: NullableString('Who approved it.'),
  decision_note: NullableString('What whoever approved or rejected it wrote beside.'),
  stripe_refund_id: NullableString('Null: not yet known to be at Stripe.'),
  failure_reason: NullableString('Why it failed, as Stripe names it.'),
  attention: Type.Union(
    [
      Type.Object({
        owed_cents: Cents('What the customer is still owed.'),
        message: Type.String({ description: 'What has happened, for a person.' }),
      }),
      Type.Null(),
    ],
    {
      description:
        'Not null: it ended without paying after somebody had been told of it, and nobody has said yet how that was put right. Ways on: another refund, or paid otherwise; then `POST …/resolve`.',
    },
  ),
  location: Type.Object(
    {
      code: Type.Enum([...LOCATIONS], {
        description:
          '`awaiting_approval` · `not_confirmed`: asked of Stripe, which has not said whether it has it · `at_stripe` · `needs_customer`: Stripe waits for the customer · `on_its_way` to the bank · `bank_reference_known` · `should_have_arrived` · `owed`: it failed, and the customer is owed the money · `settled_otherwise`: it failed, and that was put right · `not_paid`: it ended, and nothing is owed.',
      }),
      message: Type.String({ description: 'The same in a sentence, for the agent.' }),
      customer_message: Type.String({ description: 'What to tell the customer.' }),
    },
    { description: 'Where the money is now.' },
  ),
  resolution: NullableString('How what was owed has been put right.'),
  resolution_reference: NullableString('By what, e.g. a bank transfer’s number.'),
  replaced_by: NullableString('The refund that was made in its place.'),
  resolved_at: NullableMoment('When that was said.'),
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
      payment_method: PaymentMethodBody,
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

export const refundIssuedExample = {
  refund_id: listed.refund_id,
  payment_id: listed.payment_id,
  charge_id: listed.charge_id,
  amount_cents: listed.amount_cents,
  status: 'succeeded',
  stripe_refund_id: listed.stripe_refund_id,
};

export const refundIssuedBrieflyExample = {
  refund_id: listed.refund_id,
  payment_id: listed.payment_id,
  amount_cents: listed.amount_cents,
  status: 'succeeded',
};

export const reasonListExample = {
  reasons: [
    {
      code: 'requested_by_customer',
      sentence: 'The customer asked for it.',
      provider_reason: 'requested_by_customer',
    },
    { code: 'goodwill', sentence: 'A gesture of goodwill.', provider_reason: null },
  ],
};

export const refundListExample = { refunds: [listed] };

export const detailedRefundListExample = {
  refunds: [
    {
      ...listed,
      currency: 'eur',
      origin: 'api',
      requested_by_type: 'user',
      requested_by_id: 'agnes',
      failure_reason: null,
      bank_reference: null,
      owed_cents: 0,
      updated_at: '2026-02-03T09:12:44.120Z',
    },
  ],
};

export const refundDetailExample = {
  ...listed,
  currency: 'eur',
  note: null,
  origin: 'external',
  requested_by_type: null,
  requested_by_id: null,
  approved_by_type: null,
  approved_by_id: null,
  decision_note: null,
  failure_reason: null,
  attention: null,
  location: {
    code: 'bank_reference_known',
    message:
      "Stripe has sent it on 31 January 2026, and it has a reference by which the customer's bank finds it: 74208516031000000123456.",
    customer_message:
      'We sent your refund on 31 January 2026, back to the card that you paid with. If you do not see it yet, ask your bank for it by this reference: 74208516031000000123456.',
  },
  resolution: null,
  resolution_reference: null,
  replaced_by: null,
  resolved_at: null,
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
    payment_method: paymentMethodExample,
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

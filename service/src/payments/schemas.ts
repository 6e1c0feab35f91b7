import { Type } from 'typebox';
import { Cents, NullableString } from '../http/schemas.ts';

const Mode = Type.Enum(['one_shot', 'subscription'], {
  description: '`subscription`: paid for an invoice of one.',
});
const Status = Type.String({
  description:
    'The provider’s word: `succeeded`, `processing`, `requires_action`, `requires_capture`, `canceled`, …; `failed` where it was declined.',
});
const CreatedAt = Type.String({ format: 'date-time', description: 'When it was made.' });
const UpdatedAt = Type.String({ format: 'date-time', description: 'When it last changed here.' });

/** With what a payment was made. */
export const PaymentMethodBody = Type.Union(
  [
    Type.Object({
      type: Type.String({ description: 'Stripe’s word: `card`, `sepa_debit`, `klarna`, …' }),
      brand: NullableString('Of a card, e.g. `visa`.'),
      last4: NullableString('The last digits of the card or account.'),
    }),
    Type.Null(),
  ],
  { description: 'With what it was paid; null where Stripe does not say, or the customer was erased.' },
);

export const paymentMethodExample = { type: 'card', brand: 'visa', last4: '4242' };

/** The answer of `GET /v1/payments/{id}`, as the platform's services know it: its amount is a string. */
export const PaymentBody = Type.Object({
  id: Type.String(),
  customer_id: Type.String(),
  order_id: NullableString('The platform’s order.'),
  amount_cents: Type.String({ description: "In the currency's smallest unit, as a string of digits." }),
  currency: Type.String({ description: 'ISO 4217, lower case.' }),
  status: Status,
  stripe_payment_intent_id: NullableString(),
  mode: Mode,
  subscription_id: NullableString('The subscription whose invoice it paid.'),
  created_at: CreatedAt,
  updated_at: UpdatedAt,
});

/** A payment, what was taken of it and what is left. */
export const PaymentLine = Type.Object({
  payment_id: Type.String(),
  customer_id: Type.String(),
  order_id: NullableString('The platform’s order.'),
  charge_id: NullableString('The Stripe charge that took the money.'),
  stripe_payment_intent_id: NullableString(),
  amount_cents: Cents('What was asked for.'),
  captured_cents: Cents('What was taken.'),
  reserved_cents: Cents('Refunds that are asked for and not settled.'),
  refunded_cents: Cents('Refunds that succeeded.'),
  refundable_cents: Cents('What can still be refunded.'),
  currency: Type.String({ description: 'ISO 4217, lower case.' }),
  status: Status,
  mode: Mode,
  subscription_id: NullableString('The subscription whose invoice it paid.'),
  created_at: CreatedAt,
  updated_at: UpdatedAt,
});

/** The answer of `GET /v1/admin/payments`: what was paid, and what is left of it. */
export const PaymentList = Type.Object({
  payments: Type.Array(PaymentLine),
});

const shared = {
  customer_id: 'customer_0017',
  order_id: 'order_001234',
  currency: 'eur',
  status: 'succeeded',
  stripe_payment_intent_id: 'pi_3SWbM1B7WZ01zgkW0Zy8Xw7V',
  mode: 'one_shot',
  subscription_id: null,
  created_at: '2026-01-30T09:00:00.000Z',
  updated_at: '2026-01-31T14:06:02.871Z',
};

export const paymentExample = { id: 'payment_01kar2jz4eexs8wx0kgmh1xb5p', amount_cents: '5000', ...shared };

export const paymentListExample = {
  payments: [
    {
      payment_id: paymentExample.id,
      charge_id: 'ch_3SWbM1B7WZ01zgkW0x9Kc2vQ',
      amount_cents: 5000,
      captured_cents: 5000,
      reserved_cents: 0,
      refunded_cents: 1250,
      refundable_cents: 3750,
      ...shared,
    },
  ],
};

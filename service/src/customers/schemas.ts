import { Type } from 'typebox';
import { Cents, NullableMoment } from '../http/schemas.ts';
import { PATTERN_CODES } from './patterns.ts';

const Count = (description: string) => Type.Integer({ description });

/** The answer of `GET /v1/admin/customers/{customer_id}`. */
export const CustomerBody = Type.Object({
  customer_id: Type.String(),
  first_payment_at: NullableMoment('When the first payment that took money was made.'),
  last_payment_at: NullableMoment('When the latest one was.'),
  last_refund_at: NullableMoment('When the latest refund was; null where there is none.'),
  totals: Type.Array(
    Type.Object({
      currency: Type.String({ description: 'ISO 4217, lower case.' }),
      payment_count: Count('How many payments took money.'),
      paid_cents: Cents('What they took.'),
      refunded_cents: Cents('What went back.'),
      reserved_cents: Cents('Refunds that are asked for and not settled.'),
      refund_count: Count('How many refunds there are, whatever has become of them.'),
      owed_cents: Cents('What is owed, since refunds ended without paying.'),
      dispute_count: Count('How many disputes there are; inquiries are none.'),
      disputed_cents: Cents('What they are about.'),
      open_dispute_count: Count('How many of them are not decided yet.'),
    }),
    { description: 'By currency; that of which most was paid comes first.' },
  ),
  patterns: Type.Array(
    Type.Object({
      code: Type.Enum([...PATTERN_CODES], {
        description: 'Which rule; see the operation’s description.',
      }),
      sentence: Type.String({ description: 'What there is, for a person.' }),
    }),
    { description: 'What a look should not miss.' },
  ),
});

export const customerExample = {
  customer_id: 'customer_0017',
  first_payment_at: '2025-03-02T08:30:00.000Z',
  last_payment_at: '2026-01-30T09:00:00.000Z',
  last_refund_at: '2026-01-31T14:05:00.000Z',
  totals: [
    {
      currency: 'eur',
      payment_count: 7,
      paid_cents: 35_000,
      refunded_cents: 3750,
      reserved_cents: 0,
      refund_count: 3,
      owed_cents: 0,
      dispute_count: 0,
      disputed_cents: 0,
      open_dispute_count: 0,
    },
  ],
  patterns: [{ code: 'repeated_amount', sentence: '12.50 EUR was refunded 3 times in the last 90 days.' }],
};

import { Type } from 'typebox';
import { NullableString } from '../http/schemas.ts';

/** The answer of `GET /v1/admin/search`. */
export const SearchResults = Type.Object({
  results: Type.Array(
    Type.Object({
      type: Type.Enum(['refund', 'payment', 'customer', 'dispute'], { description: 'What it is.' }),
      id: Type.String({ description: 'Our id of it; the customer’s id.' }),
      matched: Type.String({ description: 'By which of its ids it was found, e.g. `bank_reference`.' }),
      prefix: Type.Boolean({ description: 'Whether that id only begins with what was looked for.' }),
      payment_id: NullableString('The payment that it is, or is of; null for a customer.'),
      amount_cents: Type.Unsafe<number | null>({
        type: ['integer', 'null'],
        description: "In the currency's smallest unit; null for a customer.",
      }),
      currency: NullableString('ISO 4217, lower case; null for a customer.'),
      status: NullableString('Where it is; null for a customer.'),
      customer_id: Type.String({ description: 'Whose it is.' }),
      created_at: Type.String({
        format: 'date-time',
        description: 'When it was made; of a customer, when their newest payment was.',
      }),
    }),
  ),
});

export const searchExample = {
  results: [
    {
      type: 'refund',
      id: 'refund_01kar2m0v5fhtb3mx9q2z8d4wn',
      matched: 'bank_reference',
      prefix: false,
      payment_id: 'payment_01kar2jz4eexs8wx0kgmh1xb5p',
      amount_cents: 1250,
      currency: 'eur',
      status: 'succeeded',
      customer_id: 'customer_0017',
      created_at: '2026-01-31T14:05:00.000Z',
    },
  ],
};

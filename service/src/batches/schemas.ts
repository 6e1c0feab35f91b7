import { Type } from 'typebox';
import { Cents, Currency, Identifier, NullableMoment, NullableString, PRINTABLE } from '../http/schemas.ts';
import { Amount, Note } from '../refunds/schemas.ts';
import { BATCH_STATUSES, ROW_STATUSES } from './batch.ts';

/** The most rows that one batch has. */
const ROWS_MAX = 5_000;

/** The body of `POST /v1/admin/refund-batches`. */
export const BatchAsked = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        pattern: PRINTABLE,
        description: 'What colleagues should find it by; it stays for good, so no customer’s name.',
      }),
    ),
    rows: Type.Array(
      Type.Object(
        {
          payment_id: Type.Optional(Identifier('Our id of the payment. This or `charge_id`.')),
          charge_id: Type.Optional(
            Identifier('The Stripe charge that took the money. This or `payment_id`.'),
          ),
          amount_cents: Type.Optional(
            Amount('How much goes back; left out: all that is left at this moment.'),
          ),
          currency: Type.Optional(Currency('Checked against the payment’s where it is given.')),
          reason: Type.String({
            minLength: 1,
            maxLength: 500,
            pattern: PRINTABLE,
            description: 'As in `POST /v1/admin/refunds`.',
          }),
          note: Type.Optional(Note('What colleagues should know; never sent to Stripe.')),
        },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: ROWS_MAX, description: 'In the order in which they are to be issued.' },
    ),
  },
  { additionalProperties: false },
);

const NullableActorType = (description: string) =>
  Type.Unsafe<'user' | 'service' | null>({ type: ['string', 'null'], description });
const Count = (description: string) => Type.Integer({ description });

const Refusal = (description: string) =>
  Type.Union(
    [
      Type.Object({
        code: Type.String({ description: 'As an error’s.' }),
        message: Type.String({ description: 'Why, in a sentence.' }),
      }),
      Type.Null(),
    ],
    { description },
  );

/** A batch, as it is shown. */
export const BatchBody = Type.Object({
  batch_id: Type.String(),
  name: NullableString('What somebody calls it.'),
  status: Type.Enum([...BATCH_STATUSES], {
    description:
      '`draft`: checked, nothing is sent. `running`: a worker issues its rows. `stopped`: until it is run again; a row that was being issued still comes to its end. `finished`: no row is left.',
  }),
  created_by_type: NullableActorType('Who made it: a person or a service.'),
  created_by_id: NullableString('Who made it.'),
  created_at: Type.String({ format: 'date-time' }),
  started_by_type: NullableActorType('Who started it, or has resumed it last: who asks for its refunds.'),
  started_by_id: NullableString('Who started it, or has resumed it last.'),
  started_at: NullableMoment('When they did.'),
  finished_at: NullableMoment('When its last row was done.'),
  updated_at: Type.String({ format: 'date-time' }),
  row_count: Count('How many rows it has.'),
  counts: Type.Object(
    {
      checked: Count('Still to be issued.'),
      cannot: Count('Never issued, since the check says that they cannot be.'),
      running: Count('Being issued.'),
      issued: Count('With a refund: what has become of that, the refund says.'),
      failed: Count('Refused when they were to be issued.'),
    },
    { description: 'How many rows are at what.' },
  ),
  totals: Type.Array(
    Type.Object({
      currency: Type.String({ description: 'ISO 4217, lower case.' }),
      row_count: Count('How many rows.'),
      amount_cents: Cents('What they come to, whatever has become of them.'),
      issued_cents: Cents('Of it, what refunds were made of.'),
      failed_cents: Cents('Of it, what was refused when it was to be issued.'),
    }),
    { description: 'Of the rows that can be issued, by currency.' },
  ),
  needs_approval_count: Count(
    'How many of the rows that are still to be issued somebody else has to approve, if it is the caller who runs it.',
  ),
  held_up: Refusal('Why a running batch does not get on at the moment; it goes on by itself.'),
});

export const BatchList = Type.Object({ batches: Type.Array(BatchBody) });

const NullableCents = (description: string) =>
  Type.Unsafe<number | null>({
    type: ['integer', 'null'],
    description: `${description} In the currency’s smallest unit.`,
  });

export const BatchRowList = Type.Object({
  rows: Type.Array(
    Type.Object({
      row: Type.Integer({ description: 'Which, from 1, in the order in which they were given.' }),
      payment_id: NullableString('The payment; where none was found, as it was given.'),
      charge_id: NullableString('Its charge; where none was found, as it was given.'),
      customer_id: NullableString('Whose payment it is; null where none was found.'),
      amount_cents: NullableCents('What goes back: fixed by the check.'),
      currency: NullableString('The payment’s.'),
      remaining_cents: NullableCents(
        'What was left of the payment after this row and those before it, when it was checked.',
      ),
      reason: NullableString('Why; null once the customer was erased, where it was free text.'),
      note: NullableString('For colleagues.'),
      status: Type.Enum([...ROW_STATUSES], { description: 'What it is at; see the batch’s `counts`.' }),
      needs_approval: Type.Boolean({
        description:
          'It is still to be issued, and somebody else has to approve it, if it is the caller who runs the batch.',
      }),
      refund_id: NullableString('The refund that came of it.'),
      refund_status: NullableString('What that refund is at now.'),
      refusal: Refusal('Why it cannot be issued, or was refused.'),
      ended_at: NullableMoment('When it was done.'),
    }),
  ),
});

export const batchCsvExample =
  'payment_id,amount_cents,reason\r\npayment_01kar2jz4eexs8wx0kgmh1xb5p,4990,canceled_order\r\n';

export const batchExample = {
  batch_id: 'batch_01kar2q8v1f3tsd4y9z6x2m7ab',
  name: 'Concert of 31 January, called off',
  status: 'draft',
  created_by_type: 'user',
  created_by_id: 'agnes',
  created_at: '2026-01-31T14:05:00.000Z',
  started_by_type: null,
  started_by_id: null,
  started_at: null,
  finished_at: null,
  updated_at: '2026-01-31T14:05:00.000Z',
  row_count: 3,
  counts: { checked: 2, cannot: 1, running: 0, issued: 0, failed: 0 },
  totals: [{ currency: 'eur', row_count: 2, amount_cents: 9_980, issued_cents: 0, failed_cents: 0 }],
  needs_approval_count: 0,
  held_up: null,
};

export const startedExample = {
  ...batchExample,
  status: 'running',
  started_by_type: 'user',
  started_by_id: 'agnes',
  started_at: '2026-01-31T14:09:00.000Z',
  updated_at: '2026-01-31T14:09:00.000Z',
};

export const batchRowListExample = {
  rows: [
    {
      row: 1,
      payment_id: 'payment_01kar2jz4eexs8wx0kgmh1xb5p',
      charge_id: 'ch_3SvR2eLkdIwHu7ix0hJvX9Qa',
      customer_id: 'customer_0017',
      amount_cents: 4_990,
      currency: 'eur',
      remaining_cents: 0,
      reason: 'canceled_order',
      note: null,
      status: 'checked',
      needs_approval: false,
      refund_id: null,
      refund_status: null,
      refusal: null,
      ended_at: null,
    },
    {
      row: 2,
      payment_id: null,
      charge_id: 'ch_3SvR2eLkdIwHu7ix0unknown',
      customer_id: null,
      amount_cents: 4_990,
      currency: null,
      remaining_cents: null,
      reason: 'canceled_order',
      note: null,
      status: 'cannot',
      needs_approval: false,
      refund_id: null,
      refund_status: null,
      refusal: { code: 'not_found', message: 'There is no such charge.' },
      ended_at: null,
    },
  ],
};

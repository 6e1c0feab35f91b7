import { type TSchema, Type } from 'typebox';
import { NullableMoment, NullableString } from '../../http/schemas.ts';
import { RECONCILE_STEPS } from './steps.ts';

const NullableActorType = (description: string) =>
  Type.Unsafe<'user' | 'service' | null>({ type: ['string', 'null'], description });

const Count = (description: string) => Type.Integer({ description });

const counted: Record<string, TSchema> = {
  charges: Count('Charges that Stripe listed.'),
  invoice_payments: Count('Payments of invoices that Stripe listed.'),
  refunds: Count('Refunds that Stripe listed.'),
  disputes: Count('Disputes that Stripe listed.'),
  asked: Count('Asked for one by one, because Stripe’s lists did not show them.'),
  imported: Count('Objects that the books did not have.'),
  updated: Count('Objects of which the books had something else.'),
  unchanged: Count('Objects that were as the books have them.'),
  unmatched: Count('Objects that belong to no payment.'),
  mended: Count('Rows that had been written before the database’s clock jumped back.'),
};

/** A run, as it is shown. */
export const RunBody = Type.Object({
  run_id: Type.String(),
  status: Type.Enum(['finished', 'unfinished', 'abandoned'], {
    description:
      '`unfinished`: at work, waiting for a worker, or stopped; asked for again within a day it goes on. `abandoned`: another was begun in its place.',
  }),
  window_from: Type.String({
    format: 'date-time',
    description: 'What Stripe created from then on is compared.',
  }),
  window_until: Type.String({ format: 'date-time', description: 'Up to then.' }),
  step: Type.Enum([...RECONCILE_STEPS], { description: 'What it is, or was last, comparing.' }),
  counts: Type.Object(counted, { description: 'How much was compared, and what that did to the books.' }),
  found: Type.Object(
    {
      imported: Count('Brought in.'),
      repaired: Count('Repaired by Stripe’s word.'),
      left: Count('Left for a person, and still open.'),
    },
    { description: 'The differences that no later run has seen.' },
  ),
  requested_by_type: NullableActorType(
    'Who asked for it: a person or a service; null where it was begun by night, or at a command line.',
  ),
  requested_by_id: NullableString('Who asked for it.'),
  started_at: Type.String({ format: 'date-time', description: 'When it was begun, or asked for.' }),
  updated_at: Type.String({ format: 'date-time', description: 'When it was last at work.' }),
  finished_at: NullableMoment('When it came to its end.'),
});

export const RunList = Type.Object({ runs: Type.Array(RunBody) });

const Side = (description: string) =>
  Type.Union([Type.Object({}, { additionalProperties: true }), Type.Null()], { description });

/** A difference, as it is shown where nothing is taken out again: an answer that a key keeps. */
export const DifferenceBody = Type.Object({
  difference_id: Type.String(),
  kind: Type.String({
    description:
      '`missing_here`, `outcome_unknown`, `amount`, `overdraft`, `status`, `charge`, `cannot_be_stored` or `not_at_stripe`.',
  }),
  entity_type: Type.Enum(['payment', 'refund', 'dispute']),
  entity_id: NullableString('Our id of it; null for what is not in the books.'),
  stripe_id: NullableString('Stripe’s id of it; null for what is not known to be at Stripe.'),
  here: Side('What the books say: amounts, statuses, ids. Null: nothing.'),
  at_stripe: Side('What Stripe says. Null: nothing.'),
  done: Type.Enum(['imported', 'repaired', 'left'], {
    description: 'What was done about it; `left`: for a person.',
  }),
  run_id: Type.String({ description: 'The run that found it.' }),
  seen_run_id: Type.String({ description: 'The latest that has seen it.' }),
  found_at: Type.String({ format: 'date-time' }),
  closed_at: NullableMoment('When it was done with; null: it is open.'),
  closed_by_type: NullableActorType(
    'Who has said that it is settled; null where a run found the sides agreed.',
  ),
  closed_by_id: NullableString('Who has said so.'),
});

export const DifferenceList = Type.Object({
  differences: Type.Array(
    Type.Object({ ...DifferenceBody.properties, note: NullableString('How it was settled.') }),
  ),
});

export const runExample = {
  run_id: 'reconcile_01kav0v1n4e0q8r3f5x9m2t7cd',
  status: 'finished',
  window_from: '2025-12-28T03:00:00.000Z',
  window_until: '2026-02-01T03:00:00.000Z',
  step: 'unknown_here',
  counts: {
    charges: 18_204,
    invoice_payments: 2_210,
    refunds: 911,
    disputes: 14,
    asked: 3,
    imported: 1,
    updated: 2,
    unchanged: 21_336,
    unmatched: 0,
    mended: 0,
  },
  found: { imported: 1, repaired: 1, left: 1 },
  requested_by_type: null,
  requested_by_id: null,
  started_at: '2026-02-01T03:00:12.000Z',
  updated_at: '2026-02-01T03:06:40.511Z',
  finished_at: '2026-02-01T03:06:40.511Z',
};

export const differenceExample = {
  difference_id: 'difference_01kav0xk2se6gt8h1w4p9n5zqa',
  kind: 'not_at_stripe',
  entity_type: 'refund',
  entity_id: 'refund_01kar2m0v5fhtb3mx9q2z8d4wn',
  stripe_id: 're_3SWbM1B7WZ01zgkW0fQ1Lw8z',
  here: { amount_cents: 1250, counted_cents: 1250, currency: 'eur', status: 'succeeded' },
  at_stripe: null,
  done: 'left',
  run_id: runExample.run_id,
  seen_run_id: runExample.run_id,
  found_at: '2026-02-01T03:05:02.330Z',
  closed_at: null,
  closed_by_type: null,
  closed_by_id: null,
};

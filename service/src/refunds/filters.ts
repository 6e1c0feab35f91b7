import { Type } from 'typebox';
import { Identifier, Moment } from '../http/schemas.ts';
import { REFUND_STATUSES } from './refund.ts';

/** By what a list of refunds may be narrowed, as parameters of its address. */
export const filterParameters = {
  customer_id: Type.Optional(Identifier('Whose refunds: the platform’s id of the customer, else Stripe’s.')),
  status: Type.Optional(Type.Enum([...REFUND_STATUSES], { description: 'Where the refund is.' })),
  payment_id: Type.Optional(Identifier('Of which payment.')),
  charge_id: Type.Optional(Identifier('Of which Stripe charge (`ch_…`).')),
  stripe_refund_id: Type.Optional(Identifier('The refund that Stripe knows by this id (`re_…`).')),
  reason: Type.Optional(Identifier('Why it was asked for, word for word.')),
  currency: Type.Optional(
    Type.String({ pattern: '^[a-z]{3}$', description: 'Of this currency: ISO 4217, lower case.' }),
  ),
  amount_cents_gte: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 999_999_999_999,
      description: 'Of this amount or more.',
    }),
  ),
  amount_cents_lte: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 999_999_999_999,
      description: 'Of this amount or less.',
    }),
  ),
  created_at_gte: Type.Optional(Moment('Made at this moment or later.')),
  created_at_lt: Type.Optional(Moment('Made before this moment.')),
  needs_attention: Type.Optional(
    Type.Boolean({
      description:
        'Those that ended without paying after somebody had been told of them, where the customer is still owed the money.',
    }),
  ),
  unknown: Type.Optional(
    Type.Boolean({
      description:
        'Those that Stripe has been asked for, or is about to be, and of which it is not known yet what has become.',
    }),
  ),
};

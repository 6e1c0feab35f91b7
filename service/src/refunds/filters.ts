import { Type } from 'typebox';
import type { Condition } from '../database/conditions.ts';
import { between } from '../http/moments.ts';
import { Currency, Identifier, Moment } from '../http/schemas.ts';
import { REFUND_STATUSES, type RefundStatus } from './refund.ts';

/** What refunds may be narrowed to; what is absent does not narrow. */
export interface RefundFilters {
  customer_id?: string;
  status?: RefundStatus;
  payment_id?: string;
  charge_id?: string;
  stripe_refund_id?: string;
  reason?: string;
  /** A reason's code; `other` also for every reason in words of its own, `none` for no reason. */
  reason_code?: string;
  currency?: string;
  amount_cents_gte?: number;
  amount_cents_lte?: number;
  created_at_gte?: Date;
  created_at_lt?: Date;
  /** Those that ended without paying, or those that did not or for which that has been put right. */
  needs_attention?: boolean;
  /** Those that failed after they had succeeded, or all others. */
  failed_late?: boolean;
  /** Those of which it is not known what has become at the provider, or those of which it is. */
  unknown?: boolean;
}

/** Those that take a person's words. */
export const WITHHELD_FILTERS = ['reason', 'reason_code'];

/** By what a list of refunds may be narrowed, as parameters of its address. */
export const filterParameters = {
  customer_id: Type.Optional(Identifier('Whose refunds: the platform’s id of the customer, else Stripe’s.')),
  status: Type.Optional(Type.Enum([...REFUND_STATUSES], { description: 'Where the refund is.' })),
  payment_id: Type.Optional(Identifier('Of which payment.')),
  charge_id: Type.Optional(Identifier('Of which Stripe charge (`ch_…`).')),
  stripe_refund_id: Type.Optional(Identifier('The refund that Stripe knows by this id (`re_…`).')),
  reason: Type.Optional(Identifier('Why it was asked for, word for word.')),
  reason_code: Type.Optional(
    Type.String({
      pattern: '^[a-z][a-z0-9_]{0,63}$',
      description:
        'Why, as reports count it: a code of `GET /v1/admin/refund-reasons`; `other` is also every reason in words of its own, `none` is no reason.',
    }),
  ),
  currency: Type.Optional(Currency('In which currency.')),
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
  failed_late: Type.Optional(
    Type.Boolean({
      description: 'Those that failed after they had succeeded: the bank returned the money.',
    }),
  ),
  unknown: Type.Optional(
    Type.Boolean({
      description:
        'Those that Stripe has been asked for, or is about to be, and of which it is not known yet what has become.',
    }),
  ),
};

/** The filters of an address, read: its times as Dates. */
export function readFilters({
  created_at_gte,
  created_at_lt,
  ...filters
}: Omit<RefundFilters, 'created_at_gte' | 'created_at_lt'> & {
  created_at_gte?: string;
  created_at_lt?: string;
}): RefundFilters {
  return { ...filters, ...between(created_at_gte, created_at_lt) };
}

const FAILED_LATE = `EXISTS (SELECT 1 FROM refund_transitions AS step
  WHERE step.refund_id = refunds.refund_id AND step.brand_id = refunds.brand_id AND step.from_status = 'succeeded' AND step.to_status = 'failed')`;

/** The same as conditions on rows of `refunds`, of one brand. */
export function filterConditions(brandId: string, filters: RefundFilters): Condition[] {
  const { reason_code, needs_attention, failed_late } = filters;
  const isCode = reason_code !== undefined && reason_code !== 'other' && reason_code !== 'none';
  const where = (sql: string, given: boolean): Condition => [sql, given ? true : undefined];
  return [
    ['brand_id = ?', brandId],
    ['customer_id = ?', filters.customer_id],
    ['status = ?', filters.status],
    ['payment_id = ?', filters.payment_id],
    ['charge_id = ?', filters.charge_id],
    ['stripe_refund_id = ?', filters.stripe_refund_id],
    ['reason = ?', filters.reason],
    ['reason = ?', isCode ? reason_code : undefined],
    where('reason IS NULL', reason_code === 'none'),
    where(
      `(reason = 'other' OR reason NOT IN (SELECT known.code FROM refund_reasons AS known))`,
      reason_code === 'other',
    ),
    ['currency = ?', filters.currency],
    ['amount_cents >= ?', filters.amount_cents_gte],
    ['amount_cents <= ?', filters.amount_cents_lte],
    ['created_at >= ?', filters.created_at_gte],
    ['created_at < ?', filters.created_at_lt],
    // Word for word the condition of refunds_needing_attention, which serves it.
    where('(owed_cents > 0 AND resolved_at IS NULL)', needs_attention === true),
    where('NOT (owed_cents > 0 AND resolved_at IS NULL)', needs_attention === false),
    // That it has failed is what refunds_by_status serves; its history is asked of those few only.
    where(`(status = 'failed' AND ${FAILED_LATE})`, failed_late === true),
    where(`(status <> 'failed' OR NOT ${FAILED_LATE})`, failed_late === false),
    // Few at any time, and all of them in refunds_to_recover.
    where('recover_at IS NOT NULL', filters.unknown === true),
    where('recover_at IS NULL', filters.unknown === false),
  ];
}

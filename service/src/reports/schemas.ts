import { Type } from 'typebox';
import { Cents } from '../http/schemas.ts';
import { csvLine } from './csv.ts';

const Count = (description: string) => Type.Integer({ description });
const Sum = {
  currency: Type.String({ description: 'ISO 4217, lower case.' }),
  count: Count('How many refunds.'),
  amount_cents: Cents('Their amounts together.'),
};
const status = Type.String({ description: 'Where they are today.' });
const reason_code = Type.String({
  description: 'Why: a reason’s code; `other` is also every reason in words of its own, `none` is no reason.',
});

/** The answer of `GET /v1/admin/refunds/summary`. */
export const RefundSummary = Type.Object({
  totals: Type.Array(Type.Object(Sum), { description: 'All of them, by currency.' }),
  by_status: Type.Array(Type.Object({ status, ...Sum })),
  by_reason: Type.Array(Type.Object({ reason_code, ...Sum })),
  by_day: Type.Array(
    Type.Object({
      date: Type.String({ format: 'date', description: 'The day on which they were made, in `time_zone`.' }),
      ...Sum,
    }),
    { description: 'Oldest first; a day without any is not there.' },
  ),
});

const usd = { currency: 'usd', count: 3, amount_cents: 3750 };
export const summaryExample = {
  totals: [usd],
  by_status: [{ status: 'succeeded', ...usd }],
  by_reason: [{ reason_code: 'requested_by_customer', ...usd }],
  by_day: [{ date: '2026-01-31', ...usd }],
};

const Figure = { count: Count('How many refunds.'), amount_cents: Cents('Their amounts together.') };
const Begin = Type.String({ format: 'date-time', description: 'From this moment on.' });
const End = Type.String({ format: 'date-time', description: 'Before this moment.' });
const Share = (description: string) =>
  Type.Unsafe<number | null>({
    type: ['number', 'null'],
    description: `${description} From 0 to 1; null of nothing.`,
  });
const Seconds = (description: string) =>
  Type.Unsafe<number | null>({
    type: ['number', 'null'],
    description: `${description} In seconds; null where none did.`,
  });

/** The answer of `GET /v1/admin/refunds/insights`. */
export const RefundInsights = Type.Object({
  period: Type.Object(
    {
      currency: Type.String({ description: 'ISO 4217, lower case.' }),
      created_at_gte: Begin,
      created_at_lt: End,
      time_zone: Type.String({ description: 'In whose days.' }),
      interval: Type.Enum(['day', 'week'], { description: 'How `over_time` is cut.' }),
    },
    { description: 'What was looked at: filters that list these refunds.' },
  ),
  totals: Type.Object(Figure),
  over_time: Type.Array(
    Type.Object({
      date: Type.String({
        format: 'date',
        description: 'The day, or the Monday of the week, in `time_zone`.',
      }),
      created_at_gte: Begin,
      created_at_lt: End,
      ...Figure,
    }),
    { description: 'Oldest first, also days and weeks without any.' },
  ),
  by_status: Type.Array(Type.Object({ status, ...Figure })),
  by_reason: Type.Array(Type.Object({ reason_code, ...Figure })),
  payments: Type.Object(
    {
      count: Count('How many payments took money.'),
      captured_cents: Cents('What they took.'),
      refunded_count: Count('Of how many of them something went back.'),
      refunded_cents: Cents('What went back of them.'),
      refunded_count_share: Share('Which part of the payments that is.'),
      refunded_amount_share: Share('Which part of their money that is.'),
    },
    { description: 'The payments made in the period, and what has gone back of them since.' },
  ),
  settled: Type.Object(
    {
      count: Count('How many were seen to succeed.'),
      median_s: Seconds('How long the one in the middle took.'),
      p90_s: Seconds('Within how long nine of ten had.'),
      within: Type.Array(
        Type.Object({
          less_than_s: Seconds('Those that took less than this and not less than the one before it;'),
          count: Count('How many.'),
        }),
      ),
    },
    {
      description:
        'From when a refund was made to when Stripe was seen to say that it had succeeded. Those that had succeeded before they became known here are left out.',
    },
  ),
  failed_late: Type.Object(Figure, { description: 'Those that failed after they had succeeded.' }),
  owed: Type.Object(
    { count: Count('How many refunds.'), amount_cents: Cents('What is owed of them.') },
    {
      description:
        'Those that ended without paying, where nobody has said yet how that was put right (`needs_attention`).',
    },
  ),
});

const figure = { count: 3, amount_cents: 3750 };
const day = { created_at_gte: '2026-01-31T00:00:00.000Z', created_at_lt: '2026-02-01T00:00:00.000Z' };
export const insightsExample = {
  period: { currency: 'usd', ...day, time_zone: 'UTC', interval: 'day' },
  totals: figure,
  over_time: [{ date: '2026-01-31', ...day, ...figure }],
  by_status: [{ status: 'succeeded', ...figure }],
  by_reason: [{ reason_code: 'requested_by_customer', ...figure }],
  payments: {
    count: 40,
    captured_cents: 200_000,
    refunded_count: 3,
    refunded_cents: 3750,
    refunded_count_share: 0.075,
    refunded_amount_share: 0.0188,
  },
  settled: {
    count: 3,
    median_s: 41,
    p90_s: 86_411,
    within: [
      { less_than_s: 60, count: 2 },
      { less_than_s: null, count: 1 },
    ],
  },
  failed_late: { count: 0, amount_cents: 0 },
  owed: { count: 0, amount_cents: 0 },
};

const exported = {
  refund_id: 'refund_01kar2m0v5fhtb3mx9q2z8d4wn',
  payment_id: 'payment_01kar2jz4eexs8wx0kgmh1xb5p',
  charge_id: 'ch_3SWbM1B7WZ01zgkW0x9Kc2vQ',
  customer_id: 'customer_0017',
  amount_cents: 1250,
  currency: 'eur',
  status: 'succeeded',
  reason_code: 'requested_by_customer',
  stripe_refund_id: 're_3SWbM1B7WZ01zgkW0fQ1Lw8z',
  origin: 'api',
  requested_by_type: 'user',
  requested_by_id: 'agnes',
  failure_reason: null,
  bank_reference: '74208516031000000123456',
  owed_cents: 0,
  created_at: '2026-01-31T14:05:00.000Z',
  updated_at: '2026-02-03T09:12:44.120Z',
};
export const exportNdjsonExample = `${JSON.stringify(exported)}\n`;
export const exportCsvExample = csvLine(Object.keys(exported)) + csvLine(Object.values(exported));

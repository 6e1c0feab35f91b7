import { writeConditions } from '../database/conditions.ts';
import type { Queryable } from '../database/pool.ts';
import { filterConditions, type RefundFilters } from '../refunds/filters.ts';

/** How many, and how much of a currency's smallest unit. */
export interface Sum {
  currency: string;
  count: number;
  amount_cents: number;
}

export interface Summary {
  totals: Sum[];
  by_status: (Sum & { status: string })[];
  by_reason: (Sum & { reason_code: string })[];
  by_day: (Sum & { date: string })[];
}

/**
 * A reason as reports count it: its code, `other` for words of one's own, `none`; of `refunds` joined with its reason as `known`. What
 * it says the filter `reason_code` finds again.
 */
export const REASON_CODE = `CASE WHEN reason IS NULL THEN 'none' ELSE coalesce(known.code, 'other') END`;
export const WITH_REASON = 'refunds LEFT JOIN refund_reasons AS known ON known.code = reason';

type Row = Sum & { kind: string; value: string };

/**
 * Counts and sums of the refunds of a brand that filters leave, in one query. They are read once, by the index that serves the list
 * with these filters, or all of the table where that is quicker, and added up by everything at once; the rest is adding up those few hundred.
 * Without a name, so that it is planned for what these filters leave.
 */
export async function summarize(
  db: Queryable,
  brandId: string,
  filters: RefundFilters,
  timeZone: string,
): Promise<Summary> {
  const { where, values } = writeConditions(filterConditions(brandId, filters), [timeZone]);
  const text = `
    WITH cells AS MATERIALIZED (
      SELECT currency, status, ${REASON_CODE} AS reason_code, (created_at AT TIME ZONE $1)::date AS day,
             count(*) AS count, sum(amount_cents) AS amount_cents
      FROM ${WITH_REASON}
      WHERE ${where}
      GROUP BY 1, 2, 3, 4
    )
    SELECT CASE WHEN grouping(status) = 0 THEN 'by_status' WHEN grouping(reason_code) = 0 THEN 'by_reason'
                WHEN grouping(day) = 0 THEN 'by_day' ELSE 'totals' END AS kind,
           coalesce(status, reason_code, to_char(day, 'YYYY-MM-DD'), '') AS value, currency,
           sum(count)::bigint AS count, sum(amount_cents)::bigint AS amount_cents
    FROM cells
    GROUP BY GROUPING SETS ((currency), (currency, status), (currency, reason_code), (currency, day))
    ORDER BY kind, value, currency`;
  const { rows } = await db.query<Row>({ text, values });
  const of = <Name extends string>(kind: string, name: Name) =>
    rows
      .filter((row) => row.kind === kind)
      .map(({ value, currency, count, amount_cents }) => ({
        ...({ [name]: value } as Record<Name, string>),
        currency,
        count,
        amount_cents,
      }));
  return {
    totals: of('totals', 'value').map(({ value: _, ...sum }) => sum),
    by_status: of('by_status', 'status'),
    by_reason: of('by_reason', 'reason_code'),
    by_day: of('by_day', 'date'),
  };
}

import { writeConditions } from '../database/conditions.ts';
import type { Queryable } from '../database/pool.ts';
import { filterConditions, type RefundFilters } from '../refunds/filters.ts';
import { REASON_CODE, WITH_REASON } from './summary.ts';

/** What is looked at: the refunds of one currency made in a span of time, and how that is cut. */
export interface Period {
  currency: string;
  created_at_gte: Date;
  created_at_lt: Date;
  time_zone: string;
  interval: 'day' | 'week';
}

interface Figure {
  count: number;
  /** In the currency's smallest unit. */
  amount_cents: number;
}

/** Where the classes of times until a refund settled end, in seconds; the last one has no end. */
export const SETTLED_WITHIN_s = [60, 3_600, 86_400, 3 * 86_400, 5 * 86_400, 10 * 86_400];

const filtersOf = ({ currency, created_at_gte, created_at_lt }: Period): RefundFilters => ({
  currency,
  created_at_gte,
  created_at_lt,
});

type Cell = Figure & { kind: 'totals' | 'by_interval' | 'by_status' | 'by_reason' | 'owed'; value: string };

/** The refunds of the period by day or week, status and reason, and what is owed of them, read once (refunds_by_time). */
async function addUp(db: Queryable, brandId: string, period: Period): Promise<Cell[]> {
  const { where, values } = writeConditions(filterConditions(brandId, filtersOf(period)), [
    period.interval,
    period.time_zone,
  ]);
  const text = `
    WITH cells AS MATERIALIZED (
      SELECT date_trunc($1, created_at AT TIME ZONE $2) AS start, status, ${REASON_CODE} AS reason_code,
             owed_cents > 0 AND resolved_at IS NULL AS owed,
             count(*) AS count, sum(amount_cents) AS amount_cents, sum(owed_cents) AS owed_cents
      FROM ${WITH_REASON}
      WHERE ${where}
      GROUP BY 1, 2, 3, 4
    )
    SELECT CASE WHEN grouping(start) = 0 THEN 'by_interval' WHEN grouping(status) = 0 THEN 'by_status'
                WHEN grouping(reason_code) = 0 THEN 'by_reason' WHEN grouping(owed) = 0 THEN 'owed' ELSE 'totals' END AS kind,
           coalesce(to_char(start, 'YYYY-MM-DD'), status, reason_code, owed::text, '') AS value,
           coalesce(sum(count), 0)::bigint AS count,
           coalesce(CASE WHEN grouping(owed) = 0 THEN sum(owed_cents) ELSE sum(amount_cents) END, 0)::bigint AS amount_cents
    FROM cells
    GROUP BY GROUPING SETS ((), (start), (status), (reason_code), (owed))
    ORDER BY kind, value`;
  const { rows } = await db.query<Cell>({ text, values });
  return rows;
}

interface Interval {
  date: string;
  created_at_gte: Date;
  created_at_lt: Date;
}

/** The days or weeks of the period, also those without a refund, as the filters that list theirs. */
async function intervalsOf(db: Queryable, period: Period): Promise<Interval[]> {
  const { rows } = await db.query<Interval>({
    text: `SELECT to_char(start, 'YYYY-MM-DD') AS date, greatest(start AT TIME ZONE $2, $3) AS created_at_gte,
                  least((start + ('1 ' || $1)::interval) AT TIME ZONE $2, $4) AS created_at_lt
           FROM generate_series(date_trunc($1, $3::timestamptz AT TIME ZONE $2),
                                ($4::timestamptz - interval '1 millisecond') AT TIME ZONE $2, ('1 ' || $1)::interval) AS start`,
    values: [period.interval, period.time_zone, period.created_at_gte, period.created_at_lt],
  });
  return rows;
}

interface Settled {
  count: number;
  median_s: number | null;
  p90_s: number | null;
  /** One for each class of SETTLED_WITHIN_s, and one for what took longer. */
  counts: number[];
}

/**
 * How long the refunds of the period took from when they were made to when they were seen to succeed. Those that had succeeded before they
 * became known here are left out. By refund_transitions_settled from the period's beginning on: nothing succeeds before it is made, but for
 * clocks that differ.
 */
async function timeSettling(db: Queryable, brandId: string, period: Period): Promise<Settled> {
  const { where, values } = writeConditions(filterConditions(brandId, filtersOf(period)), [
    SETTLED_WITHIN_s,
    brandId,
    period.created_at_gte,
  ]);
  const text = `
    WITH settled AS MATERIALIZED (
      SELECT greatest(extract(epoch FROM step.occurred_at - mine.created_at), 0)::float8 AS took_s
      FROM (SELECT refund_id, created_at FROM refunds WHERE ${where}) AS mine
      JOIN refund_transitions AS step ON step.refund_id = mine.refund_id AND step.brand_id = $2
        AND step.occurred_at >= $3::timestamptz - interval '1 hour' AND step.to_status = 'succeeded' AND step.from_status IN ('pending', 'requires_action')
    ), classes AS (
      SELECT width_bucket(took_s, $1::float8[]) AS class, count(*) AS count FROM settled GROUP BY 1
    ), percentiles AS (
      SELECT count(*) AS count, percentile_disc(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY took_s) AS at FROM settled
    )
    SELECT count, round(at[1]) AS median_s, round(at[2]) AS p90_s,
           (SELECT array_agg(coalesce(classes.count, 0)::float8 ORDER BY number)
            FROM generate_series(0, cardinality($1::float8[])) AS number LEFT JOIN classes ON class = number) AS counts
    FROM percentiles`;
  const { rows } = await db.query<Settled>({ text, values });
  return rows[0] ?? { count: 0, median_s: null, p90_s: null, counts: SETTLED_WITHIN_s.map(() => 0) };
}

/** The refunds of the period that failed after they had succeeded (refunds_by_status, and the history of those that failed). */
async function failingLate(db: Queryable, brandId: string, period: Period): Promise<Figure> {
  const filters = { ...filtersOf(period), failed_late: true };
  const { where, values } = writeConditions(filterConditions(brandId, filters));
  const text = `SELECT count(*) AS count, coalesce(sum(amount_cents), 0)::bigint AS amount_cents FROM refunds WHERE ${where}`;
  const { rows } = await db.query<Figure>({ text, values });
  return rows[0] ?? { count: 0, amount_cents: 0 };
}

interface Payments {
  count: number;
  captured_cents: number;
  refunded_count: number;
  refunded_cents: number;
}

/** The payments of the period that took money, and those of them of which something went back, whenever that was (payments_by_time). */
async function paymentsOf(db: Queryable, brandId: string, period: Period): Promise<Payments> {
  const { rows } = await db.query<Payments>({
    text: `SELECT count(*) AS count, coalesce(sum(captured_cents), 0)::bigint AS captured_cents,
                  count(*) FILTER (WHERE refunded_cents > 0) AS refunded_count,
                  coalesce(sum(refunded_cents), 0)::bigint AS refunded_cents
           FROM payments
           WHERE brand_id = $1 AND currency = $2 AND created_at >= $3 AND created_at < $4 AND captured_cents > 0`,
    values: [brandId, period.currency, period.created_at_gte, period.created_at_lt],
  });
  return rows[0] ?? { count: 0, captured_cents: 0, refunded_count: 0, refunded_cents: 0 };
}

const share = (part: number, whole: number) =>
  whole === 0 ? null : Math.round((part / whole) * 10_000) / 10_000;

/**
 * What there is to see of the refunds of a period. To be read from one snapshot. None of these statements has a name: one that is kept
 * is planned for no period in particular, which is right for none.
 */
export async function readInsights(db: Queryable, brandId: string, period: Period) {
  const [cells, intervals, settled, failed_late, payments] = await Promise.all([
    addUp(db, brandId, period),
    intervalsOf(db, period),
    timeSettling(db, brandId, period),
    failingLate(db, brandId, period),
    paymentsOf(db, brandId, period),
  ]);
  const none: Figure = { count: 0, amount_cents: 0 };
  const find = (kind: Cell['kind'], value: string): Figure => {
    const found = cells.find((cell) => cell.kind === kind && cell.value === value);
    return found === undefined ? none : { count: found.count, amount_cents: found.amount_cents };
  };
  const of = <Name extends string>(kind: Cell['kind'], name: Name) =>
    cells
      .filter((cell) => cell.kind === kind)
      .map(({ value, count, amount_cents }) => ({
        ...({ [name]: value } as Record<Name, string>),
        count,
        amount_cents,
      }));
  return {
    period,
    totals: find('totals', ''),
    over_time: intervals.map((interval) => ({ ...interval, ...find('by_interval', interval.date) })),
    by_status: of('by_status', 'status'),
    by_reason: of('by_reason', 'reason_code'),
    payments: {
      ...payments,
      refunded_count_share: share(payments.refunded_count, payments.count),
      refunded_amount_share: share(payments.refunded_cents, payments.captured_cents),
    },
    settled: {
      count: settled.count,
      median_s: settled.median_s,
      p90_s: settled.p90_s,
      within: settled.counts.map((count, index) => ({ less_than_s: SETTLED_WITHIN_s[index] ?? null, count })),
    },
    failed_late,
    owed: find('owed', 'true'),
  };
}

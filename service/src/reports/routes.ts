import pLimit from 'p-limit';
import { Type } from 'typebox';
import { allScopes, anyScope, principalOf } from '../access/guard.ts';
import type { Connections } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';
import { readWithin } from '../http/bounded.ts';
import { between } from '../http/moments.ts';
import type { RoomRoutes } from '../http/room.ts';
import { Currency, errorResponses, guardedErrors, Identifier, json, Moment } from '../http/schemas.ts';
import type { Streams } from '../http/streaming.ts';
import { filterParameters, readFilters, WITHHELD_FILTERS } from '../refunds/filters.ts';
import { exportRefunds, findExported } from './export.ts';
import { type Period, readInsights } from './insights.ts';
import {
  exportCsvExample,
  exportNdjsonExample,
  insightsExample,
  RefundInsights,
  RefundSummary,
  summaryExample,
} from './schemas.ts';
import { summarize } from './summary.ts';
import { explainTimeZone, readTimeZone, TimeZone } from './time-zone.ts';

export interface ReportRoutesDeps {
  pool: Connections;
  streams: Streams;
  /** How long each query of a report may take. */
  report_within_ms?: number;
}

const REPORT_WITHIN_ms = 5_000;
/** Adding up takes a core of the database's. Others wait for their turn. */
const REPORTS_AT_ONCE = 2;
const REPORTS_WAITING_MAX = 20;

const DAY_ms = 86_400_000;
const PERIOD_DEFAULT_days = 30;
const PERIOD_MAX_days = 400;
/** Up to as many days are days, more are weeks. */
const DAYS_SHOWN_MAX = 62;

/** What refunds come to: `GET /v1/admin/refunds/summary`, `…/insights` and `…/export`. */
export function reportRoutes({
  pool,
  streams,
  report_within_ms = REPORT_WITHIN_ms,
}: ReportRoutesDeps): RoomRoutes {
  const turns = pLimit(REPORTS_AT_ONCE);
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    if (turns.pendingCount >= REPORTS_WAITING_MAX) {
      throw new ServiceError('service_unavailable', {
        message: 'Too many reports are asked for at the moment: try again in a few seconds.',
        headers: { 'retry-after': '5' },
      });
    }
    return turns(work);
  };
  const bound = `Each query behind it is given up after ${report_within_ms / 1_000} seconds, with a 422 that says to narrow it`;

  return async (app) => {
    app.get(
      '/v1/admin/refunds/summary',
      {
        config: {
          audited: { event_type: 'refund.summarized', entity_type: 'refund', withheld: WITHHELD_FILTERS },
        },
        schema: {
          operationId: 'summarizeRefunds',
          summary: 'Add up refunds',
          description: `Counts and sums of the refunds that the list shows with the same filters: all of them, by status, by reason and by day, each by currency. What stands beside a figure is a filter of the list: \`status\`, \`reason_code\`, \`currency\`, and for a day its beginning and end. Every refund that the filters leave is read, so time bounds it: of a million it takes about a second. ${bound}.`,
          tags: ['refunds'],
          security: anyScope('admin:refunds.read'),
          querystring: Type.Object(
            { ...filterParameters, time_zone: TimeZone },
            { additionalProperties: false },
          ),
          response: {
            200: json('The sums', RefundSummary, summaryExample),
            ...guardedErrors,
            ...errorResponses(422),
          },
        },
      },
      async (request) => {
        const { time_zone, ...filters } = request.query;
        const { brand_id } = principalOf(request);
        const zone = readTimeZone(time_zone);
        const wanted = readFilters(filters);
        return await inTurn(() =>
          readWithin(pool.ofBrand(brand_id), report_within_ms, (tx) => summarize(tx, brand_id, wanted, zone)),
        ).catch((error: unknown) => {
          throw explainTimeZone(error);
        });
      },
    );

    app.get(
      '/v1/admin/refunds/insights',
      {
        config: { audited: { event_type: 'refund.analyzed', entity_type: 'refund' } },
        schema: {
          operationId: 'analyzeRefunds',
          summary: 'Analyze refunds',
          description: `The refunds of one currency made in a period: over time, by status and reason, against what was paid, how long they took to settle, which failed late, what is still owed. All of it is as it stands today, from one snapshot. A figure’s refunds are listed by the list’s filters: those of \`period\` (or of an entry of \`over_time\`), \`status\`, \`reason_code\`, \`failed_late\`, \`needs_attention\`; the payments by \`refunded\` of the list of payments. By day up to ${DAYS_SHOWN_MAX} days, else by week; ${PERIOD_MAX_days} days at the most. ${bound}.`,
          tags: ['refunds'],
          security: allScopes('admin:refunds.read', 'admin:payments.read'),
          querystring: Type.Object(
            {
              currency: Currency('In which currency.'),
              created_at_gte: Type.Optional(
                Moment(`Made at this moment or later; absent: ${PERIOD_DEFAULT_days} days before the end.`),
              ),
              created_at_lt: Type.Optional(Moment('Made before this moment; absent: now.')),
              time_zone: TimeZone,
            },
            { additionalProperties: false },
          ),
          response: {
            200: json('The insights', RefundInsights, insightsExample),
            ...guardedErrors,
            ...errorResponses(422),
          },
        },
      },
      async (request) => {
        const { brand_id } = principalOf(request);
        const period = readPeriod(request.query);
        return await inTurn(() =>
          readWithin(pool.ofBrand(brand_id), report_within_ms, (tx) => readInsights(tx, brand_id, period)),
        ).catch((error: unknown) => {
          throw explainTimeZone(error);
        });
      },
    );

    app.get(
      '/v1/admin/refunds/export',
      {
        config: {
          audited: { event_type: 'refund.exported', entity_type: 'refund', withheld: WITHHELD_FILTERS },
        },
        // It would read all of it, to show none.
        exposeHeadRoute: false,
        schema: {
          operationId: 'exportRefunds',
          summary: 'Export refunds',
          description:
            'All refunds that the list shows with the same filters, newest first, as they were at one moment: as CSV (RFC 4180, UTF-8, with a header line) or as NDJSON, one JSON object a line with the same columns. Why a refund was asked for is there as its reason’s code only, `other` for words of one’s own, and notes are not there: a file goes where nobody erases what a person wrote; the refund itself has both. In CSV a text that a spreadsheet would take for a formula has an apostrophe in front (OWASP, CSV Injection); NDJSON has every text as it is. It comes in gzip to whoever takes that (`Accept-Encoding`). An answer that is cut off before its end (HTTP says so) is not the whole of it: `after` goes on. At most two exports at a time per process, and 15 minutes each: narrow what is longer by time.',
          tags: ['refunds'],
          security: anyScope('admin:refunds.read'),
          querystring: Type.Object(
            {
              ...filterParameters,
              format: Type.Optional(
                Type.Enum(['csv', 'ndjson'], { default: 'csv', description: 'As what.' }),
              ),
              after: Type.Optional(
                Identifier(
                  'Where to go on, if an answer was cut off: the `refund_id` of the last line that came whole. What follows it comes, without a header line, as it is by then.',
                ),
              ),
            },
            { additionalProperties: false },
          ),
          response: {
            200: {
              description: 'Refunds',
              headers: {
                'Content-Disposition': Type.String({ description: 'Under which name a browser saves it.' }),
              },
              content: {
                'text/csv': {
                  schema: Type.String({ description: 'A header line, and a line for each refund.' }),
                  example: exportCsvExample,
                },
                'application/x-ndjson': {
                  schema: Type.String({ description: 'A JSON object on each line.' }),
                  example: exportNdjsonExample,
                },
              },
            },
            ...guardedErrors,
          },
        },
      },
      async (request, reply) => {
        const { format = 'csv', after, ...filters } = request.query;
        const { brand_id } = principalOf(request);
        const own = pool.ofBrand(brand_id);
        const upTo = after === undefined ? undefined : await findExported(own, brand_id, after);
        if (after !== undefined && upTo === undefined) {
          throw new ServiceError('malformed', {
            field: 'after',
            message: 'after is no refund of this brand.',
          });
        }
        const at = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
        return await streams(request, reply, {
          parts: exportRefunds(own, brand_id, readFilters(filters), format, upTo),
          content_type: format === 'csv' ? 'text/csv; charset=utf-8; header=present' : 'application/x-ndjson',
          file_name: `refunds-${at}.${format}`,
        });
      },
    );
  };
}

function readPeriod({
  currency,
  time_zone,
  ...given
}: {
  currency: string;
  time_zone?: string;
  created_at_gte?: string;
  created_at_lt?: string;
}): Period {
  const { created_at_gte, created_at_lt = new Date() } = between(given.created_at_gte, given.created_at_lt);
  const from = created_at_gte ?? new Date(created_at_lt.getTime() - PERIOD_DEFAULT_days * DAY_ms);
  const days = (created_at_lt.getTime() - from.getTime()) / DAY_ms;
  if (days <= 0 || days > PERIOD_MAX_days) {
    throw new ServiceError('malformed', {
      field: 'created_at_gte',
      message:
        days <= 0
          ? 'created_at_gte has to be before created_at_lt.'
          : `created_at_gte has to be no more than ${PERIOD_MAX_days} days before created_at_lt.`,
    });
  }
  return {
    currency,
    created_at_gte: from,
    created_at_lt,
    time_zone: readTimeZone(time_zone),
    interval: days <= DAYS_SHOWN_MAX ? 'day' : 'week',
  };
}

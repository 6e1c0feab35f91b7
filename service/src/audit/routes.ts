import { Type } from 'typebox';
import { anyScope, principalOf } from '../access/guard.ts';
import { customerName } from '../customers/customers.ts';
import type { Connections, Queryable } from '../database/pool.ts';
import type { Cursors } from '../http/cursor.ts';
import { toMoment } from '../http/moments.ts';
import { linkHeader, pagingParameters, servePage } from '../http/paging.ts';
import type { RoomRoutes } from '../http/room.ts';
import { guardedErrors, Identifier, json, Moment } from '../http/schemas.ts';
import type { Streams } from '../http/streaming.ts';
import { exportAudit } from './export.ts';
import { type AuditFilters, listAudit } from './list.ts';
import { AuditList, auditExportExample, auditListExample } from './schemas.ts';

export interface AuditRoutesDeps {
  pool: Connections;
  cursors: Cursors;
  streams: Streams;
}

const filterParameters = {
  actor_id: Type.Optional(Identifier('Who did it, as the issuer of tokens calls them.')),
  event_type: Type.Optional(Identifier('What was done, e.g. `refund.approved`.')),
  entity_type: Type.Optional(Identifier('To what kind of thing, e.g. `refund`.')),
  entity_id: Type.Optional(
    Identifier(
      'To which. Of a customer (`entity_type=customer`) the id, or the name under which the log has them.',
    ),
  ),
  request_id: Type.Optional(Identifier('In which request: its `X-Request-Id`.')),
  occurred_at_gte: Type.Optional(Moment('Done at this moment or later.')),
  occurred_at_lt: Type.Optional(Moment('Done before this moment.')),
};

/** `GET /v1/admin/audit` and its export. */
export function auditRoutes({ pool, cursors, streams }: AuditRoutesDeps): RoomRoutes {
  return async (app) => {
    app.get(
      '/v1/admin/audit',
      {
        config: { audited: { event_type: 'audit.listed', entity_type: 'audit' } },
        schema: {
          operationId: 'listAudit',
          summary: 'List the audit log',
          description:
            'Who did what, newest first: every change, and every look of a caller at refunds, payments, disputes, Stripe’s events, differences with Stripe and this log. A look is here about a second after it was answered.',
          tags: ['audit'],
          security: anyScope('admin:audit.read'),
          querystring: Type.Object(
            { ...filterParameters, ...pagingParameters },
            { additionalProperties: false },
          ),
          response: { 200: json('Audit rows', AuditList, auditListExample, linkHeader), ...guardedErrors },
        },
      },
      async (request, reply) => {
        const { limit, cursor, ...filters } = request.query;
        const { brand_id } = principalOf(request);
        const entries = await servePage(
          { request, reply, cursors },
          { operation: 'listAudit', brand_id, filters },
          { limit, cursor },
          async (at) =>
            listAudit(
              pool.ofBrand(brand_id),
              brand_id,
              await byName(pool, brand_id, withMoments(filters)),
              at,
            ),
          (entry) => String(entry.audit_id),
        );
        return { entries };
      },
    );

    app.get(
      '/v1/admin/audit/export',
      {
        config: { audited: { event_type: 'audit.exported', entity_type: 'audit' } },
        // It would read all of it, to show none.
        exposeHeadRoute: false,
        schema: {
          operationId: 'exportAudit',
          summary: 'Export the audit log',
          description:
            'All audit rows, oldest first, one JSON object a line, as they were at one moment. An answer that is cut off before its end (HTTP says so) is not the whole of it. At most two at a time per process, and 15 minutes each: narrow what is longer by time.',
          tags: ['audit'],
          security: anyScope('admin:audit.read'),
          querystring: Type.Object(filterParameters, { additionalProperties: false }),
          response: {
            200: {
              description: 'Audit rows',
              content: {
                'application/x-ndjson': {
                  schema: Type.String({ description: 'On each line what the list has in `entries`.' }),
                  example: auditExportExample,
                },
              },
            },
            ...guardedErrors,
          },
        },
      },
      async (request, reply) => {
        const { brand_id } = principalOf(request);
        const filters = await byName(pool, brand_id, withMoments(request.query));
        return await streams(request, reply, {
          parts: exportAudit(pool.ofBrand(brand_id), brand_id, filters),
          content_type: 'application/x-ndjson',
          file_name: 'audit.ndjson',
        });
      },
    );
  };
}

/** A customer is not in the log by id, but by the name that is made from it. */
async function byName(db: Queryable, brandId: string, filters: AuditFilters): Promise<AuditFilters> {
  const { entity_type, entity_id } = filters;
  if (entity_type !== 'customer' || entity_id === undefined || entity_id.startsWith('erased_'))
    return filters;
  return { ...filters, entity_id: await customerName(db, brandId, entity_id) };
}

function withMoments({
  occurred_at_gte,
  occurred_at_lt,
  ...filters
}: Omit<AuditFilters, 'occurred_at_gte' | 'occurred_at_lt'> & {
  occurred_at_gte?: string;
  occurred_at_lt?: string;
}): AuditFilters {
  return {
    ...filters,
    ...(occurred_at_gte === undefined
      ? {}
      : { occurred_at_gte: toMoment('occurred_at_gte', occurred_at_gte) }),
    ...(occurred_at_lt === undefined ? {} : { occurred_at_lt: toMoment('occurred_at_lt', occurred_at_lt) }),
  };
}

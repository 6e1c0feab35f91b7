import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { anyScope, principalOf } from '../access/guard.ts';
import type { Connections, Pool } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';
import { bodyMayBeLeftOut } from '../http/body.ts';
import type { Cursors } from '../http/cursor.ts';
import { linkHeader, pagingParameters, servePage } from '../http/paging.ts';
import type { RoomRoutes } from '../http/room.ts';
import {
  changeErrors,
  errorResponses,
  guardedErrors,
  Identifier,
  idempotencyHeaders,
  json,
} from '../http/schemas.ts';
import { answerOnce, reply, writeAnswer } from '../idempotency/answer.ts';
import { callerOf } from '../refunds/commands.ts';
import type { Caller } from '../refunds/issue.ts';
import { type ApprovalLimits, readLimits, roleOf } from '../refunds/limits.ts';
import { type Batch, ROW_STATUSES } from './batch.ts';
import { createBatch } from './create.ts';
import { takeCsv } from './csv.ts';
import { describeBatches, describeRows } from './describe.ts';
import * as queries from './queries.ts';
import { runBatch, stopBatch } from './run.ts';
import {
  BatchAsked,
  BatchBody,
  BatchList,
  BatchRowList,
  batchCsvExample,
  batchExample,
  batchRowListExample,
  startedExample,
} from './schemas.ts';

export interface BatchRoutesDeps {
  pool: Connections;
  cursors: Cursors;
  approvalLimits: ApprovalLimits;
  recentSignIn_s: number;
}

const params = Type.Object({ batch_id: Identifier('Our id of the batch.') });

/** Refunds in bulk: checked, run, stopped and looked at. */
export function batchRoutes({ pool, cursors, approvalLimits, recentSignIn_s }: BatchRoutesDeps): RoomRoutes {
  return async (app) => {
    takeCsv(app);

    app.post(
      '/v1/admin/refund-batches',
      {
        config: { csvExample: batchCsvExample },
        schema: {
          operationId: 'createRefundBatch',
          summary: 'Check refunds in bulk',
          description:
            'Stores a batch of refunds as a draft, each row checked: what it will do, or why it cannot. Nothing is sent before `POST /v1/admin/refund-batches/{batch_id}/run`. Amounts are fixed here: a row that names none is of all that is left now. Rows of the same payment add up. A charge that the books do not know is not asked for at Stripe. The body is at most 1 MiB, as JSON or as CSV (`text/csv`, a header line and the fields of a row as columns).',
          tags: ['refunds'],
          security: anyScope('admin:refunds.issue'),
          headers: idempotencyHeaders,
          body: BatchAsked,
          response: {
            201: json('The draft', BatchBody, batchExample),
            ...guardedErrors,
            ...errorResponses(409, 413, 415, 422),
          },
        },
      },
      async (request, response) => {
        const caller = callerOf(request);
        const { principal } = caller;
        const command = { name: request.body.name ?? null, rows: request.body.rows };
        const db = pool.ofBrand(principal.brand_id);
        const answer = await createBatch(db, command, caller, async (tx, batch) => {
          const [body] = await describeBatches(tx, approvalLimits, principal, [batch]);
          return writeAnswer(response, 201, body ?? {});
        });
        return reply(response, answer);
      },
    );

    app.get(
      '/v1/admin/refund-batches',
      {
        config: { audited: { event_type: 'refund_batch.listed', entity_type: 'refund_batch' } },
        schema: {
          operationId: 'listRefundBatches',
          summary: 'List batches of refunds',
          description: 'Batches, newest first, with how far each has come.',
          tags: ['refunds'],
          security: anyScope('admin:refunds.read'),
          querystring: Type.Object(pagingParameters, { additionalProperties: false }),
          response: {
            200: json('Batches', BatchList, { batches: [batchExample] }, linkHeader),
            ...guardedErrors,
          },
        },
      },
      async (request, response) => {
        const principal = principalOf(request);
        const { brand_id } = principal;
        const db = pool.ofBrand(brand_id);
        const batches = await servePage(
          { request, reply: response, cursors },
          { operation: 'listRefundBatches', brand_id, filters: {} },
          request.query as { limit: number | undefined; cursor: string | undefined },
          (at) => queries.list(db, brand_id, at),
          ({ batch_id }) => batch_id,
        );
        return { batches: await describeBatches(db, approvalLimits, principal, batches) };
      },
    );

    const requireBatch = async (brandId: string, batchId: string) => {
      const batch = await queries.find(pool.ofBrand(brandId), brandId, batchId);
      if (batch === undefined) throw new ServiceError('not_found', { message: 'There is no such batch.' });
      return batch;
    };
    const audited = {
      event_type: 'refund_batch.read',
      entity_type: 'refund_batch',
      parameter: 'batch_id',
    } as const;

    app.get(
      '/v1/admin/refund-batches/:batch_id',
      {
        config: { audited },
        schema: {
          operationId: 'getRefundBatch',
          summary: 'Get a batch of refunds',
          description:
            'One batch, with how far it has come: rows by what they are at, and money by currency.',
          tags: ['refunds'],
          security: anyScope('admin:refunds.read'),
          params,
          response: {
            200: json('The batch', BatchBody, batchExample),
            ...guardedErrors,
            ...errorResponses(404),
          },
        },
      },
      async (request) => {
        const principal = principalOf(request);
        const batch = await requireBatch(principal.brand_id, request.params.batch_id);
        const [body] = await describeBatches(pool.ofBrand(principal.brand_id), approvalLimits, principal, [
          batch,
        ]);
        return body;
      },
    );

    app.get(
      '/v1/admin/refund-batches/:batch_id/rows',
      {
        config: { audited },
        schema: {
          operationId: 'listRefundBatchRows',
          summary: 'List the rows of a batch',
          description:
            'The rows of a batch in the order in which they were given, all or those of one status.',
          tags: ['refunds'],
          security: anyScope('admin:refunds.read'),
          params,
          querystring: Type.Object(
            {
              status: Type.Optional(
                Type.Enum([...ROW_STATUSES], {
                  description: 'Those that are at this; see the batch’s `counts`.',
                }),
              ),
              ...pagingParameters,
            },
            { additionalProperties: false },
          ),
          response: {
            200: json('Rows', BatchRowList, batchRowListExample, linkHeader),
            ...guardedErrors,
            ...errorResponses(404),
          },
        },
      },
      async (request, response) => {
        const principal = principalOf(request);
        const { brand_id } = principal;
        const { limit, cursor, status } = request.query;
        const { batch_id, created_at } = await requireBatch(brand_id, request.params.batch_id);
        const db = pool.ofBrand(brand_id);
        const rows = await servePage(
          { request, reply: response, cursors },
          { operation: 'listRefundBatchRows', brand_id, filters: { batch_id, status } },
          { limit, cursor },
          async (at) => {
            const after = Number(at.after?.id ?? 0);
            const page = await queries.listRows(db, brand_id, batch_id, { status, after, limit: at.limit });
            return { ...page, rows: page.rows.map((row) => ({ ...row, created_at })) };
          },
          ({ row_no }) => String(row_no),
        );
        const limits = await readLimits(db, approvalLimits, brand_id, roleOf(principal));
        return { rows: describeRows(rows, limits) };
      },
    );

    /** A batch that something was done about, as it is then. */
    const answerWith = async (response: FastifyReply, caller: Caller, work: (db: Pool) => Promise<Batch>) => {
      const { principal } = caller;
      const db = pool.ofBrand(principal.brand_id);
      const answer = await answerOnce(db, caller.key, async () => {
        const [body] = await describeBatches(db, approvalLimits, principal, [await work(db)]);
        return { status: 200, body: writeAnswer(response, 200, body ?? {}) };
      });
      return reply(response, answer);
    };
    const change = {
      tags: ['refunds'],
      security: anyScope('admin:refunds.issue'),
      headers: idempotencyHeaders,
      params,
      body: Type.Object({}, { additionalProperties: false }),
    };

    app.post(
      '/v1/admin/refund-batches/:batch_id/run',
      {
        ...bodyMayBeLeftOut,
        schema: {
          ...change,
          operationId: 'runRefundBatch',
          summary: 'Run a batch of refunds',
          description:
            'Starts a batch, or goes on with one that was stopped: workers issue its rows one after another, in their order and at a measured pace, each as `POST /v1/admin/refunds` would, asked for by whoever runs it, and never twice. There is no approval of a batch: a row above the limit of who runs it becomes a refund that awaits approval by itself (`awaiting_approval`), and the batch goes on. A row that is refused fails with the reason, and the batch goes on. One that runs is left as it is.',
          response: {
            200: json('The batch', BatchBody, startedExample),
            ...guardedErrors,
            ...changeErrors,
          },
        },
      },
      async (request, response) => {
        const caller = callerOf(request);
        const { batch_id } = request.params;
        return await answerWith(response, caller, (db) =>
          runBatch({ pool: db, approvalLimits, recentSignIn_s }, batch_id, caller),
        );
      },
    );

    app.post(
      '/v1/admin/refund-batches/:batch_id/stop',
      {
        ...bodyMayBeLeftOut,
        schema: {
          ...change,
          operationId: 'stopRefundBatch',
          summary: 'Stop a batch of refunds',
          description:
            'Stops a batch before its next row; a row that is being issued still comes to its end. What was issued stays issued. `POST /v1/admin/refund-batches/{batch_id}/run` goes on with the rest.',
          response: {
            200: json('The batch', BatchBody, { ...startedExample, status: 'stopped' }),
            ...guardedErrors,
            ...changeErrors,
          },
        },
      },
      async (request, response) => {
        const caller = callerOf(request);
        const { batch_id } = request.params;
        return await answerWith(response, caller, (db) => stopBatch({ pool: db }, batch_id, caller));
      },
    );
  };
}

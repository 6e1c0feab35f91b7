import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { refuseOneBrand } from '../../access/brand.ts';
import { anyScope, principalOf } from '../../access/guard.ts';
import type { Connections } from '../../database/pool.ts';
import { ServiceError } from '../../errors.ts';
import { addressOf } from '../../http/address.ts';
import type { Cursors } from '../../http/cursor.ts';
import { toMoment } from '../../http/moments.ts';
import { linkHeader, pagingParameters, servePage } from '../../http/paging.ts';
import type { RoomRoutes } from '../../http/room.ts';
import {
  errorResponses,
  guardedErrors,
  Identifier,
  idempotencyHeaders,
  json,
  Moment,
  TEXT_PATTERN,
} from '../../http/schemas.ts';
import { answerOnce, reply, writeAnswer } from '../../idempotency/answer.ts';
import { readIdempotencyKey } from '../../idempotency/key.ts';
import { readDatabaseClock } from '../queries.ts';
import { closeDifference } from './close.ts';
import { type ListedRun, listDifferences, listRuns } from './list-queries.ts';
import { type Requester, requestRun } from './request.ts';
import {
  DifferenceBody,
  DifferenceList,
  differenceExample,
  RunBody,
  RunList,
  runExample,
} from './schemas.ts';

const requesterOf = (request: FastifyRequest): Requester => {
  const { actor_type, actor_id, brand_id, client_id } = principalOf(request);
  const origin = { request_id: request.id, client_id, ip_address: addressOf(request) };
  return { actor_type, actor_id, brand_id, origin };
};

/** What there is to see of the books held against Stripe, and what a person does about it. */
export function reconcileRoutes({ pool, cursors }: { pool: Connections; cursors: Cursors }): RoomRoutes {
  return async (app) => {
    app.get(
      '/v1/admin/reconcile-runs',
      {
        config: { audited: false },
        schema: {
          operationId: 'listReconcileRuns',
          summary: 'List reconciliations',
          description:
            'When the books were held against Stripe, the latest first: which window, how far, and what was found. Runs are of all brands: for callers who are bound to none and name none.',
          tags: ['operations'],
          security: anyScope('admin:operations.read'),
          querystring: Type.Object(pagingParameters, { additionalProperties: false }),
          response: { 200: json('Runs', RunList, { runs: [runExample] }, linkHeader), ...guardedErrors },
        },
      },
      async (request, response) => {
        const principal = principalOf(request);
        refuseOneBrand(principal);
        const { limit, cursor } = request.query;
        const runs = await servePage(
          { request, reply: response, cursors },
          { operation: 'listReconcileRuns', brand_id: principal.brand_id, filters: {} },
          { limit, cursor },
          (at) => listRuns(pool, at),
          ({ run_id }) => run_id,
        );
        return { runs: runs.map(toBody) };
      },
    );

    app.post(
      '/v1/admin/reconcile-runs',
      {
        schema: {
          operationId: 'startReconcileRun',
          summary: 'Reconcile with Stripe',
          description:
            'Has a worker compare what Stripe created in a window with the books, both ways, and repair what has one right answer. One runs at a time: a 409 while another is running or waits for a worker, the nightly one and those of a command line included. The same window again within a day goes on where it was stopped. For callers who are bound to no brand and name none.',
          tags: ['operations'],
          security: anyScope('admin:operations'),
          headers: idempotencyHeaders,
          body: Type.Object(
            {
              from: Moment('What Stripe created from then on is compared.'),
              to: Type.Optional(Moment('Up to then; left out: up to now.')),
            },
            { additionalProperties: false },
          ),
          response: {
            202: json('A worker takes it up', RunBody, { ...runExample, status: 'unfinished' }),
            ...guardedErrors,
            ...errorResponses(409, 413, 415, 422),
          },
        },
      },
      async (request, response) => {
        refuseOneBrand(principalOf(request));
        const window = windowOf(request.body, await readDatabaseClock(pool));
        const answer = await answerOnce(pool, readIdempotencyKey(request), async () => {
          const run = await requestRun(pool, window, requesterOf(request));
          return { status: 202, body: writeAnswer(response, 202, toBody(run)) };
        });
        return reply(response, answer);
      },
    );

    app.get(
      '/v1/admin/reconcile-differences',
      {
        config: { audited: { event_type: 'difference.listed', entity_type: 'difference' } },
        schema: {
          operationId: 'listReconcileDifferences',
          summary: 'List differences between Stripe and the books',
          description:
            'Where the books and Stripe did not agree, with both sides and what was done about it; the latest found first. Those of the caller’s brand.',
          tags: ['operations'],
          security: anyScope('admin:operations.read'),
          querystring: Type.Object(
            {
              open: Type.Optional(
                Type.Boolean({
                  description: 'Those that are left for a person, or those that are done with.',
                }),
              ),
              run_id: Type.Optional(Identifier('Those that this run was the latest to see.')),
              entity_id: Type.Optional(Identifier('Of which payment, refund or dispute, by our id.')),
              ...pagingParameters,
            },
            { additionalProperties: false },
          ),
          response: {
            200: json(
              'Differences',
              DifferenceList,
              { differences: [{ ...differenceExample, note: null }] },
              linkHeader,
            ),
            ...guardedErrors,
          },
        },
      },
      async (request, response) => {
        const { limit, cursor, ...filters } = request.query;
        const { brand_id } = principalOf(request);
        const differences = await servePage(
          { request, reply: response, cursors },
          { operation: 'listReconcileDifferences', brand_id, filters },
          { limit, cursor },
          (at) => listDifferences(pool.ofBrand(brand_id), brand_id, filters, at),
          ({ difference_id }) => difference_id,
        );
        return { differences };
      },
    );

    app.post(
      '/v1/admin/reconcile-differences/:difference_id/close',
      {
        schema: {
          operationId: 'closeReconcileDifference',
          summary: 'Close a difference',
          description:
            'Says how a difference is settled that was left for a person. It changes nothing else; found again as it is by a later run, it stays closed.',
          tags: ['operations'],
          security: anyScope('admin:operations'),
          headers: idempotencyHeaders,
          params: Type.Object({ difference_id: Identifier('The difference.') }),
          body: Type.Object(
            {
              note: Type.String({
                minLength: 1,
                maxLength: 2_000,
                pattern: TEXT_PATTERN,
                description:
                  'How it was settled; for colleagues, and in no log. No customer belongs into it.',
              }),
            },
            { additionalProperties: false },
          ),
          response: {
            200: json('Closed', DifferenceBody, {
              ...differenceExample,
              closed_at: '2026-02-02T08:30:00.000Z',
              closed_by_type: 'user',
              closed_by_id: 'operator',
            }),
            ...guardedErrors,
            ...errorResponses(404, 409, 413, 415, 422),
          },
        },
      },
      async (request, response) => {
        const by = requesterOf(request);
        const own = pool.ofBrand(by.brand_id);
        const command = { difference_id: request.params.difference_id, note: request.body.note };
        const answer = await answerOnce(own, readIdempotencyKey(request), async () => {
          const closed = await closeDifference(own, command, by);
          return { status: 200, body: writeAnswer(response, 200, closed) };
        });
        return reply(response, answer);
      },
    );
  };
}

function windowOf(body: { from: string; to?: string }, now: Date): { from: Date; to: Date | null } {
  const read = (field: 'from' | 'to', text: string) => {
    const moment = toMoment(field, text);
    if (moment > now) throw invalid(field, `${field} lies in the future: there is nothing to compare yet.`);
    return moment;
  };
  const from = read('from', body.from);
  const to = body.to === undefined ? null : read('to', body.to);
  if (to !== null && to <= from) throw invalid('to', 'to has to lie after from.');
  return { from, to };
}

const invalid = (field: string, message: string) => new ServiceError('unprocessable', { field, message });

/** Stopped, killed and at work look the same from here; who is at work holds a lock (GET /v1/admin/operations says so). */
const toBody = ({ imported, repaired, left, ...run }: ListedRun) => ({
  ...run,
  status: run.finished_at !== null ? 'finished' : run.abandoned_at !== null ? 'abandoned' : 'unfinished',
  found: { imported, repaired, left },
});

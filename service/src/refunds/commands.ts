import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Registry } from 'prom-client';
import { Type } from 'typebox';
import { anyScope, principalOf } from '../access/guard.ts';
import type { Connections } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';
import { addressOf } from '../http/address.ts';
import { bodyMayBeLeftOut } from '../http/body.ts';
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
import { readIdempotencyKey } from '../idempotency/key.ts';
import { approveRefund, rejectRefund } from './approve.ts';
import { cancelRefund } from './cancel.ts';
import { readRefund } from './detail.ts';
import { type Caller, type IssueCommand, type IssueDeps, issueRefund } from './issue.ts';
import { measureOwnPart } from './own-part.ts';
import type { Refund } from './queries.ts';
import { resolveRefund } from './resolve.ts';
import {
  Amount,
  Note,
  ReasonText,
  RefundDetail,
  RefundIssued,
  RefundIssuedBriefly,
  refundDetailExample,
  refundIssuedBrieflyExample,
  refundIssuedExample,
} from './schemas.ts';
import { syncRefund } from './sync.ts';

/** Who asks, in this request. */
export const callerOf = (request: FastifyRequest): Caller => ({
  principal: principalOf(request),
  key: readIdempotencyKey(request),
  request_id: request.id,
  ip_address: addressOf(request),
});

const issueErrors = { ...guardedErrors, ...changeErrors, ...errorResponses(502) };

/** Everything that issues refunds or decides about them. */
export function refundCommands({
  metrics,
  pool,
  ...rest
}: Omit<IssueDeps, 'pool'> & { pool: Connections; metrics: Registry }): RoomRoutes {
  const measured = measureOwnPart(metrics);
  /** What is done for a caller is done as the caller's brand. */
  const depsOf = ({ principal }: Caller): IssueDeps => ({ ...rest, pool: pool.ofBrand(principal.brand_id) });
  const issue = (response: FastifyReply, command: IssueCommand, caller: Caller) =>
    measured(response, rest.provider, (provider) =>
      issueRefund({ ...depsOf(caller), provider }, command, caller, (status, refund) =>
        writeAnswer(response, status, refund),
      ),
    );

  return async (app) => {
    app.post(
      '/v1/admin/refunds',
      {
        schema: {
          operationId: 'issueRefund',
          summary: 'Issue a refund',
          description:
            'Refunds a payment, in full or in part. An amount that is left out is all that is left. 201: Stripe has taken it. 202: it is certain to come to an end, which is not known yet (`pending`), or somebody else has to approve it first (`awaiting_approval`). The same payment and amount again within five minutes needs an `Idempotency-Key` of its own.',
          tags: ['refunds'],
          security: anyScope('admin:refunds.issue'),
          headers: idempotencyHeaders,
          body: Type.Object(
            {
              charge_id: Type.Optional(
                Identifier('The Stripe charge that took the money. This or `payment_id`.'),
              ),
              payment_id: Type.Optional(Identifier('Our id of the payment. This or `charge_id`.')),
              amount_cents: Type.Optional(Amount('How much goes back; left out: all that is left.')),
              full: Type.Optional(
                Type.Boolean({
                  description: 'Says that all that is left is meant; not together with an amount.',
                }),
              ),
              reason: Type.Optional(ReasonText()),
              note: Type.Optional(Note('What colleagues should know; never sent to Stripe.')),
              expected_refundable_cents: Type.Optional(
                Type.Integer({
                  minimum: 0,
                  maximum: Number.MAX_SAFE_INTEGER,
                  description: 'What the caller takes to be left: a 412 where it is no longer true.',
                }),
              ),
            },
            { additionalProperties: false },
          ),
          response: {
            201: json('Refund initiated', RefundIssued, refundIssuedExample),
            202: json('Not known yet, or to be approved first', RefundIssued, {
              ...refundIssuedExample,
              status: 'pending',
              stripe_refund_id: null,
            }),
            ...issueErrors,
          },
        },
      },
      async (request, response) => {
        const { charge_id, payment_id, amount_cents, full, reason, note, expected_refundable_cents } =
          request.body;
        if (charge_id === undefined && payment_id === undefined) {
          throw invalid('charge_id', 'charge_id is missing (or payment_id in its place).');
        }
        if (charge_id !== undefined && payment_id !== undefined) {
          throw invalid('payment_id', 'payment_id goes in the place of charge_id, not beside it.');
        }
        if (full !== undefined && full === (amount_cents !== undefined)) {
          throw full
            ? invalid(
                'full',
                'full goes without amount_cents: either all that is left is meant, or an amount.',
              )
            : invalid('amount_cents', 'amount_cents is missing: full is false.');
        }
        const answer = await issue(
          response,
          {
            ...(payment_id === undefined ? { charge_id: charge_id ?? '' } : { payment_id }),
            ...(amount_cents === undefined ? {} : { amount_cents }),
            ...(expected_refundable_cents === undefined ? {} : { expected_refundable_cents }),
            reason: reason ?? null,
            note: note ?? null,
          },
          callerOf(request),
        );
        return reply(response, answer);
      },
    );

    app.post(
      '/v1/refunds',
      {
        schema: {
          operationId: 'issueRefundOfPayment',
          summary: 'Issue a refund, for services',
          description:
            'Refunds a payment by our id of it, with the same guarantees as `POST /v1/admin/refunds`.',
          tags: ['refunds'],
          security: anyScope('write:refunds'),
          headers: idempotencyHeaders,
          body: Type.Object(
            {
              payment_id: Identifier('Our id of the payment.'),
              amount_cents: Type.Optional(Amount('How much goes back; left out: all that is left.')),
              reason: Type.Optional(ReasonText()),
            },
            { additionalProperties: false },
          ),
          response: {
            201: json('Refund initiated', RefundIssuedBriefly, refundIssuedBrieflyExample),
            202: json('Not known yet, or to be approved first', RefundIssuedBriefly, {
              ...refundIssuedBrieflyExample,
              status: 'pending',
            }),
            ...issueErrors,
          },
        },
      },
      async (request, response) => {
        const { payment_id, amount_cents, reason } = request.body;
        const answer = await issue(
          response,
          {
            payment_id,
            ...(amount_cents === undefined ? {} : { amount_cents }),
            reason: reason ?? null,
            note: null,
          },
          callerOf(request),
        );
        return reply(response, answer);
      },
    );

    /** A refund that something was done about, all of it. */
    const answerWith = (
      response: FastifyReply,
      caller: Caller,
      work: (deps: IssueDeps) => Promise<Refund>,
    ) => {
      const deps = depsOf(caller);
      return answerOnce(deps.pool, caller.key, async () => {
        const { refund_id, status, stripe_refund_id } = await work(deps);
        const detail = await readRefund(deps.pool, caller.principal.brand_id, refund_id);
        if (detail === undefined)
          throw new ServiceError('not_found', { message: 'There is no such refund.' });
        const unknown = status === 'pending' && stripe_refund_id === null;
        const code = unknown ? 202 : 200;
        return { status: code, body: writeAnswer(response, code, detail) };
      });
    };

    const aboutRefund = {
      tags: ['refunds'],
      headers: idempotencyHeaders,
      params: Type.Object({ refund_id: Identifier('Our id of the refund.') }),
    };
    const changed = { 200: json('The refund', RefundDetail, refundDetailExample) };

    app.post(
      '/v1/admin/refunds/:refund_id/approve',
      {
        ...bodyMayBeLeftOut,
        schema: {
          ...aboutRefund,
          operationId: 'approveRefund',
          summary: 'Approve a refund',
          description:
            'Lets a refund go out that awaits approval. Whoever asked for it cannot approve it. 202: what Stripe makes of it is not known yet.',
          security: anyScope('admin:refunds.approve'),
          body: NoteBody('Why it is approved; for colleagues.'),
          response: {
            ...changed,
            202: json('Approved; what Stripe makes of it is not known yet', RefundDetail, {
              ...refundDetailExample,
              status: 'pending',
              stripe_refund_id: null,
            }),
            ...issueErrors,
          },
        },
      },
      async (request, response) => {
        const caller = callerOf(request);
        const verdict = { refund_id: request.params.refund_id, note: request.body.note ?? null };
        return reply(
          response,
          await answerWith(response, caller, (deps) => approveRefund(deps, verdict, caller)),
        );
      },
    );

    app.post(
      '/v1/admin/refunds/:refund_id/reject',
      {
        ...bodyMayBeLeftOut,
        schema: {
          ...aboutRefund,
          operationId: 'rejectRefund',
          summary: 'Reject a refund',
          description: 'Ends a refund that awaits approval; what it held can be refunded again.',
          security: anyScope('admin:refunds.approve'),
          body: NoteBody('Why it is rejected; for colleagues.'),
          response: { ...changed, ...guardedErrors, ...changeErrors },
        },
      },
      async (request, response) => {
        const caller = callerOf(request);
        const verdict = { refund_id: request.params.refund_id, note: request.body.note ?? null };
        return reply(
          response,
          await answerWith(response, caller, (deps) => rejectRefund(deps, verdict, caller)),
        );
      },
    );

    app.post(
      '/v1/admin/refunds/:refund_id/cancel',
      {
        ...bodyMayBeLeftOut,
        schema: {
          ...aboutRefund,
          operationId: 'cancelRefund',
          summary: 'Cancel a refund',
          description:
            'Calls a refund back that awaits approval, or one that Stripe still lets be canceled (where it waits for the customer).',
          security: anyScope('admin:refunds.issue', 'admin:refunds.approve'),
          body: EmptyBody,
          response: { ...changed, ...guardedErrors, ...changeErrors },
        },
      },
      async (request, response) => {
        const caller = callerOf(request);
        const { refund_id } = request.params;
        return reply(
          response,
          await answerWith(response, caller, (deps) => cancelRefund(deps, refund_id, caller)),
        );
      },
    );

    app.post(
      '/v1/admin/refunds/:refund_id/sync',
      {
        ...bodyMayBeLeftOut,
        schema: {
          ...aboutRefund,
          operationId: 'syncRefund',
          summary: 'Sync a refund with Stripe',
          description: 'Asks Stripe now, and refreshes the refund and its payment.',
          security: anyScope('admin:refunds.issue', 'admin:refunds.approve'),
          body: EmptyBody,
          response: {
            ...changed,
            202: json('Approved in the meantime; what Stripe makes of it is not known yet', RefundDetail, {
              ...refundDetailExample,
              status: 'pending',
              stripe_refund_id: null,
            }),
            ...issueErrors,
          },
        },
      },
      async (request, response) => {
        const caller = callerOf(request);
        const { refund_id } = request.params;
        return reply(
          response,
          await answerWith(response, caller, (deps) => syncRefund(deps, refund_id, caller)),
        );
      },
    );

    app.post(
      '/v1/admin/refunds/:refund_id/resolve',
      {
        schema: {
          ...aboutRefund,
          operationId: 'resolveRefund',
          summary: 'Resolve a failed refund',
          description:
            'Says how what the customer was still owed has been put right: `refunded_again` by another refund, `paid_otherwise` with a reference, or `not_owed` with a reason as the reference. It leaves the list of what needs attention.',
          security: anyScope('admin:refunds.issue', 'admin:refunds.approve'),
          body: Type.Object(
            {
              resolution: Type.Enum(['refunded_again', 'paid_otherwise', 'not_owed'], {
                description: 'How it was put right.',
              }),
              reference: Type.Optional(
                Note('By what it was paid, e.g. a bank transfer’s number; or why nothing is owed.'),
              ),
              replacement_refund_id: Type.Optional(Identifier('The refund that was made in its place.')),
            },
            { additionalProperties: false },
          ),
          response: { ...changed, ...guardedErrors, ...changeErrors },
        },
      },
      async (request, response) => {
        const caller = callerOf(request);
        const { resolution, reference, replacement_refund_id } = request.body;
        const again = resolution === 'refunded_again';
        if (again && replacement_refund_id === undefined) {
          throw invalid(
            'replacement_refund_id',
            'replacement_refund_id is missing: it was refunded again by which?',
          );
        }
        if (!again && replacement_refund_id !== undefined) {
          throw invalid('replacement_refund_id', 'replacement_refund_id goes with refunded_again only.');
        }
        if (!again && (reference ?? '') === '') {
          throw invalid('reference', 'reference is missing: by what was it paid, or why is nothing owed?');
        }
        const command = {
          refund_id: request.params.refund_id,
          resolution,
          reference: reference ?? null,
          replacement_refund_id: replacement_refund_id ?? null,
        };
        return reply(
          response,
          await answerWith(response, caller, (deps) => resolveRefund(deps, command, caller)),
        );
      },
    );
  };
}

const invalid = (field: string, message: string) => new ServiceError('unprocessable', { field, message });

const NoteBody = (description: string) =>
  Type.Object({ note: Type.Optional(Note(description)) }, { additionalProperties: false });
const EmptyBody = Type.Object({}, { additionalProperties: false });

import { Type } from 'typebox';
import { anyScope, principalOf } from '../access/guard.ts';
import type { Connections } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';
import type { RoomRoutes } from '../http/room.ts';
import {
  Cents,
  errorResponses,
  guardedErrors,
  Identifier,
  json,
  NullableMoment,
  NullableString,
} from '../http/schemas.ts';
import {
  PaymentLine,
  PaymentMethodBody,
  paymentListExample,
  paymentMethodExample,
} from '../payments/schemas.ts';
import type { ApprovalLimits } from './limits.ts';
import { REFUND_STATUSES } from './refund.ts';
import { readRefundable } from './refundable.ts';

const PaymentDetail = Type.Object({
  ...PaymentLine.properties,
  payment_method: PaymentMethodBody,
  disputes: Type.Array(
    Type.Object({
      dispute_id: Type.String(),
      status: Type.String({ description: 'Stripe’s word, e.g. `needs_response`.' }),
      amount_cents: Cents('What is contested.'),
      evidence_due_by: NullableMoment('Until when Stripe takes evidence.'),
    }),
    { description: 'Newest first.' },
  ),
  refunds: Type.Array(
    Type.Object({
      refund_id: Type.String(),
      amount_cents: Cents('What goes back.'),
      status: Type.Enum([...REFUND_STATUSES]),
      reason: NullableString('Why it was asked for.'),
      origin: Type.Enum(['api', 'external']),
      owed_cents: Cents('What the customer is still owed, since it ended without paying.'),
      created_at: Type.String({ format: 'date-time' }),
    }),
    { description: 'The newest 100, newest first; all of them by `GET /v1/admin/refunds`.' },
  ),
  refusal: Type.Union(
    [
      Type.Object({
        code: Type.String({ description: 'As the error that asking for all that is left would be.' }),
        message: Type.String({ description: 'Why, in a sentence.' }),
      }),
      Type.Null(),
    ],
    { description: 'Why nothing of it can be refunded; null where something can.' },
  ),
  approval_limit_cents: Type.Unsafe<number | null>({
    type: ['integer', 'null'],
    description:
      'Above this, what the caller asks for has to be approved by somebody else; null: never. In the currency’s smallest unit.',
  }),
});

const example = {
  ...paymentListExample.payments[0],
  payment_method: paymentMethodExample,
  disputes: [],
  refunds: [
    {
      refund_id: 'refund_01kar2m0v5fhtb3mx9q2z8d4wn',
      amount_cents: 1250,
      status: 'succeeded',
      reason: 'requested_by_customer',
      origin: 'api',
      owed_cents: 0,
      created_at: '2026-01-31T14:05:00.000Z',
    },
  ],
  refusal: null,
  approval_limit_cents: 10_000,
};

/** `GET /v1/admin/payments/{payment_id}`: here and not in payments/, since what can be refunded is what refunds/ says. */
export function refundableRoutes({
  pool,
  approvalLimits,
}: {
  pool: Connections;
  approvalLimits: ApprovalLimits;
}): RoomRoutes {
  return async (app) => {
    app.get(
      '/v1/admin/payments/:payment_id',
      {
        config: {
          audited: { event_type: 'payment.read', entity_type: 'payment', parameter: 'payment_id' },
        },
        schema: {
          operationId: 'getPaymentDetail',
          summary: 'Get a payment in detail',
          description:
            'One payment with its refunds and disputes, and with what there is to know before it is refunded: what is left, with what it was paid, why nothing of it can be refunded where that is so, and above how much the caller needs somebody else’s approval. All of one moment.',
          tags: ['payments'],
          security: anyScope('admin:payments.read'),
          params: Type.Object({ payment_id: Identifier('Our id of the payment.') }),
          response: {
            200: json('The payment', PaymentDetail, example),
            ...guardedErrors,
            ...errorResponses(404),
          },
        },
      },
      async (request) => {
        const principal = principalOf(request);
        const deps = { pool: pool.ofBrand(principal.brand_id), approvalLimits };
        const payment = await readRefundable(deps, principal, request.params.payment_id);
        if (payment === undefined)
          throw new ServiceError('not_found', { message: 'There is no such payment.' });
        return payment;
      },
    );
  };
}

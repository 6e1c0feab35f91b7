import { Type } from 'typebox';
import { allScopes, principalOf } from '../access/guard.ts';
import type { Connections } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';
import { readWithin } from '../http/bounded.ts';
import type { RoomRoutes } from '../http/room.ts';
import { errorResponses, guardedErrors, Identifier, json } from '../http/schemas.ts';
import { findPatterns } from './patterns.ts';
import { recentRefundsOf, totalsOf } from './queries.ts';
import { CustomerBody, customerExample } from './schemas.ts';

const READ_WITHIN_ms = 5_000;

/** `GET /v1/admin/customers/{customer_id}`. */
export function customerRoutes({ pool }: { pool: Connections }): RoomRoutes {
  return async (app) => {
    app.get(
      '/v1/admin/customers/:customer_id',
      {
        config: {
          audited: { event_type: 'customer.read', entity_type: 'customer', parameter: 'customer_id' },
        },
        schema: {
          operationId: 'getCustomer',
          summary: 'Get a customer',
          description:
            'What a customer has paid, what of it went back or was disputed, and what a look should not miss. `many_refunds`: 5 refunds or more in the last 90 days that have paid or may still. `repeated_amount`: 3 of these or more are of the same amount. `mostly_refunded`: in a currency with 3 payments or more, over half of what was paid has gone back or is about to. `open_dispute`: a dispute is not decided yet. `money_owed`: a refund ended without paying, and nobody has said how that was put right. The patterns say what is, and decide nothing.',
          tags: ['payments'],
          security: allScopes('admin:refunds.read', 'admin:payments.read', 'admin:disputes.read'),
          params: Type.Object({
            customer_id: Identifier('The platform’s id of the customer, else Stripe’s.'),
          }),
          response: {
            200: json('The customer', CustomerBody, customerExample),
            ...guardedErrors,
            ...errorResponses(404, 422),
          },
        },
      },
      async (request) => {
        const { brand_id } = principalOf(request);
        const { customer_id } = request.params;
        const [totals, recent] = await readWithin(pool.ofBrand(brand_id), READ_WITHIN_ms, (tx) =>
          Promise.all([totalsOf(tx, brand_id, customer_id), recentRefundsOf(tx, brand_id, customer_id)]),
        );
        if (totals.length === 0) {
          throw new ServiceError('not_found', { message: 'Nothing is known of such a customer.' });
        }
        return {
          customer_id,
          first_payment_at: earliest(totals.map((one) => one.first_payment_at)),
          last_payment_at: latest(totals.map((one) => one.last_payment_at)),
          last_refund_at: latest(totals.map((one) => one.last_refund_at)),
          totals,
          patterns: findPatterns(totals, recent),
        };
      },
    );
  };
}

const sorted = (times: readonly (Date | null)[]) =>
  times.filter((time) => time !== null).sort((one, other) => one.getTime() - other.getTime());
const earliest = (times: readonly (Date | null)[]) => sorted(times)[0] ?? null;
const latest = (times: readonly (Date | null)[]) => sorted(times).at(-1) ?? null;

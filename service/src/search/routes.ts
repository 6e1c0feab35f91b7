import { Type } from 'typebox';
import { anyScope, principalOf } from '../access/guard.ts';
import { grants } from '../access/scopes.ts';
import type { Connections } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';
import type { RoomRoutes } from '../http/room.ts';
import { guardedErrors, Identifier, json } from '../http/schemas.ts';
import { SearchResults, searchExample } from './schemas.ts';
import { FOUND_MAX, findAnything } from './search.ts';

/** `GET /v1/admin/search`. */
export function searchRoutes({ pool }: { pool: Connections }): RoomRoutes {
  return async (app) => {
    app.get(
      '/v1/admin/search',
      {
        config: { audited: { event_type: 'search.made', entity_type: 'search' } },
        schema: {
          operationId: 'search',
          summary: 'Find by any id',
          description: `What has the id that somebody has at hand, whatever kind of id it is: of a refund, payment, dispute, customer, order or subscription, here or at Stripe (\`re_…\`, \`pi_…\`, \`ch_…\`, \`dp_…\`), or the bank's reference (ARN) of a refund. Ids are compared as they are, without the space around them; of customers and orders also those are found, after the others, that begin with it (from three characters on). Best first, and ${FOUND_MAX} at the most. Shown is what the token's scopes open: refunds with \`admin:refunds.read\`, payments and customers with \`admin:payments.read\`, disputes with \`admin:disputes.read\`.`,
          tags: ['refunds'],
          security: anyScope('admin:refunds.read', 'admin:payments.read', 'admin:disputes.read'),
          querystring: Type.Object(
            { q: Identifier('The id that is looked for.') },
            { additionalProperties: false },
          ),
          response: { 200: json('What was found', SearchResults, searchExample), ...guardedErrors },
        },
      },
      async (request) => {
        const { brand_id, scopes } = principalOf(request);
        const id = request.query.q.trim();
        if (id === '') throw new ServiceError('malformed', { field: 'q', message: 'q must not be empty.' });
        const results = await findAnything(pool.ofBrand(brand_id), brand_id, id, {
          refunds: grants(scopes, 'admin:refunds.read'),
          payments: grants(scopes, 'admin:payments.read'),
          disputes: grants(scopes, 'admin:disputes.read'),
        });
        const ours = results.filter(({ type }) => type !== 'customer').map((found) => found.id);
        const first = ours[0];
        const last = ours.at(-1);
        request.shown = {
          rows: results.length,
          // A customer's id is not written where nothing is ever taken out.
          ...(first === undefined || last === undefined ? {} : { first, last }),
        };
        const customer = results.find(({ type, prefix }) => type === 'customer' && !prefix);
        if (customer !== undefined) request.shownCustomer = customer.id;
        return { results };
      },
    );
  };
}

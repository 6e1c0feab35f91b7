import { Type } from 'typebox';
import { refuseOneBrand } from '../access/brand.ts';
import { anyScope, principalOf } from '../access/guard.ts';
import type { Pool } from '../database/pool.ts';
import type { RoomRoutes } from '../http/room.ts';
import { guardedErrors, json, NullableMoment } from '../http/schemas.ts';
import type { RefundProvider } from '../refunds/provider.ts';
import { readOperations } from './operations.ts';

const Depth = (description: string) =>
  Type.Object(
    {
      events: Type.Integer({ description: 'How many.' }),
      oldest_s: Type.Number({ description: 'How long the oldest has been here, in seconds; 0: none is.' }),
    },
    { description },
  );

const Operations = Type.Object({
  inbox: Type.Object(
    {
      received: Depth('To be worked on.'),
      unmatched: Depth('On the shelf.'),
      failed: Depth('Given up.'),
    },
    { description: 'Events of Stripe’s that are not done with.' },
  ),
  unknown_outcomes: Type.Object(
    {
      refunds: Type.Integer({ description: 'How many.' }),
      oldest_s: Type.Number({ description: 'For how long of the oldest, in seconds; 0: of none.' }),
    },
    { description: 'Refunds of which it is not known what has become at Stripe.' },
  ),
  sending: Type.Object(
    {
      status: Type.Enum(['open', 'paused'], {
        description: '`paused`: Stripe has been failing, and nothing is sent for a few seconds.',
      }),
      paused_ms: Type.Number({ description: 'For how long yet; 0: it is not.' }),
    },
    {
      description:
        'Whether refunds are sent. Each instance finds that out for itself: this is what the one says that answers.',
    },
  ),
  workers: Type.Object(
    {
      alive: Type.Integer({ description: 'How many have shown themselves in the last ten seconds.' }),
      last_seen_at: NullableMoment(
        'When one last did; null where the last was stopped in good order, or there was none.',
      ),
    },
    { description: 'Processes that work through the inbox.' },
  ),
  backfill: Type.Union(
    [
      Type.Object({
        since: Type.String({ format: 'date-time', description: 'From when on it reads.' }),
        started_at: Type.String({ format: 'date-time' }),
        updated_at: Type.String({ format: 'date-time', description: 'When it was last at work.' }),
        finished_at: NullableMoment('When it came to its end.'),
      }),
      Type.Null(),
    ],
    { description: 'The last one; null: there was none.' },
  ),
  reconciliation: Type.Object({
    under_way: Type.Boolean({ description: 'One is at work at this moment.' }),
    last_started_at: NullableMoment('When one was last begun, or asked for.'),
    last_finished_at: NullableMoment('When one last came to its end.'),
    differences_open: Type.Integer({ description: 'Left for a person.' }),
  }),
  anomalies_open: Type.Integer({
    description: 'Where Stripe’s word contradicts the books, and nobody has put it right yet.',
  }),
  audit: Type.Object({
    unsealed_s: Type.Number({
      description:
        'For how long the oldest row of the audit log has not been sealed, in seconds; 0: all are.',
    }),
  }),
});

const example = {
  inbox: {
    received: { events: 2, oldest_s: 0.4 },
    unmatched: { events: 11, oldest_s: 86_410.2 },
    failed: { events: 0, oldest_s: 0 },
  },
  unknown_outcomes: { refunds: 0, oldest_s: 0 },
  sending: { status: 'open', paused_ms: 0 },
  workers: { alive: 2, last_seen_at: '2026-02-02T08:30:00.000Z' },
  backfill: {
    since: '2024-01-01T00:00:00.000Z',
    started_at: '2026-01-02T10:00:00.000Z',
    updated_at: '2026-01-02T11:12:13.000Z',
    finished_at: '2026-01-02T11:12:13.000Z',
  },
  reconciliation: {
    under_way: false,
    last_started_at: '2026-02-02T03:00:12.000Z',
    last_finished_at: '2026-02-02T03:06:40.511Z',
    differences_open: 1,
  },
  anomalies_open: 0,
  audit: { unsealed_s: 2.1 },
};

/** `GET /v1/admin/operations`: how the service is doing, in one answer. */
export function operationsRoutes(deps: {
  pool: Pool;
  provider: Pick<RefundProvider, 'pausedFor_ms'>;
}): RoomRoutes {
  return async (app) => {
    app.get(
      '/v1/admin/operations',
      {
        config: { audited: false },
        schema: {
          operationId: 'getOperations',
          summary: 'See how the service is doing',
          description:
            'What waits, what is not known, what contradicts itself, and when what runs by itself last did. Asks nobody outside. Of all brands: for callers who are bound to none and name none.',
          tags: ['operations'],
          security: anyScope('admin:operations.read'),
          response: { 200: json('How it is doing', Operations, example), ...guardedErrors },
        },
      },
      async (request) => {
        refuseOneBrand(principalOf(request));
        return await readOperations(deps);
      },
    );
  };
}

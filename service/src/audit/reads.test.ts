import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestApp, type TestApp } from '../../../test/support/app.ts';
import { makePayment } from '../../../test/support/make.ts';
import { customerName } from '../customers/customers.ts';

let service: TestApp;

before(async () => {
  service = await startTestApp({ readLog: { waiting_max: 1_000, every_ms: 5 } });
});
after(() => service[Symbol.asyncDispose]());

interface ReadRow {
  actor_type: string;
  actor_id: string;
  client_id: string;
  brand_id: string;
  event_type: string;
  entity_type: string;
  entity_id: string;
  ip_address: string;
  details: Record<string, unknown>;
}

let asked = 0;

/** What is recorded of a read, once it is. */
async function recordOf(
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<{ status: number; rows: ReadRow[] }> {
  asked += 1;
  const request_id = `read-${asked}`;
  const authorization = `Bearer ${(await service.issuer.mintToken({ scope: SCOPE })).access_token}`;
  const { status } = await fetch(`${service.url}${path}`, {
    method,
    headers: { authorization, 'x-request-id': request_id, ...headers },
  });
  // A read after it is written after it.
  await service.get('/v1/admin/refunds?limit=1', { 'x-request-id': `${request_id}-after` });
  for (;;) {
    const { rows } = await service.pool.query<ReadRow & { request_id: string }>(
      `SELECT request_id, actor_type, actor_id, client_id, brand_id, event_type, entity_type, entity_id, ip_address, details
       FROM audit_log WHERE request_id LIKE $1 || '%' ORDER BY audit_id`,
      [request_id],
    );
    if (rows.some((row) => row.request_id !== request_id)) {
      return {
        status,
        rows: rows.filter((row) => row.request_id === request_id).map(({ request_id: _, ...row }) => row),
      };
    }
  }
}

const SCOPE = 'admin:refunds.read admin:payments.read admin:disputes.read';

test('who looked at what, through which client and from where, is recorded for each operation that reads', async () => {
  const { payment, refundIds, disputeIds } = await makePayment(service.pool, {
    customer_id: 'customer_looked_at',
    refunds: [{}, {}],
    disputes: [{}],
  });
  const [refund = '', later = ''] = refundIds;
  const [dispute = ''] = disputeIds;
  const caller = {
    actor_type: 'service',
    actor_id: 'developer',
    client_id: 'developer',
    brand_id: 'default',
    ip_address: '127.0.0.1',
  };
  const one = { rows: 1, first: payment.payment_id, last: payment.payment_id };
  for (const [path, expected] of [
    [
      `/v1/admin/refunds/${refund}`,
      { event_type: 'refund.read', entity_type: 'refund', entity_id: refund, details: { status: 200 } },
    ],
    [
      `/v1/payments/${payment.payment_id}`,
      {
        event_type: 'payment.read',
        entity_type: 'payment',
        entity_id: payment.payment_id,
        details: { status: 200 },
      },
    ],
    [
      `/v1/admin/disputes/${dispute}`,
      { event_type: 'dispute.read', entity_type: 'dispute', entity_id: dispute, details: { status: 200 } },
    ],
    [
      '/v1/admin/refunds?customer_id=customer_looked_at&limit=2',
      {
        event_type: 'refund.listed',
        entity_type: 'customer',
        entity_id: await customerName(service.pool, 'default', 'customer_looked_at'),
        details: {
          status: 200,
          filters: {},
          withheld: ['customer_id'],
          rows: 2,
          first: later,
          last: refund,
        },
      },
    ],
    [
      `/v1/admin/refunds?payment_id=${payment.payment_id}&limit=1`,
      {
        event_type: 'refund.listed',
        entity_type: 'payment',
        entity_id: payment.payment_id,
        details: {
          status: 200,
          filters: { payment_id: payment.payment_id },
          rows: 1,
          first: later,
          last: later,
        },
      },
    ],
    [
      '/v1/admin/payments?status=succeeded',
      {
        event_type: 'payment.listed',
        entity_type: 'payment',
        entity_id: '*',
        details: { status: 200, filters: { status: 'succeeded' }, ...one },
      },
    ],
    [
      '/v1/admin/disputes?brand_id=default',
      {
        event_type: 'dispute.listed',
        entity_type: 'dispute',
        entity_id: '*',
        details: { status: 200, filters: { brand_id: 'default' }, rows: 1, first: dispute, last: dispute },
      },
    ],
    [
      '/v1/admin/disputes?brand_id=elsewhere',
      {
        brand_id: 'elsewhere',
        event_type: 'dispute.listed',
        entity_type: 'dispute',
        entity_id: '*',
        details: { status: 200, filters: { brand_id: 'elsewhere' }, rows: 0 },
      },
    ],
  ] as const) {
    const { status, rows } = await recordOf(path);
    assert.equal(status, 200, path);
    assert.deepEqual(rows, [{ ...caller, ...expected }], path);
  }
});

test('that somebody asked for what is not there, or not theirs, is recorded; that they asked wrongly is not', async () => {
  const missing = await recordOf('/v1/admin/refunds/refund_of_nobody');
  assert.equal(missing.status, 404);
  assert.deepEqual(
    missing.rows.map(({ event_type, entity_id, details }) => ({ event_type, entity_id, details })),
    [{ event_type: 'refund.read', entity_id: 'refund_of_nobody', details: { status: 404 } }],
  );
  for (const path of ['/v1/admin/refunds?limit=0', '/v1/admin/refund-reasons', '/healthz']) {
    assert.deepEqual((await recordOf(path)).rows, [], path);
  }
  const stranger = await recordOf('/v1/admin/refunds', { authorization: 'Bearer nobody' });
  assert.deepEqual([stranger.status, stranger.rows], [401, []]);
});

test('a HEAD request looks, too', async () => {
  const { rows } = await recordOf('/v1/admin/refunds/refund_by_head', {}, 'HEAD');
  assert.deepEqual(
    rows.map(({ entity_id, details }) => ({ entity_id, details })),
    [{ entity_id: 'refund_by_head', details: { status: 404 } }],
  );
});

test('of words that somebody may have written only that they were given is recorded', async () => {
  for (const [path, entity_id, details] of [
    ['/v1/admin/refunds?reason=walnuts', '*', { status: 200, filters: {}, withheld: ['reason'], rows: 0 }],
    [
      '/v1/admin/refunds?customer_id=walnut%40example.com&status=failed',
      await customerName(service.pool, 'default', 'walnut@example.com'),
      { status: 200, filters: { status: 'failed' }, withheld: ['customer_id'], rows: 0 },
    ],
    ['/v1/admin/refunds/the%20walnut', '*', { status: 404 }],
  ] as const) {
    const { rows } = await recordOf(path);
    assert.deepEqual(
      rows.map((row) => [row.entity_id, row.details]),
      [[entity_id, details]],
    );
  }
  const { rows } = await service.pool.query('SELECT json_agg(a) AS audit FROM audit_log a');
  assert.doesNotMatch(JSON.stringify(rows), /walnut/);
});

test('an operation of the API that reads and does not say whether that is audited does not start', async () => {
  const schema = { security: [{ accessToken: ['admin:refunds.read'] }] };
  await assert.rejects(
    startTestApp({ extend: (app) => app.get('/v1/unsaid', { schema }, async () => ({})) }),
    /GET \/v1\/unsaid does not declare whether it is audited/,
  );
});

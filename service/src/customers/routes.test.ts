import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestApp, type TestApp } from '../../../test/support/app.ts';
import { readDeclared } from '../../../test/support/declared.ts';
import { makePayment } from '../../../test/support/make.ts';
import { addMany, BUSY } from '../../../test/support/many.ts';
import type { Queryable } from '../database/pool.ts';
import { customerName } from './customers.ts';
import { recentRefundsOf, totalsOf } from './queries.ts';

const PATH = '/v1/admin/customers/{customer_id}';
const addressOf = (id: string) => `/v1/admin/customers/${encodeURIComponent(id)}`;

interface Customer {
  totals: Record<string, unknown>[];
  patterns: { code: string }[];
  last_refund_at: string | null;
}

let service: TestApp;
before(async () => {
  service = await startTestApp({ readLog: { waiting_max: 1_000, every_ms: 5 } });
  await addMany(service.pool, { refunds: 20_000, until: new Date() });
});
after(() => service[Symbol.asyncDispose]());

async function read(id: string, headers = {}): Promise<Customer> {
  const response = await service.get(addressOf(id), headers);
  assert.equal(response.status, 200);
  return await readDeclared<Customer>(PATH, response);
}

test('a customer is shown with what was paid, refunded, asked for, owed and disputed in each currency', async () => {
  const customer_id = 'א / Grete?#%';
  const at = (day: number) => new Date(Date.UTC(2026, 0, day));
  await makePayment(service.pool, {
    customer_id,
    currency: 'eur',
    created_at: at(1),
    refunds: [
      { amount_cents: 6_000, created_at: at(2) },
      { amount_cents: 1_000, status: 'pending', created_at: at(3) },
      { amount_cents: 500, status: 'failed', created_at: at(4) },
    ],
    disputes: [
      { amount_cents: 700 },
      { amount_cents: 300, status: 'won' },
      { status: 'warning_needs_response' },
    ],
  });
  await makePayment(service.pool, { customer_id, currency: 'eur', created_at: at(5) });
  await makePayment(service.pool, {
    customer_id,
    currency: 'eur',
    created_at: at(6),
    status: 'failed',
    captured_cents: 0,
  });
  await makePayment(service.pool, { customer_id, currency: 'jpy', created_at: at(7) });
  await makePayment(service.pool, { customer_id, brand_id: 'acme', created_at: at(8) });
  assert.deepEqual(await read(customer_id), {
    customer_id,
    first_payment_at: at(1).toISOString(),
    last_payment_at: at(7).toISOString(),
    last_refund_at: at(4).toISOString(),
    totals: [
      {
        currency: 'eur',
        payment_count: 2,
        paid_cents: 20_000,
        refunded_cents: 6_000,
        reserved_cents: 1_000,
        refund_count: 3,
        owed_cents: 0,
        dispute_count: 2,
        disputed_cents: 1_000,
        open_dispute_count: 1,
      },
      {
        currency: 'jpy',
        payment_count: 1,
        paid_cents: 10_000,
        refunded_cents: 0,
        reserved_cents: 0,
        refund_count: 0,
        owed_cents: 0,
        dispute_count: 0,
        disputed_cents: 0,
        open_dispute_count: 0,
      },
    ],
    patterns: [{ code: 'open_dispute', sentence: 'A dispute is open.' }],
  });
  const { totals } = await read(customer_id, { 'x-brand-id': 'acme' });
  assert.deepEqual(
    totals.map(({ currency, paid_cents }) => [currency, paid_cents]),
    [['usd', 10_000]],
  );
});

test('refunds of the last 90 days that have paid or may still are what patterns count', async () => {
  const ago = (days: number) => new Date(Date.now() - days * 86_400_000);
  const refund = (days: number, status = 'succeeded') => ({
    amount_cents: 990,
    status,
    created_at: ago(days),
  });
  const customer_id = 'customer_often';
  await makePayment(service.pool, {
    customer_id,
    refunds: [refund(1), refund(2), refund(89), refund(3, 'pending'), refund(4, 'failed'), refund(91)],
  });
  const codes = async () => (await read(customer_id)).patterns.map(({ code }) => code);
  assert.deepEqual(await codes(), ['repeated_amount', 'money_owed']);
  await makePayment(service.pool, { customer_id, refunds: [refund(5)] });
  assert.deepEqual(await codes(), ['many_refunds', 'repeated_amount', 'money_owed']);
});

test('of a customer whom the brand does not know nothing is told but that', async () => {
  const response = await service.get(addressOf('nobody'));
  const body = await readDeclared<{ error: string }>(PATH, response);
  assert.deepEqual([response.status, body.error], [404, 'not_found']);
});

test('all three scopes that see are needed, and who was looked at is in the audit log by name', async () => {
  const customer_id = 'looked.at@patients.example';
  await makePayment(service.pool, { customer_id });
  for (const scope of [
    'admin:refunds admin:payments',
    'admin:disputes admin:payments',
    'admin:refunds admin:disputes',
  ]) {
    const { access_token } = await service.issuer.mintToken({ scope });
    const { status } = await service.get(addressOf(customer_id), { authorization: `Bearer ${access_token}` });
    assert.equal(status, 403, scope);
  }
  await service.get(addressOf(customer_id), { 'x-request-id': 'looked-at' });
  await service.get(`/v1/admin/search?q=${encodeURIComponent(customer_id)}`, {
    'x-request-id': 'searched-for',
  });
  await service.get('/v1/admin/search?q=re_1', { 'x-request-id': 'searched-refund' });
  const name = await customerName(service.pool, 'default', customer_id);
  const record = async (id: string) => {
    for (;;) {
      const { rows } = await service.pool.query(
        'SELECT event_type, entity_type, entity_id, details FROM audit_log WHERE request_id = $1',
        [id],
      );
      if (rows[0] !== undefined) return rows[0];
    }
  };
  const customer = { entity_type: 'customer', entity_id: name };
  assert.deepEqual(await record('looked-at'), {
    event_type: 'customer.read',
    ...customer,
    details: { status: 200 },
  });
  assert.deepEqual(await record('searched-for'), {
    event_type: 'search.made',
    ...customer,
    details: { status: 200, filters: {}, withheld: ['q'], rows: 1 },
  });
  assert.deepEqual(await record('searched-refund'), {
    event_type: 'search.made',
    entity_type: 'search',
    entity_id: '*',
    details: {
      status: 200,
      filters: { q: 're_1' },
      rows: 1,
      first: 'refund_00000001',
      last: 'refund_00000001',
    },
  });
  assert.ok(!service.logged().includes(customer_id));
});

test('a customer’s page is two queries, each by an index that leads to the customer', async () => {
  const plans: string[] = [];
  const explaining = {
    query: async ({ text, values }: { text: string; values: unknown[] }) => {
      const { rows } = await service.pool.ofBrand('default').query(`EXPLAIN ${text}`, values);
      plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
      return { rows: [] };
    },
  } as unknown as Queryable;
  for (const id of [BUSY, 'cus_7']) {
    await totalsOf(explaining, 'default', id);
    await recentRefundsOf(explaining, 'default', id);
  }
  assert.equal(plans.length, 4);
  for (const plan of plans) assert.doesNotMatch(plan, /Seq Scan/);
  for (const index of ['payments_by_customer', 'refunds_by_customer', 'disputes_by_customer'])
    assert.ok(
      plans.some((plan) => plan.includes(index)),
      index,
    );
});

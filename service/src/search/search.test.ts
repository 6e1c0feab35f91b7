import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestApp, type TestApp } from '../../../test/support/app.ts';
import { readDeclared } from '../../../test/support/declared.ts';
import { makePayment } from '../../../test/support/make.ts';
import { addMany, BUSY } from '../../../test/support/many.ts';
import type { Queryable } from '../database/pool.ts';
import { type Found, findAnything } from './search.ts';

const PATH = '/v1/admin/search';
const EVERYTHING = { refunds: true, payments: true, disputes: true };

let service: TestApp;
before(async () => {
  service = await startTestApp();
  await addMany(service.pool, { refunds: 30_000, until: new Date('2026-01-01Z') });
});
after(() => service[Symbol.asyncDispose]());

type Line = Omit<Found, 'created_at'> & { created_at: string };

async function search(q: string, scope?: string, headers: Record<string, string> = {}): Promise<Line[]> {
  const authorization =
    scope === undefined
      ? {}
      : { authorization: `Bearer ${(await service.issuer.mintToken({ scope })).access_token}` };
  const response = await service.get(`${PATH}?q=${encodeURIComponent(q)}`, { ...authorization, ...headers });
  assert.equal(response.status, 200);
  return (await readDeclared<{ results: Line[] }>(PATH, response)).results;
}

const told = (lines: Line[]) => lines.map(({ type, id, matched }) => `${type} ${id} by ${matched}`);

test('whatever id of a refund, payment, dispute or customer is pasted, here, at Stripe or at the bank, finds it', async () => {
  const { payment, refundIds, disputeIds } = await makePayment(service.pool, {
    customer_id: 'somebody who pasted',
    order_id: 'W-2026/7',
    subscription_id: 'sub_pasted',
    stripe_payment_intent_id: 'pi_pasted',
    stripe_charge_id: 'ch_pasted',
    refunds: [
      { stripe_refund_id: 're_pasted', bank_reference: '74208516031000000123456', charge_id: 'ch_pasted' },
    ],
    disputes: [{}],
  });
  const [refund = ''] = refundIds;
  const [dispute = ''] = disputeIds;
  const { rows } = await service.pool.query('SELECT stripe_dispute_id FROM disputes WHERE dispute_id = $1', [
    dispute,
  ]);
  for (const [q, expected] of [
    [refund, [`refund ${refund} by refund_id`]],
    ['re_pasted', [`refund ${refund} by stripe_refund_id`]],
    ['74208516031000000123456', [`refund ${refund} by bank_reference`]],
    [payment.payment_id, [`payment ${payment.payment_id} by payment_id`]],
    ['pi_pasted', [`payment ${payment.payment_id} by stripe_payment_intent_id`]],
    [
      '  ch_pasted\u00a0',
      [`payment ${payment.payment_id} by stripe_charge_id`, `refund ${refund} by charge_id`],
    ],
    ['W-2026/7', [`payment ${payment.payment_id} by order_id`]],
    ['sub_pasted', [`payment ${payment.payment_id} by subscription_id`]],
    ['somebody who pasted', ['customer somebody who pasted by customer_id']],
    [dispute, [`dispute ${dispute} by dispute_id`]],
    [rows[0].stripe_dispute_id, [`dispute ${dispute} by stripe_dispute_id`]],
    ['SOMEBODY WHO PASTED', []],
    ['nothing', []],
    ['%', []],
    ['x'.repeat(500), []],
  ] as const) {
    assert.deepEqual(told(await search(q)).slice(0, 2), expected, q);
  }
  const [line] = await search('re_pasted');
  assert.deepEqual(line && { ...line, created_at: typeof line.created_at }, {
    type: 'refund',
    id: refund,
    matched: 'stripe_refund_id',
    prefix: false,
    payment_id: payment.payment_id,
    amount_cents: 1_000,
    currency: 'usd',
    status: 'succeeded',
    customer_id: 'somebody who pasted',
    created_at: 'string',
  });
});

test('customers and orders whose ids begin with it come after those who have it, each once, and no more than five', async () => {
  for (const customer_id of ['begin-1', 'begin-1', 'begin-1a', 'begin-1b', 'begin-2', 'begin-1é', 'Begin-1'])
    await makePayment(service.pool, { customer_id, order_id: `order of ${customer_id}` });
  const found = await search('begin-1');
  assert.deepEqual(
    found.map(({ id, prefix }) => [id, prefix]).sort(),
    [
      ['begin-1', false],
      ['begin-1a', true],
      ['begin-1b', true],
      ['begin-1é', true],
    ].sort(),
  );
  assert.equal(found[0]?.id, 'begin-1');
  assert.deepEqual(await search('be'), [], 'two characters are too few');
  assert.deepEqual(
    (await search('order of begin-1')).map(({ matched, prefix }) => [matched, prefix]),
    [...Array(2).fill(['order_id', false]), ...Array(3).fill(['order_id', true])],
  );
  assert.equal((await search('cus_')).length, 5, 'of thousands');
});

test('what several have in common is shown with the newest first, five of each kind and twenty in all', async () => {
  const customer = 'the same for all';
  for (let count = 0; count < 7; count += 1) {
    await makePayment(service.pool, {
      customer_id: customer,
      order_id: customer,
      subscription_id: customer,
      created_at: new Date(Date.UTC(2026, 0, 1 + count)),
      refunds: [{ bank_reference: customer, created_at: new Date(Date.UTC(2026, 1, 1 + count)) }],
    });
  }
  const found = await search(customer);
  assert.ok(found.length <= 20);
  const refunds = found
    .filter(({ type }) => type === 'refund')
    .map(({ created_at }) => created_at.slice(0, 10));
  assert.deepEqual(refunds, ['2026-02-07', '2026-02-06', '2026-02-05', '2026-02-04', '2026-02-03']);
  assert.equal(new Set(found.map(({ type, id }) => type + id)).size, found.length, 'each once');
});

test('a caller finds what their scopes open, of their brand', async () => {
  const id = 'a customer, an order and an ARN';
  const { disputeIds } = await makePayment(service.pool, {
    customer_id: id,
    order_id: id,
    refunds: [{ bank_reference: id }],
    disputes: [{}],
  });
  const types = async (scope: string, q = id, headers = {}) =>
    [...new Set((await search(q, scope, headers)).map(({ type }) => type))].sort();
  assert.deepEqual(await types('admin:refunds.read'), ['refund']);
  assert.deepEqual(await types('admin:payments.read'), ['customer', 'payment']);
  assert.deepEqual(await types('admin:disputes.read'), []);
  assert.deepEqual(await types('admin:disputes.read', disputeIds[0]), ['dispute']);
  assert.deepEqual(await types('admin:refunds admin:payments'), ['customer', 'payment', 'refund']);
  assert.deepEqual(await types('admin:refunds admin:payments', id, { 'x-brand-id': 'acme' }), []);
});

test('nothing, and only space, is refused with the name of the parameter', async () => {
  for (const query of ['', '?q=', '?q=%20%20', `?q=${'x'.repeat(501)}`, '?q=a%00b', '?q=a&limit=5']) {
    const response = await service.get(`${PATH}${query}`);
    const body = await readDeclared<{ error: string; field: string }>(PATH, response);
    assert.deepEqual(
      [response.status, body.error, body.field],
      [400, 'validation_error', query.includes('limit') ? 'limit' : 'q'],
      query,
    );
  }
});

interface Plan {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Shared Hit Blocks': number;
  'Shared Read Blocks': number;
  Plans?: Plan[];
}

for (const q of ['re_77', 'ch_77', BUSY, 'cus_', 'order_7', 'nothing of the kind']) {
  test(`looking for ${q} is look-ups in indexes only, in one query, and as one brand as quick as that`, async () => {
    const plans: Plan[] = [];
    const brand = service.pool.ofBrand('default');
    const explaining = {
      query: async ({ text, values }: { text: string; values: unknown[] }) => {
        const { rows } = await brand.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values);
        plans.push(rows[0]['QUERY PLAN'][0].Plan);
        return { rows: [] };
      },
    } as unknown as Queryable;
    await findAnything(explaining, 'default', q, EVERYTHING);
    assert.equal(plans.length, 1);
    const nodes: Plan[] = [];
    const walk = (node: Plan) => {
      nodes.push(node);
      node.Plans?.forEach(walk);
    };
    plans.forEach(walk);
    assert.ok(nodes.length > 15);
    assert.deepEqual(
      nodes.filter((node) => node['Node Type'].includes('Seq Scan')).map((node) => node['Relation Name']),
      [],
    );
    const [top] = plans;
    assert.ok(top);
    const blocks = top['Shared Hit Blocks'] + top['Shared Read Blocks'];
    assert.ok(blocks < 300, `${blocks} blocks`);
  });
}

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { API_AUDIENCE } from '../../../local/issuer/scopes.ts';
import { startTestApp } from '../../../test/support/app.ts';
import { readDeclared } from '../../../test/support/declared.ts';
import { type MadePayment, makePayment } from '../../../test/support/make.ts';
import { connectIssuer } from '../access/issuer.ts';
import { type PaidWith, type Payment, refundableCents } from './payment.ts';

const service = await startTestApp();
after(() => service[Symbol.asyncDispose]());

const LIST = '/v1/admin/payments';
const ONE = '/v1/payments/{id}';

type Headers = Record<string, string>;
type Filters = Partial<Record<string, string | number>>;
interface Line
  extends Omit<
    Payment,
    | 'brand_id'
    | 'stripe_charge_id'
    | 'created_at'
    | 'updated_at'
    | 'observed_at'
    | 'erased_at'
    | keyof PaidWith
  > {
  charge_id: string | null;
  refundable_cents: number;
  created_at: string;
  updated_at: string;
}
interface Failure {
  error: string;
  message: string;
  field?: string;
}

const address = (filters: Filters) =>
  `${LIST}?${new URLSearchParams(Object.entries(filters).map(([name, value]): [string, string] => [name, String(value)]))}`;

async function bearer(request: Parameters<typeof service.issuer.mintToken>[0]): Promise<Headers> {
  const { access_token } = await service.issuer.mintToken(request);
  return { authorization: `Bearer ${access_token}` };
}

async function list(filters: Filters, headers?: Headers): Promise<Line[]> {
  const lines: Line[] = [];
  for (let next: string | undefined = address(filters); next !== undefined; ) {
    const response: Response = await service.get(next, headers);
    const { payments } = await readDeclared<{ payments: Line[] }>(LIST, response);
    assert.equal(response.status, 200, next);
    lines.push(...payments);
    next = /^<([^>]*)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];
  }
  return lines;
}

const listIds = async (filters: Filters, headers?: Headers) =>
  (await list(filters, headers)).map((line) => line.payment_id);

async function refuse(path: string, field: string): Promise<Failure> {
  const response = await service.get(path);
  const body = await readDeclared<Failure>(LIST, response);
  assert.equal(response.status, 400, path);
  assert.deepEqual([body.error, body.field], ['validation_error', field], path);
  return body;
}

async function get(
  id: string,
  headers?: Headers,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await service.get(`/v1/payments/${id}`, headers);
  return { status: response.status, body: await readDeclared<Record<string, unknown>>(ONE, response) };
}

test('a payment is answered in the form that the platform knows, its amount as a string', async () => {
  const { payment } = await makePayment(service.pool, {
    customer_id: 'customer_form',
    order_id: 'order_form',
    subscription_id: 'sub_form',
    amount_cents: 1_234,
    captured_cents: 1_000,
    created_at: new Date('2026-01-31T14:05:00.007Z'),
    refunds: [{ amount_cents: 100 }],
  });
  const { status, body } = await get(payment.payment_id);
  assert.equal(status, 200);
  const { updated_at, ...rest } = body;
  assert.match(String(updated_at), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(rest, {
    id: payment.payment_id,
    customer_id: 'customer_form',
    order_id: 'order_form',
    amount_cents: '1234',
    currency: 'usd',
    status: 'succeeded',
    stripe_payment_intent_id: payment.stripe_payment_intent_id,
    mode: 'subscription',
    subscription_id: 'sub_form',
    created_at: '2026-01-31T14:05:00.007Z',
  });
});

for (const [currency, amount_cents] of [
  ['jpy', 5_800],
  ['usd', 0],
  ['usd', 1],
  ['kwd', 1_005],
  ['idr', 999_999_999_999],
  ['usd', Number.MAX_SAFE_INTEGER],
] as const) {
  test(`${amount_cents} of ${currency} are exactly that, alone and in the list, down to what one smallest unit leaves`, async () => {
    const refunded = amount_cents > 1 ? [{ amount_cents: 1, currency }] : [];
    const { payment } = await makePayment(service.pool, {
      amount_cents,
      captured_cents: amount_cents,
      currency,
      refunds: refunded,
    });
    const { body } = await get(payment.payment_id);
    assert.equal(body.amount_cents, String(amount_cents));
    assert.equal(body.currency, currency);
    const [line] = await list({ customer_id: payment.customer_id });
    assert.equal(line?.amount_cents, amount_cents);
    assert.equal(line?.captured_cents, amount_cents);
    assert.equal(line?.refunded_cents, refunded.length);
    assert.equal(line?.refundable_cents, amount_cents - refunded.length);
  });
}

test('what nobody knows of a payment is null', async () => {
  const { payment } = await makePayment(service.pool, { order_id: null, stripe_payment_intent_id: null });
  const { body } = await get(payment.payment_id);
  assert.deepEqual([body.order_id, body.stripe_payment_intent_id, body.subscription_id], [null, null, null]);
  assert.equal(body.mode, 'one_shot');
  const [line] = await list({ customer_id: payment.customer_id });
  assert.deepEqual([line?.order_id, line?.stripe_payment_intent_id], [null, null]);
});

const drawnPayment: fc.Arbitrary<MadePayment> = fc.record({
  brand_id: fc.constantFrom('drawn', 'other'),
  customer_id: fc.constantFrom('ada', 'Ada', 'a%'),
  order_id: fc.constantFrom('o1', 'o2', null),
  status: fc.constantFrom('succeeded', 'processing', 'requires_capture'),
  created_at: fc.constantFrom(0, 1, 2, 3).map((ms) => new Date(Date.UTC(2026, 1, 1) + ms)),
  refunds: fc.array(fc.record({ amount_cents: fc.integer({ min: 1, max: 2_000 }) }), { maxLength: 2 }),
});

test('for any payments and any filters the list is what filtering and sorting them by hand gives', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  for (const payment of fc.sample(drawnPayment, { numRuns: 50, seed }))
    await makePayment(service.pool, payment);
  const { rows } = await service.pool.query<Payment>('SELECT * FROM payments');
  const own = rows.filter((row) => row.brand_id === 'drawn');
  assert.ok(own.length > 0 && own.length < rows.length, `seed ${seed}`);
  const moment = fc
    .constantFrom(0, 1, 2, 3, 4)
    .map((ms) => new Date(Date.UTC(2026, 1, 1) + ms).toISOString());
  const drawnFilters = fc.record(
    {
      customer_id: fc.constantFrom('ada', 'Ada', 'a%', 'nobody'),
      order_id: fc.constantFrom('o1', 'o2', 'o%'),
      status: fc.constantFrom('succeeded', 'processing', 'requires_capture', 'canceled'),
      charge_id: fc.constantFrom(...rows.map((row) => row.stripe_charge_id ?? 'ch_none')),
      stripe_payment_intent_id: fc.constantFrom(
        ...rows.map((row) => row.stripe_payment_intent_id ?? 'pi_none'),
      ),
      currency: fc.constantFrom(...rows.map((row) => row.currency)),
      refunded: fc.constantFrom('true', 'false'),
      created_at_gte: moment,
      created_at_lt: moment,
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(drawnFilters, fc.integer({ min: 1, max: 100 }), async (filters, limit) => {
      const { charge_id, refunded, created_at_gte, created_at_lt, ...equal } = filters;
      const wanted = own
        .filter((row) =>
          Object.entries(equal).every(([name, value]) => row[name as keyof typeof equal] === value),
        )
        .filter((row) => refunded === undefined || String(row.refunded_cents > 0) === refunded)
        .filter((row) => charge_id === undefined || row.stripe_charge_id === charge_id)
        .filter((row) => created_at_gte === undefined || row.created_at >= new Date(created_at_gte))
        .filter((row) => created_at_lt === undefined || row.created_at < new Date(created_at_lt))
        .sort(
          (a, b) => b.created_at.getTime() - a.created_at.getTime() || (a.payment_id < b.payment_id ? 1 : -1),
        );
      assert.deepEqual(
        await list({ ...filters, limit }, { 'x-brand-id': 'drawn' }),
        wanted.map((row) => ({
          payment_id: row.payment_id,
          customer_id: row.customer_id,
          order_id: row.order_id,
          charge_id: row.stripe_charge_id,
          stripe_payment_intent_id: row.stripe_payment_intent_id,
          amount_cents: row.amount_cents,
          captured_cents: row.captured_cents,
          reserved_cents: row.reserved_cents,
          refunded_cents: row.refunded_cents,
          refundable_cents: refundableCents(row),
          currency: row.currency,
          status: row.status,
          mode: row.mode,
          subscription_id: row.subscription_id,
          created_at: row.created_at.toISOString(),
          updated_at: row.updated_at.toISOString(),
        })),
      );
    }),
    { numRuns: 100, seed },
  );
});

for (const limit of ['0', '-1', '101', '1.5', '1e2', 'abc', '', '+5', ' 5', '0x10', '9999999999999999999']) {
  test(`a limit of ${JSON.stringify(limit)} is refused`, async () => {
    const { message } = await refuse(address({ limit }), 'limit');
    assert.equal(message, 'limit has to be a whole number from 1 to 100, in digits.');
  });
}

for (const field of ['customer_id', 'order_id', 'charge_id', 'stripe_payment_intent_id', 'status']) {
  test(`${field} is taken word for word: empty, with a NUL, too long and twice are refused, the rest is looked for`, async () => {
    for (const value of ['', 'a\0b', 'x'.repeat(501), 'x'.repeat(7_000)])
      await refuse(address({ [field]: value }), field);
    await refuse(`${LIST}?${field}=a&${field}=b`, field);
    for (const value of ['%', '_', "'; drop table payments; --", '\u202eltr', 'e\u0301', '🦊'.repeat(500)])
      assert.deepEqual(await list({ [field]: value }), []);
  });
}

for (const [field, value] of [
  ['created_at_gte', '2026-01-31T14:05:00'],
  ['created_at_lt', '2026-02-30T00:00:00Z'],
  ['created_at_lt', '2016-12-31T23:59:60Z'],
  ['cursor', 'abc'],
  ['cursor', ''],
] as const) {
  test(`${field}=${value} is refused`, async () => {
    await refuse(address({ [field]: value }), field);
  });
}

for (const name of [
  'customer',
  'payment_id',
  'amount_cents_gte',
  'brand_id',
  'offset',
  'constructor',
  '__proto__',
]) {
  test(`${name} is no parameter of the list of payments, and the refusal names those that are`, async () => {
    const { message } = await refuse(`${LIST}?${name}=1`, name);
    assert.match(
      message,
      /Known are: customer_id, order_id, charge_id, stripe_payment_intent_id, status, currency, refunded, created_at_gte, created_at_lt, limit, cursor\.$/,
    );
  });
}

for (const [id, status] of [
  ['payment_unknown', 404],
  ["'%20or%20'1'='1", 404],
  ['%25', 404],
  ['a%00b', 400],
  ['%ff', 400],
  ['x'.repeat(501), 400],
] as const) {
  test(`a payment by the name of ${id.slice(0, 30)} is a ${status}`, async () => {
    const answer = await get(id);
    assert.equal(answer.status, status);
    assert.equal(answer.body.error, status === 404 ? 'not_found' : 'validation_error');
  });
}

test('a brand never sees a payment of another: not in lists, not by any filter, not by its id', async () => {
  const make = async (brand_id: string) => ({
    ...(await makePayment(service.pool, { brand_id, refunds: [{}] })),
    headers: await bearer({ scope: 'admin:payments.read', brand: brand_id }),
  });
  const acme = await make('acme');
  const zen = await make('zen');
  for (const [mine, theirs] of [
    [acme, zen],
    [zen, acme],
  ] as const) {
    assert.deepEqual(await listIds({}, mine.headers), [mine.payment.payment_id]);
    for (const filters of [
      { customer_id: theirs.payment.customer_id },
      { order_id: theirs.payment.order_id ?? '' },
      { charge_id: theirs.payment.stripe_charge_id ?? '' },
      { stripe_payment_intent_id: theirs.payment.stripe_payment_intent_id ?? '' },
    ]) {
      assert.deepEqual(await listIds(filters, mine.headers), []);
      assert.deepEqual(await listIds(filters, theirs.headers), [theirs.payment.payment_id]);
    }
    const other = theirs.payment.payment_id;
    assert.deepEqual(await get(other, mine.headers), await get('payment_unknown', mine.headers));
    assert.equal((await get(other, mine.headers)).status, 404);
    assert.equal((await get(other)).status, 404);
    assert.equal((await get(other, { 'x-brand-id': theirs.payment.brand_id })).status, 200);
    for (const path of [LIST, `/v1/payments/${other}`]) {
      const contradicting = { ...mine.headers, 'x-brand-id': theirs.payment.brand_id };
      assert.equal((await service.get(path, contradicting)).status, 403);
    }
  }
});

test("a service that may only read its subject's payments has no subject who pays, and sees none", async () => {
  const { payment } = await makePayment(service.pool);
  const namesake = await makePayment(service.pool, { customer_id: 'developer' });
  for (const scope of ['read:payments', 'manage:payments']) {
    const headers = await bearer({ scope });
    assert.equal((await get(payment.payment_id, headers)).status, 404);
    assert.equal((await get(namesake.payment.payment_id, headers)).status, 404);
    assert.equal((await service.get(LIST, headers)).status, 403);
  }
  assert.equal((await get(payment.payment_id, await bearer({ scope: 'admin:payments' }))).status, 200);
});

test('a member of staff sees any payment of the brand', async () => {
  const { payment } = await makePayment(service.pool);
  assert.equal((await get(payment.payment_id, await bearer({ as: 'agent' }))).status, 200);
  assert.equal((await get(payment.payment_id, await bearer({ as: 'nobody' }))).status, 403);
});

test("a customer's own app sees that customer's payments and no other, which are as unknown as none at all", async () => {
  // The platform's issuer for its customers; the local one knows staff and services only.
  const facts = {
    active: true,
    client_id: 'shop-app',
    aud: API_AUDIENCE,
    exp: Math.floor(Date.now() / 1_000) + 600,
  };
  const issuer = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (form: string) => {
      const [sub, scope, brand] = (new URLSearchParams(form).get('token') ?? '').split('~');
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ ...facts, sub, scope: scope?.replace('/', ':'), brand }));
    });
  }).listen(0, '127.0.0.1');
  await once(issuer, 'listening');
  const introspection_url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/introspect`;
  const credentials = { client_id: 'payments-service', client_secret: 'secret', audience: API_AUDIENCE };
  try {
    await using shop = await startTestApp({
      pool: service.pool,
      issuer: connectIssuer({ introspection_url, ...credentials }),
    });
    const ada = await makePayment(service.pool, { customer_id: 'ada_shopping' });
    const bob = await makePayment(service.pool, { customer_id: 'bob_shopping' });
    const elsewhere = await makePayment(service.pool, { customer_id: 'ada_shopping', brand_id: 'acme' });
    const ask = async (id: string, token: string) => {
      const response = await shop.get(`/v1/payments/${id}`, { authorization: `Bearer ${token}` });
      return { status: response.status, body: await readDeclared<Record<string, unknown>>(ONE, response) };
    };
    const token = 'ada_shopping~read/payments';
    const own = await ask(ada.payment.payment_id, token);
    assert.equal(own.status, 200);
    assert.equal(own.body.customer_id, 'ada_shopping');
    const unknown = await ask('payment_unknown', token);
    assert.equal(unknown.status, 404);
    for (const { payment } of [bob, elsewhere])
      assert.deepEqual(await ask(payment.payment_id, token), unknown);
    assert.equal((await ask(elsewhere.payment.payment_id, `${token}~acme`)).status, 200);
    const reaching = await shop.get(`/v1/payments/${elsewhere.payment.payment_id}`, {
      authorization: `Bearer ${token}`,
      'x-brand-id': 'acme',
    });
    assert.equal(
      reaching.status,
      403,
      'only staff and services choose a brand: customers share names between brands',
    );
    assert.equal((await ask(bob.payment.payment_id, 'Bob_shopping~read/payments')).status, 404);
    assert.equal((await ask(bob.payment.payment_id, 'ada_shopping~admin/payments.read')).status, 200);
    // The client speaking for itself is a service, also where a customer has its name.
    const itself = await makePayment(service.pool, { customer_id: 'shop-app' });
    assert.equal((await ask(itself.payment.payment_id, 'shop-app~read/payments')).status, 404);
    const lists = await shop.get(LIST, { authorization: `Bearer ${token}` });
    assert.equal(lists.status, 403);
    assert.doesNotMatch(shop.logged(), /shopping|"level":5\d/);
  } finally {
    issuer.close();
    issuer.closeAllConnections();
  }
});

test('after all this the log holds no customer, no token and no query, and nothing was an error of ours', () => {
  const log = service.logged();
  assert.match(log, /"route":"\/v1\/payments\/:id"/);
  for (const personal of ['Bearer', 'customer_', 'order_', 'drop table', 'limit=', '?'])
    assert.ok(!log.includes(personal), personal);
  assert.doesNotMatch(log, /"status":5\d\d|"level":5\d/);
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PEOPLE } from '../local/issuer/people.ts';
import { API_SCOPES } from '../local/issuer/scopes.ts';
import { DEFAULT_ROLES } from '../service/src/access/roles.ts';
import { SCOPES } from '../service/src/access/scopes.ts';
import { READ_EVENTS } from '../service/src/audit/record.ts';
import { type Answered, assertDeclared } from './support/declared.ts';
import { makePayment } from './support/make.ts';
import { type OpenApiDocument, type Operation, operationsOf } from './support/operations.ts';
import {
  type BrandWorld,
  digestBooks,
  namesOf,
  receiveEvent,
  startTwoBrands,
  type TwoBrands,
} from './support/two-brands.ts';

/** How an operation is called so that it succeeds for whoever may; the address without the operation's own path where it is that. */
interface Call {
  path?: string;
  body?: object;
}

/** Each operation that needs a token, with what is called on: things of that brand, unused where they can be used up. */
const CALLS: Record<string, (brand: BrandWorld) => Call | Promise<Call>> = {
  listRefunds: () => ({}),
  listRefundsDetailed: () => ({}),
  issueRefund: async ({ pay }) => ({
    body: { charge_id: (await pay()).charge_id, amount_cents: 100 },
  }),
  listRefundReasons: () => ({}),
  getRefund: ({ refund_id }) => ({ path: `/v1/admin/refunds/${refund_id}` }),
  issueRefundOfPayment: async ({ pay }) => ({
    body: { payment_id: (await pay()).payment_id, amount_cents: 100 },
  }),
  approveRefund: async ({ awaiting }) => ({
    path: `/v1/admin/refunds/${await awaiting()}/approve`,
    body: {},
  }),
  rejectRefund: async ({ awaiting }) => ({ path: `/v1/admin/refunds/${await awaiting()}/reject`, body: {} }),
  cancelRefund: async ({ awaiting }) => ({ path: `/v1/admin/refunds/${await awaiting()}/cancel` }),
  syncRefund: ({ refund_id }) => ({ path: `/v1/admin/refunds/${refund_id}/sync` }),
  resolveRefund: async ({ bounced }) => ({
    path: `/v1/admin/refunds/${await bounced()}/resolve`,
    body: { resolution: 'paid_otherwise', reference: 'transfer 1' },
  }),
  createRefundBatch: ({ paid }) => ({ body: { rows: [{ payment_id: paid.payment_id, reason: 'other' }] } }),
  listRefundBatches: () => ({}),
  getRefundBatch: ({ draft_id }) => ({ path: `/v1/admin/refund-batches/${draft_id}` }),
  listRefundBatchRows: ({ draft_id }) => ({ path: `/v1/admin/refund-batches/${draft_id}/rows` }),
  runRefundBatch: async ({ batch }) => ({ path: `/v1/admin/refund-batches/${await batch('draft')}/run` }),
  stopRefundBatch: async ({ batch }) => ({ path: `/v1/admin/refund-batches/${await batch('running')}/stop` }),
  getPayment: ({ paid }) => ({ path: `/v1/payments/${paid.payment_id}` }),
  listPayments: () => ({}),
  getPaymentDetail: ({ paid }) => ({ path: `/v1/admin/payments/${paid.payment_id}` }),
  listDisputes: ({ brand_id }) => ({ path: `/v1/admin/disputes?brand_id=${brand_id}` }),
  getDispute: ({ dispute }) => ({ path: `/v1/admin/disputes/${dispute.dispute_id}` }),
  summarizeRefunds: () => ({}),
  analyzeRefunds: () => ({ path: '/v1/admin/refunds/insights?currency=usd' }),
  exportRefunds: () => ({}),
  getCustomer: ({ customer_id }) => ({ path: `/v1/admin/customers/${customer_id}` }),
  search: ({ refund_id }) => ({ path: `/v1/admin/search?q=${refund_id}` }),
  listAudit: () => ({}),
  exportAudit: () => ({}),
  listStripeEvents: () => ({}),
  listReconcileRuns: () => ({}),
  startReconcileRun: async () => {
    // One at a time: as if a worker had done with the one before.
    await world.pool.query(`SELECT graphile_worker.remove_job('reconcile')`);
    return { body: { from: '2026-01-01T00:00:00Z' } };
  },
  listReconcileDifferences: () => ({}),
  closeReconcileDifference: async ({ differing }) => ({
    path: `/v1/admin/reconcile-differences/${await differing()}/close`,
    body: { note: 'It was settled.' },
  }),
  getOperations: () => ({}),
  listEventTypes: () => ({}),
  listEventEndpoints: () => ({}),
  createEventEndpoint: () => ({ body: { url: 'https://shop.example/events', event_types: ['*'] } }),
  getEventEndpoint: ({ endpoint_id }) => ({ path: `/v1/admin/event-endpoints/${endpoint_id}` }),
  updateEventEndpoint: ({ endpoint_id }) => ({
    path: `/v1/admin/event-endpoints/${endpoint_id}`,
    body: { description: 'the shop' },
  }),
  deleteEventEndpoint: async ({ endpoint }) => ({
    path: `/v1/admin/event-endpoints/${await endpoint()}/delete`,
  }),
  getEventEndpointSecret: ({ endpoint_id }) => ({
    path: `/v1/admin/event-endpoints/${endpoint_id}/secret`,
  }),
  rotateEventEndpointSecret: ({ endpoint_id }) => ({
    path: `/v1/admin/event-endpoints/${endpoint_id}/rotate-secret`,
  }),
  testEventEndpoint: ({ endpoint_id }) => ({ path: `/v1/admin/event-endpoints/${endpoint_id}/test` }),
  resendFailedEvents: ({ endpoint_id }) => ({
    path: `/v1/admin/event-endpoints/${endpoint_id}/resend`,
    body: { since: '2026-01-01T00:00:00Z' },
  }),
  listEventDeliveries: () => ({}),
  getEventDelivery: ({ endpoint_id, event_id }) => ({
    path: `/v1/admin/event-endpoints/${endpoint_id}/deliveries/${event_id}`,
  }),
  resendEvent: ({ endpoint_id, event_id }) => ({
    path: `/v1/admin/event-endpoints/${endpoint_id}/deliveries/${event_id}/resend`,
  }),
  replayStripeEvent: ({ event }) => ({ body: { event_id: event.stripe_event_id } }),
};

/** Scopes that open to a customer what is theirs; a service, which is no customer, finds nothing. */
const CUSTOMERS_ONLY = 'read:payments';

/** Operations that tell of all brands, and are for those who are bound to none. */
const OF_ALL_BRANDS = ['listReconcileRuns', 'startReconcileRun', 'getOperations'];

/** Who is asking for nothing that is anybody's. */
const OPEN = ['getMetrics', 'getHealth', 'getReadiness', 'receiveStripeEvent'];

/** It says row by row what it is told of, also that there is no such payment. */
const CHECKS_ROWS = 'createRefundBatch';
/** What it makes is the caller's own. */
const MAKES_OWN = 'createEventEndpoint';

/** Operations that name what they are about, so that another brand's is a 404: in their path, or in their body. */
const NAMES_IT = (operation: Operation) =>
  operation.id !== CHECKS_ROWS &&
  operation.id !== MAKES_OWN &&
  (operation.path.includes('{') || (operation.method === 'post' && operation.body !== undefined));

let world: TwoBrands;
let operations: Operation[];
before(async () => {
  world = await startTwoBrands();
  const document = (await (await fetch(`${world.url}/openapi.json`)).json()) as OpenApiDocument;
  operations = operationsOf(document);
});
after(async () => {
  await world[Symbol.asyncDispose]();
});

const guarded = () => operations.filter(({ scopes }) => scopes.length > 0);

/** Sends it, and holds the answer to what the document declares. */
async function send(
  operation: Operation,
  { path = operation.path, body }: Call,
  headers: Record<string, string>,
): Promise<Answered & { body: unknown }> {
  const response = await fetch(`${world.url}${path}`, {
    method: operation.method.toUpperCase(),
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answered = { status: response.status, headers: response.headers, text: await response.text() };
  if (answered.status === 401 || answered.status === 403) {
    const challenge = answered.headers.get('www-authenticate');
    assert.match(challenge ?? '', /^Bearer realm="payments"/, `${operation.id}: ${answered.status}`);
  }
  assert.ok(answered.headers.get('x-request-id'));
  return { ...answered, body: assertDeclared(operation.path, operation.method, answered) };
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const mint = async (request: Parameters<TwoBrands['issuer']['mintToken']>[0]) =>
  bearer((await world.issuer.mintToken(request)).access_token);

/** What is refused, and how: the error's code, and what the challenge says beside the realm. */
async function assertRefused(
  operation: Operation,
  call: Call,
  headers: Record<string, string>,
  expected: { status: number; error: string; challenge: string | undefined },
): Promise<void> {
  const { status, body, headers: answered } = await send(operation, call, headers);
  assert.deepEqual(
    [status, (body as { error: string }).error],
    [expected.status, expected.error],
    operation.id,
  );
  const [, challenge] =
    /^Bearer realm="payments"(?:, (.*))?$/.exec(answered.get('www-authenticate') ?? '') ?? [];
  assert.equal(challenge, expected.challenge, operation.id);
}

/** Every scope that opens none of these, nor covers one that does. */
function scopesBeside({ scopes }: Operation): string {
  const opening = scopes.flat();
  return API_SCOPES.filter((scope) => {
    const [, resource] = scope.split(':');
    return !opening.some(
      (one) =>
        one === scope ||
        one.startsWith(`${scope}.`) ||
        (scope.startsWith('manage:') && one.endsWith(`:${resource}`)),
    );
  }).join(' ');
}

test('every operation that is served has an entry here that says how it is called', () => {
  assert.deepEqual(
    guarded()
      .map(({ id }) => id)
      .sort(),
    Object.keys(CALLS).sort(),
  );
  assert.deepEqual(
    operations.filter(({ scopes }) => scopes.length === 0).map(({ id }) => id),
    OPEN,
  );
});

test('without a good token no operation answers anything but why not, and nothing changes', async () => {
  const dead = await world.issuer.mintToken({ scope: 'admin:refunds', expires_in_s: -1 });
  const elsewhere = await world.issuer.mintToken({ scope: 'admin:refunds', audience: 'urn:other:api' });
  const refusals = [
    [{}, { status: 401, error: 'unauthenticated', challenge: undefined }],
    [
      { authorization: 'Basic dXNlcjpwYXNz' },
      { status: 401, error: 'unauthenticated', challenge: undefined },
    ],
    [bearer(dead.access_token), { status: 401, error: 'invalid_token', challenge: 'error="invalid_token"' }],
    [
      bearer(elsewhere.access_token),
      { status: 401, error: 'invalid_token', challenge: 'error="invalid_token"' },
    ],
    [bearer('made-up'), { status: 401, error: 'invalid_token', challenge: 'error="invalid_token"' }],
    [bearer('two words'), { status: 400, error: 'validation_error', challenge: 'error="invalid_request"' }],
    [bearer('é'), { status: 400, error: 'validation_error', challenge: 'error="invalid_request"' }],
  ] as const;
  const calls = await callsOf(world.one);
  const before = await digestBooks(world.pool);
  for (const { operation, call } of calls) {
    for (const [headers, expected] of refusals) await assertRefused(operation, call, headers, expected);
  }
  assert.deepEqual(await digestBooks(world.pool), before);
});

const callsOf = (brand: BrandWorld) =>
  Promise.all(
    guarded().map(async (operation) => ({ operation, call: (await CALLS[operation.id]?.(brand)) ?? {} })),
  );

test('every scope but those that open it opens no operation, and nothing changes', async () => {
  const calls = await callsOf(world.one);
  const before = await digestBooks(world.pool);
  for (const { operation, call } of calls) {
    await assertRefused(operation, call, await mint({ scope: scopesBeside(operation) }), {
      status: 403,
      error: 'insufficient_scope',
      challenge: `error="insufficient_scope", scope="${operation.scopes[0]?.join(' ')}"`,
    });
  }
  assert.deepEqual(await digestBooks(world.pool), before);
});

test('a service with exactly one scope that opens an operation is let in', async () => {
  for (const operation of guarded()) {
    for (const scopes of operation.scopes) {
      const call = (await CALLS[operation.id]?.(world.one)) ?? {};
      const { status, text } = await send(operation, call, await mint({ scope: scopes.join(' ') }));
      if (scopes.includes(CUSTOMERS_ONLY)) assert.equal(status, 404, operation.id);
      else assert.ok(status >= 200 && status < 300, `${operation.id} with ${scopes}: ${status} ${text}`);
    }
  }
});

test('whom a laptop signs in may do what their role is said to open in docs/access.md, neither more nor less', () => {
  const roles: Record<string, readonly string[]> = DEFAULT_ROLES;
  for (const { id, scopes } of PEOPLE) {
    const enforced = scopes.filter((scope) => Object.hasOwn(SCOPES, scope));
    assert.deepEqual(enforced.toSorted(), [...(roles[id] ?? [])].sort(), id);
  }
  assert.deepEqual(
    Object.keys(roles).filter((role) => !PEOPLE.some(({ id }) => id === role)),
    [],
  );
});

for (const { id: person, scopes: granted } of PEOPLE) {
  test(`${person} is let in where their scopes say so, and nowhere else`, async () => {
    for (const operation of guarded()) {
      const call = (await CALLS[operation.id]?.(world.one)) ?? {};
      const headers = await mint({ as: person });
      if (operation.scopes.some((needed) => needed.every((scope) => granted.includes(scope)))) {
        const { status, text } = await send(operation, call, headers);
        assert.ok(status >= 200 && status < 300, `${operation.id}: ${status} ${text}`);
      } else {
        const before = await digestBooks(world.pool);
        await assertRefused(operation, call, headers, {
          status: 403,
          error: 'insufficient_scope',
          challenge: `error="insufficient_scope", scope="${operation.scopes[0]?.join(' ')}"`,
        });
        assert.deepEqual(await digestBooks(world.pool), before, operation.id);
      }
    }
  });
}

test('an operation that is open to all answers without a token as it is declared', async () => {
  for (const operation of operations.filter(({ scopes }) => scopes.length === 0)) {
    const { status } = await send(operation, operation.method === 'post' ? { body: {} } : {}, {});
    assert.equal(status, operation.id === 'receiveStripeEvent' ? 401 : 200, operation.id);
  }
});

/** A page of each list of a brand, so that there is a next one. */
async function cursorOf(operation: Operation, brand: BrandWorld): Promise<string> {
  const query = operation.id === 'listDisputes' ? `brand_id=${brand.brand_id}&limit=1` : 'limit=1';
  const { headers, text } = await send(
    operation,
    { path: `${operation.path}?${query}` },
    bearer(brand.token),
  );
  const [, cursor] = /[?&]cursor=([^&>]+)/.exec(headers.get('link') ?? '') ?? [];
  assert.ok(cursor, `${operation.id} has no second page: ${text}`);
  return cursor;
}

/** What of a brand's may be looked for by a parameter of a list. */
const LOOKED_FOR: Record<string, (brand: BrandWorld) => string> = {
  customer_id: ({ customer_id }) => customer_id,
  payment_id: ({ paid }) => paid.payment_id,
  charge_id: ({ paid }) => paid.charge_id,
  stripe_refund_id: ({ stripe_refund_id }) => stripe_refund_id,
  stripe_payment_intent_id: ({ paid }) => paid.payment_intent_id,
  entity_id: ({ refund_id }) => refund_id,
  endpoint_id: ({ endpoint_id }) => endpoint_id,
  event_id: ({ event_id }) => event_id,
  object_id: ({ paid }) => paid.charge_id,
  q: ({ refund_id }) => refund_id,
};
/** What an operation's address has to have, or has so that it says nothing where there is nothing. */
const OWN_QUERY: Record<string, (brand_id: string) => string> = {
  listDisputes: (brand_id) => `brand_id=${brand_id}&`,
  analyzeRefunds: () => 'currency=usd&',
  exportRefunds: () => 'format=ndjson&',
};
/** Parameters whose values are nobody's. */
const NOBODYS = [
  'status reason reason_code currency refunded failed_late time_zone format amount_cents_gte amount_cents_lte created_at_gte created_at_lt needs_attention unknown limit',
  'order_id actor_id event_type entity_type request_id occurred_at_gte occurred_at_lt',
  'received_at_gte received_at_lt open run_id',
]
  .join(' ')
  .split(' ');

for (const [mine, theirs] of [
  ['one', 'other'],
  ['other', 'one'],
] as const) {
  test(`of the brand of ${theirs}, a token of ${mine} sees nothing and changes nothing, by whatever id`, async () => {
    const { brand_id, token } = world[mine];
    const foreign = world[theirs];
    const addMore = async () => {
      await makeSecondOfEach(foreign);
      return await callsOf(foreign);
    };
    const calls = await addMore();
    const cursors = new Map<string, string>();
    for (const operation of guarded()) {
      if (OF_ALL_BRANDS.includes(operation.id)) continue;
      if (operation.parameters.some(({ name }) => name === 'cursor') && !operation.path.includes('{'))
        cursors.set(operation.id, await cursorOf(operation, foreign));
    }
    const names = await namesOf(world.pool, foreign.brand_id);
    assert.ok(names.length > 10);
    const before = await digestBooks(world.pool);
    const ask = async (operation: Operation, call: Call, headers = bearer(token)) => {
      const answered = await send(operation, call, headers);
      const asked = decodeURIComponent(`${call.path} ${JSON.stringify(call.body)}`);
      const shown = operation.id.includes('Audit') ? withoutReads(answered.text) : answered.text;
      const told = names.filter((name) => shown.includes(name) && !asked.includes(name));
      assert.deepEqual(told, [], `${operation.id} tells of another brand`);
      return answered;
    };
    for (const { operation, call } of calls) {
      // By naming another brand than the token's.
      const named = await ask(operation, call, { ...bearer(token), 'x-brand-id': foreign.brand_id });
      assert.equal(named.status, 403, `${operation.id} with X-Brand-Id`);
      if (OF_ALL_BRANDS.includes(operation.id)) {
        assert.equal((await ask(operation, call)).status, 403, operation.id);
        continue;
      }

      // By the ids of what it is about.
      if (NAMES_IT(operation)) {
        const { status, text } = await ask(operation, call);
        assert.equal(status, 404, `${operation.id}: ${text}`);
      }

      // By what a list is narrowed to, and by where it goes on.
      const own = OWN_QUERY[operation.id]?.(brand_id) ?? '';
      for (const { name, in: place } of operation.parameters) {
        if (place !== 'query' || operation.path.includes('{') || NOBODYS.includes(name)) continue;
        const path = (value: string) => `${operation.path}?${own}${name}=${encodeURIComponent(value)}`;
        if (name === 'brand_id') {
          const { status } = await ask(operation, { path: `${operation.path}?brand_id=${foreign.brand_id}` });
          assert.equal(status, 403, operation.id);
        } else if (name === 'cursor') {
          const { status } = await ask(operation, { path: path(cursors.get(operation.id) ?? '') });
          assert.equal(status, 400, `${operation.id} with a cursor`);
        } else if (name === 'after') {
          const { status } = await ask(operation, { path: path(foreign.refund_id) });
          assert.equal(status, 400, `${operation.id} after another brand’s`);
        } else {
          const value = LOOKED_FOR[name]?.(foreign);
          assert.ok(value, `${operation.id} has a parameter ${name} that is not known here`);
          const { status, body } = await ask(operation, { path: path(value) });
          assert.equal(status, 200);
          // What this very caller has just tried is told to them; it says no more than what they sent.
          if (operation.id.includes('Audit')) continue;
          assert.deepEqual(
            Object.values(body as Record<string, unknown[]>).flat(),
            [],
            `${operation.id} by ${name}`,
          );
        }
      }
      if (operation.method === 'get' && !operation.path.includes('{') && operation.id !== 'listAudit') {
        await ask(operation, { path: `${operation.path}${own === '' ? '' : `?${own}`}` });
      }
    }
    const { operation: resolving } = calls.find(({ operation }) => operation.id === 'resolveRefund') ?? {};
    assert.ok(resolving);
    assert.deepEqual(await digestBooks(world.pool), before);

    // By naming theirs in what is done to one's own.
    const { operation: checking, call: checked } =
      calls.find(({ operation }) => operation.id === CHECKS_ROWS) ?? {};
    assert.ok(checking && checked);
    const { body: draft } = await ask(checking, checked);
    assert.deepEqual((draft as { counts: object }).counts, {
      checked: 0,
      cannot: 1,
      running: 0,
      issued: 0,
      failed: 0,
    });
    const own = await world[mine].bounced();
    const beforeOwn = await digestBooks(world.pool);
    const { status } = await ask(resolving, {
      path: `/v1/admin/refunds/${own}/resolve`,
      body: { resolution: 'refunded_again', replacement_refund_id: foreign.refund_id },
    });
    assert.ok(status === 404 || status === 409 || status === 422, String(status));
    assert.deepEqual(await digestBooks(world.pool), beforeOwn);
  });
}

/** The audit log tells callers also what they have themselves looked for, in vain as it was: that is theirs. */
const withoutReads = (text: string) =>
  text
    .split(/(?<=})[,\n](?={)/)
    .filter((row) => !READ_EVENTS.some((name) => row.includes(`"event_type":"${name}"`)))
    .join('\n');

/** So that each list of the brand has a second page. */
async function makeSecondOfEach(brand: BrandWorld): Promise<void> {
  await brand.awaiting();
  await brand.differing();
  await brand.batch('draft');
  await brand.endpoint();
  await receiveEvent(world.url, brand.paid.charge_id, `evt_more_of_${brand.brand_id}`);
  await makePayment(world.pool, {
    brand_id: brand.brand_id,
    customer_id: brand.customer_id,
    disputes: [{}],
  });
}

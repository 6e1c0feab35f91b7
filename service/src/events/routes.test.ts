import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Caller, type IssuingWorld, startIssuing } from '../../../test/support/issuing.ts';
import { createSeal } from '../seal.ts';
import { EVENT_TYPES } from './catalogue.ts';

const ENDPOINTS = '/v1/admin/event-endpoints';
const seal = createSeal(['a secret of a test'], 'event endpoint');

const world: IssuingWorld = await startIssuing({ events: { seal, allow_private: false } });
after(() => world[Symbol.asyncDispose]());
const operator: Caller = await world.caller({ scope: 'admin:events' });

const URL_OF_SHOP = 'https://shop.example/events';
const create = (body: object, headers = {}) =>
  operator.post<
    Record<string, unknown> & { endpoint_id: string; error: string; message: string; field: string }
  >(ENDPOINTS, { url: URL_OF_SHOP, event_types: ['*'], ...body }, headers);

for (const [what, url, sentence] of [
  ['no address', 'shop', /has to be an address/],
  ['without TLS', 'http://shop.example/', /https/],
  ['of another protocol', 'ftp://shop.example/', /https/],
  ['with a password', 'https://user:secret@shop.example/', /user or a password/],
  ['with a fragment', 'https://shop.example/#here', /fragment/],
  ['of this machine', 'https://localhost/', /private or reserved/],
  ['of this machine by number', 'https://127.0.0.1/', /private or reserved/],
  ['of this machine as one number', 'https://2130706433/', /private or reserved/],
  ['of a private network', 'https://10.0.0.1/', /private or reserved/],
  ['of a cloud’s metadata', 'https://169.254.169.254/latest', /private or reserved/],
  ['of this machine in IPv6', 'https://[::1]/', /private or reserved/],
  ['of a private network, mapped into IPv6', 'https://[::ffff:10.0.0.1]/', /private or reserved/],
  ['of nobody', 'https://0.0.0.0/', /private or reserved/],
] as const) {
  test(`an endpoint ${what} is refused with a sentence, and without what was sent`, async () => {
    const { status, body, text } = await create({ url });
    assert.equal(status, 422, text);
    assert.equal(body.field, 'url');
    assert.match(body.message, sentence);
    assert.doesNotMatch(text, /secret|127\.0|10\.0/);
  });
}

test('an endpoint asks for types that there are, and no others', async () => {
  for (const event_types of [[], ['refund'], ['refund.*', 'refund.*'], ['refund.exploded.v1']]) {
    const { status, body } = await create({ event_types });
    assert.equal(status, 422);
    assert.match(body.field, /^event_types/);
  }
  assert.equal((await create({ event_types: ['refund.*', 'dispute.opened.v1'] })).status, 201);
});

test('the same key makes one endpoint, whose secret is in no answer but its own, and in the database only sealed', async () => {
  const headers = { 'idempotency-key': 'once' };
  const { text, body } = await create({}, headers);
  assert.equal((await create({}, headers)).text, text);
  const path = `${ENDPOINTS}/${body.endpoint_id}/secret`;
  const { body: secrets, headers: answered } = await operator.get<{ secret: string }>(path);
  assert.match(secrets.secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  assert.equal(answered.get('cache-control'), 'no-store');
  const { rows } = await world.pool.query(
    `SELECT (SELECT string_agg(e::text, '') FROM event_endpoints e) || (SELECT string_agg(k::text, '') FROM idempotency_keys k) AS all`,
  );
  assert.ok(!rows[0].all.includes(secrets.secret.slice('whsec_'.length)));
  assert.ok(!world.logged().includes(secrets.secret));
  const reader = await world.caller({ scope: 'admin:events.read' });
  assert.equal((await reader.get(path)).status, 403);
});

test('an endpoint is changed as far as is said, and gone when it is deleted, with its secret', async () => {
  const { body } = await create({ description: 'The shop' });
  const path = `${ENDPOINTS}/${body.endpoint_id}`;
  const changed = await operator.post<Record<string, unknown>>(path, { status: 'disabled' });
  assert.deepEqual(
    { ...changed.body, updated_at: body.updated_at },
    { ...body, status: 'disabled', disabled_reason: 'by_hand' },
  );
  assert.equal((await operator.post(`${path}/test`)).status, 412);
  assert.equal((await operator.post(`${path}/delete`)).status, 200);
  assert.equal((await operator.get(path)).status, 404);
  assert.equal((await operator.get(`${path}/secret`)).status, 404);
  const { body: listed } = await operator.get<{ endpoints: { endpoint_id: string }[] }>(
    `${ENDPOINTS}?limit=100`,
  );
  assert.ok(!listed.endpoints.some(({ endpoint_id }) => endpoint_id === body.endpoint_id));
  const { rows } = await world.pool.query('SELECT secret FROM event_endpoints WHERE endpoint_id = $1', [
    body.endpoint_id,
  ]);
  assert.deepEqual(rows, [{ secret: '' }]);
});

test('a brand has no more than 20 endpoints', async () => {
  const brand = await world.caller({ scope: 'admin:events', brand: 'many' });
  for (let made = 0; made < 20; made += 1) {
    assert.equal((await brand.post(ENDPOINTS, { url: URL_OF_SHOP, event_types: ['*'] })).status, 201);
  }
  const { status, body } = await brand.post(ENDPOINTS, { url: URL_OF_SHOP, event_types: ['*'] });
  assert.equal(status, 409);
  assert.match(body.message, /20 endpoints/);
});

test('a brand sees its own endpoints and deliveries, and is told of its own refunds only', async () => {
  const own = await world.caller({ scope: 'admin:events admin:refunds', brand: 'own' });
  const { body } = await own.post<{ endpoint_id: string }>(ENDPOINTS, {
    url: URL_OF_SHOP,
    event_types: ['refund.*'],
  });
  const { body: of_other } = await create({});
  const { charge_id } = await world.pay({ brand_id: 'own' });
  const { body: refund } = await own.post('/v1/admin/refunds', { charge_id, reason: 'duplicate' });
  const list = async (caller: Caller) =>
    (
      await caller.get<{ deliveries: { endpoint_id: string; event_id: string; entity_id: string }[] }>(
        '/v1/admin/event-deliveries?limit=100',
      )
    ).body.deliveries;
  const deliveries = await list(own);
  assert.deepEqual(
    deliveries.map(({ endpoint_id, entity_id }) => [endpoint_id, entity_id]),
    deliveries.map(() => [body.endpoint_id, refund.refund_id]),
  );
  assert.equal(deliveries.length, 2);
  assert.ok(!(await list(operator)).some(({ entity_id }) => entity_id === refund.refund_id));
  const [delivery] = deliveries;
  for (const path of [
    `${ENDPOINTS}/${body.endpoint_id}`,
    `${ENDPOINTS}/${body.endpoint_id}/secret`,
    `${ENDPOINTS}/${body.endpoint_id}/deliveries/${delivery?.event_id}`,
  ]) {
    assert.equal((await operator.get(path)).status, 404, path);
    assert.equal((await own.get(path)).status, 200, path);
  }
  assert.equal((await own.get(`${ENDPOINTS}/${of_other.endpoint_id}`)).status, 404);
  assert.equal(
    (await operator.post(`${ENDPOINTS}/${body.endpoint_id}/deliveries/${delivery?.event_id}/resend`)).status,
    404,
  );
});

test('what the catalogue says is told through the API, too', async () => {
  const { body } = await operator.get<{
    event_types: { event_type: string; schema: { properties: object } }[];
  }>('/v1/admin/event-types');
  assert.deepEqual(
    body.event_types.map(({ event_type }) => event_type),
    EVENT_TYPES,
  );
  for (const { schema } of body.event_types) assert.ok(Object.keys(schema.properties).length > 0);
});

test('without a secret to seal with no endpoint is made, and the answer says which setting is missing', async () => {
  await using without = await startIssuing({ events: { seal: undefined, allow_private: false } });
  const caller = await without.caller({ scope: 'admin:events' });
  const { status, body } = await caller.post(ENDPOINTS, { url: URL_OF_SHOP, event_types: ['*'] });
  assert.equal(status, 412);
  assert.match(body.message, /EVENT_SECRET/);
});

import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { startIssuer } from '../local/issuer/start.ts';
import { createPaymentIntent } from '../local/stripe/resources/payment_intents.ts';
import { startStripe } from '../local/stripe/server.ts';
import { createTestDatabase } from './support/database.ts';
import { Service, settingsOf } from './support/service.ts';

/** Everything that is rotated is set so that the new value may be told to one instance after another, while callers go on. */
const OLD_KEY = 'sk_test_before';
const NEW_KEY = 'sk_test_after';
const running = new AsyncDisposableStack();
let neighbours: Awaited<ReturnType<typeof startNeighbours>>;

async function startNeighbours() {
  const issuer = await startIssuer();
  running.defer(() => issuer.close());
  const standIn = await startStripe({ databaseFile: ':memory:', apiKey: OLD_KEY });
  running.defer(() => standIn.close());
  const database = running.use(await createTestDatabase());
  return { issuer, standIn, databaseUrl: database.url };
}
before(async () => {
  neighbours = await startNeighbours();
});
after(() => running.disposeAsync());

const OLD_SECRET = 'the old secret of many characters';
const NEW_SECRET = 'the new secret of many characters';

const start = (env: Record<string, string>) => new Service({ ...settingsOf(neighbours), ...env });

/** Asks an instance for a refund of a new payment, by its charge. */
async function refund(url: string, key: string, charge_id: string) {
  const { access_token } = await neighbours.issuer.mintToken({ scope: 'admin:refunds' });
  const response = await fetch(`${url}/v1/admin/refunds`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${access_token}`,
      'content-type': 'application/json',
      'idempotency-key': key,
    },
    body: JSON.stringify({ charge_id, amount_cents: 100 }),
  });
  return { status: response.status, text: await response.text() };
}

function pay(): string {
  const { intent } = createPaymentIntent(neighbours.standIn.world, {
    amount: 1_000,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
    metadata: { customer_id: 'customer_1' },
  });
  assert.equal(typeof intent.latest_charge, 'string');
  return String(intent.latest_charge);
}

test('Stripe’s API key is rolled instance by instance: refunds go on, and a repeat at the other one is no second refund', async () => {
  const { standIn } = neighbours;
  await using before = start({ STRIPE_API_KEY: OLD_KEY });
  const old = await before.ready();
  const [first, second, third] = [pay(), pay(), pay()];
  const one = await refund(old, 'rotation-1', first);
  assert.equal(one.status, 201);

  standIn.apiKeys.add(NEW_KEY);
  await using afterwards = start({ STRIPE_API_KEY: NEW_KEY });
  const fresh = await afterwards.ready();
  assert.deepEqual(await refund(fresh, 'rotation-1', first), one);
  assert.equal((await refund(old, 'rotation-2', second)).status, 201);
  assert.equal(await before.stop(), 0);

  standIn.apiKeys.delete(OLD_KEY);
  assert.equal((await refund(fresh, 'rotation-3', third)).status, 201);
  const made = standIn.world.store.list('refund', { where: {}, created: {}, limit: 100 });
  assert.deepEqual(made.map(({ body }) => body.charge).sort(), [first, second, third].sort(), 'each once');
  assert.equal(await afterwards.stop(), 0);
  standIn.apiKeys.add(OLD_KEY);
});

test('a webhook’s secret is rotated without an event refused: while both are set either signs, and then the old one no longer', async () => {
  const send = async (url: string, secret: string) => {
    const payload = JSON.stringify({
      id: `evt_${randomUUID().replaceAll('-', '')}`,
      object: 'event',
      api_version: '2026-01-01',
      created: Math.floor(Date.now() / 1_000),
      livemode: false,
      type: 'product.created',
      data: { object: { id: 'prod_1', object: 'product' } },
    });
    const at = Math.floor(Date.now() / 1_000);
    const signature = createHmac('sha256', secret).update(`${at}.${payload}`).digest('hex');
    const response = await fetch(`${url}/v1/webhooks/stripe`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'stripe-signature': `t=${at},v1=${signature}` },
      body: payload,
    });
    return response.status;
  };
  const stages: [secrets: string, old: number, fresh: number][] = [
    ['whsec_old', 200, 401],
    ['whsec_new,whsec_old', 200, 200],
    ['whsec_new', 401, 200],
  ];
  for (const [secrets, old, fresh] of stages) {
    await using service = start({ STRIPE_API_KEY: OLD_KEY, STRIPE_WEBHOOK_SECRET: secrets });
    const url = await service.ready();
    assert.deepEqual([await send(url, 'whsec_old'), await send(url, 'whsec_new')], [old, fresh], secrets);
    await service.stop();
  }
});

test('a page that was begun under the old secret of cursors is gone on with under the new one', async () => {
  for (let n = 0; n < 3; n += 1) pay();
  const ask = async (url: string, path: string) => {
    const { access_token } = await neighbours.issuer.mintToken({ scope: 'admin:refunds' });
    return await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${access_token}` } });
  };
  await using before = start({ STRIPE_API_KEY: OLD_KEY, CURSOR_SECRET: OLD_SECRET });
  const response = await ask(await before.ready(), '/v1/admin/refunds?limit=1');
  const [, next = ''] = /<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '') ?? [];
  assert.notEqual(next, '', 'there is another page');
  await using both = start({ STRIPE_API_KEY: OLD_KEY, CURSOR_SECRET: `${NEW_SECRET},${OLD_SECRET}` });
  assert.equal((await ask(await both.ready(), next)).status, 200);
  await using without = start({ STRIPE_API_KEY: OLD_KEY, CURSOR_SECRET: NEW_SECRET });
  assert.equal((await ask(await without.ready(), next)).status, 400);
  for (const service of [before, both, without]) await service.stop();
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { test } from 'node:test';
import Stripe from 'stripe';
import { failRefund } from '../local/stripe/resources/refunds.ts';
import { until } from '../service/src/stripe/test-world.ts';
import { startIssuing } from './support/issuing.ts';
import { Service, settingsOf } from './support/service.ts';

interface Attribute {
  key: string;
  value: { stringValue?: string; intValue?: number };
}
interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  attributes: Attribute[];
  links?: { traceId: string }[];
  status?: { code?: number };
}

/** Takes traces as a collector does (OTLP over HTTP, JSON). */
async function startCollector() {
  const spans: Span[] = [];
  const server = createServer(async (request, response) => {
    const body = (await json(request)) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] };
    spans.push(...body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const SECRET = 'whsec_of_the_traces';
const TRACE = '0af7651916cd43dd8448eb211c80319c';

test('one trace leads from the caller’s click through service, database and Stripe to the bank’s answer, and tells nothing of anybody', async () => {
  await using collector = await startCollector();
  await using world = await startIssuing();
  const settings = settingsOf({
    databaseUrl: world.databaseUrl,
    standIn: world.standIn,
    issuer: world.issuer,
    webhookSecret: SECRET,
  });
  await using service = new Service({
    ...settings,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_SCHEDULE_DELAY: '100',
  });
  const url = await service.ready();
  const { access_token } = await world.issuer.mintToken({ scope: 'admin:refunds' });
  const { payment_id } = await world.pay({ customer_id: 'customer_who_wants_no_trace' });
  const response = await fetch(`${url}/v1/admin/refunds`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${access_token}`,
      'content-type': 'application/json',
      traceparent: `00-${TRACE}-b7ad6b7169203331-01`,
      'idempotency-key': 'key-of-nobody-else',
    },
    body: JSON.stringify({
      payment_id,
      amount_cents: 123,
      reason: 'She said so on the phone.',
      note: 'A note.',
    }),
  });
  assert.equal(response.status, 201, service.output);
  const { refund_id } = (await response.json()) as { refund_id: string };

  const ofTrace = () => collector.spans.filter(({ traceId }) => traceId === TRACE);
  const named = (pattern: RegExp) => ofTrace().filter(({ name }) => pattern.test(name));
  await until(async () => named(/^POST \/v1\/admin\/refunds$/).length === 1);
  assert.equal(named(/^POST \/v1\/admin\/refunds$/)[0]?.parentSpanId, 'b7ad6b7169203331');
  assert.equal(named(/^Stripe POST \/v1\/refunds$/).length, 1);
  assert.ok(
    named(/^SQL /).length > 3,
    ofTrace()
      .map(({ name }) => name)
      .join(),
  );

  // The bank returns the money: Stripe tells, a job asks, and the trace of the click hears of it.
  const stripeId = String((await world.row(refund_id)).stripe_refund_id);
  failRefund(world.standIn.world, stripeId, 'lost_or_stolen_card');
  const payload = JSON.stringify({
    id: 'evt_of_the_bank',
    object: 'event',
    type: 'refund.failed',
    created: Math.floor(Date.now() / 1000),
    livemode: false,
    data: { object: { id: stripeId, object: 'refund' } },
  });
  const told_us = await fetch(`${url}/v1/webhooks/stripe`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'stripe-signature': Stripe.webhooks.generateTestHeaderString({ payload, secret: SECRET }),
    },
    body: payload,
  });
  assert.equal(told_us.status, 200);
  await until(async () => named(/^refund failed$/).length === 1);
  const [told] = named(/^refund failed$/);
  assert.notEqual(told?.links?.[0]?.traceId, TRACE, 'with a link to the job that found out');
  await until(async () => collector.spans.some(({ name }) => name === 'job process_stripe_event'));
  await until(async () => service.output.includes(`"trace_id":"${TRACE}"`));
  assert.equal(await service.stop(), 0);

  const all = JSON.stringify(collector.spans);
  for (const secret of [
    access_token,
    'customer_who_wants_no_trace',
    'She said so',
    'A note.',
    'key-of-nobody-else',
    settings.STRIPE_API_KEY ?? '-',
  ]) {
    assert.ok(!all.includes(secret), `a span tells of ${secret.slice(0, 12)}`);
  }
});

test('without OpenTelemetry’s settings nothing is traced or kept', async () => {
  await using world = await startIssuing();
  const settings = settingsOf({
    databaseUrl: world.databaseUrl,
    standIn: world.standIn,
    issuer: world.issuer,
  });
  await using service = new Service(settings);
  const url = await service.ready();
  const { access_token } = await world.issuer.mintToken({ scope: 'admin:refunds' });
  const { payment_id } = await world.pay();
  const response = await fetch(`${url}/v1/admin/refunds`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${access_token}`,
      'content-type': 'application/json',
      traceparent: `00-${TRACE}-b7ad6b7169203331-01`,
    },
    body: JSON.stringify({ payment_id, amount_cents: 123 }),
  });
  assert.equal(response.status, 201);
  const { rows } = await world.pool.query('SELECT count(*) AS kept FROM refund_traces');
  assert.deepEqual(rows, [{ kept: 0 }]);
  assert.equal(await service.stop(), 0);
  assert.doesNotMatch(service.output, /"trace_id"/);
});

import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { type Caller, type IssuingWorld, startIssuing } from '../../../test/support/issuing.ts';
import { type Receiver, startReceiver } from '../../../test/support/receiver.ts';
import { createMetrics } from '../health/metrics.ts';
import { createSeal } from '../seal.ts';
import { until } from '../stripe/test-world.ts';
import { startDeliveries } from './deliver.ts';
import { createSender, type SenderOptions } from './send.ts';

/** What is told of a refund that Stripe takes at once. */
const IN_ORDER = ['refund.requested.v1', 'refund.succeeded.v1'];
const ENDPOINTS = '/v1/admin/event-endpoints';
const seal = createSeal(['a secret of a test'], 'event endpoint');

const world: IssuingWorld = await startIssuing({ events: { seal, allow_private: true } });
after(() => world[Symbol.asyncDispose]());
const operator: Caller = await world.caller({ scope: 'admin:events admin:audit.read' });
const agent: Caller = await world.caller({ scope: 'admin:refunds' });

beforeEach(async () => {
  // Nobody of another test is told anything.
  await world.pool.query(`UPDATE event_endpoints SET status = 'deleted', disabled_reason = NULL`);
});

interface Endpoint {
  endpoint_id: string;
  status: string;
  disabled_reason: string | null;
  failures: number;
}
interface Delivery {
  event_id: string;
  event_type: string;
  entity_id: string;
  status: string;
  attempts: number;
  body: string;
  next_attempt_at: string | null;
  error: { code: string; message: string } | null;
  attempt_log: { attempt: number; status_code: number | null; error: { code: string } | null }[];
}

/** A worker that delivers until the test is over. */
function work(options: Partial<SenderOptions> = {}) {
  const registry = createMetrics();
  const running = startDeliveries({
    pool: world.pool,
    log: world.app.log,
    sender: createSender({ allow_private: true, timeout_ms: 2_000, ...options }),
    seal,
    registry,
    retention_days: 90,
  });
  return { registry, [Symbol.asyncDispose]: () => running.stop() };
}

async function createEndpoint(url: string, event_types: string[] = ['*']): Promise<string> {
  const { status, body, text } = await operator.post<Endpoint>(ENDPOINTS, { url, event_types });
  assert.equal(status, 201, text);
  return body.endpoint_id;
}

const secretOf = async (endpointId: string) =>
  (await operator.get<{ secret: string; former_secret: string | null }>(`${ENDPOINTS}/${endpointId}/secret`))
    .body;
const read = async (endpointId: string) => (await operator.get<Endpoint>(`${ENDPOINTS}/${endpointId}`)).body;
const list = async (query: string) =>
  (await operator.get<{ deliveries: Delivery[] }>(`/v1/admin/event-deliveries?${query}`)).body.deliveries;
const show = async (endpointId: string, eventId: string) =>
  (await operator.get<Delivery>(`${ENDPOINTS}/${endpointId}/deliveries/${eventId}`)).body;

async function refund(): Promise<string> {
  const { charge_id } = await world.pay();
  const { body, text } = await agent.post('/v1/admin/refunds', { charge_id, reason: 'duplicate' });
  assert.ok(body.refund_id, text);
  return body.refund_id;
}

/** What waits for its next attempt need not. */
const hurry = () =>
  world.pool.query(`UPDATE event_deliveries SET due_at = clock_timestamp() WHERE status = 'pending'`);
const unpause = () => world.pool.query('UPDATE event_endpoints SET paused_until = NULL');

const ofRefund = (receiver: Receiver, refundId: string) =>
  receiver.received
    .map(({ body }) => JSON.parse(body) as { type: string; data: { refund_id?: string } })
    .filter(({ data }) => data.refund_id === refundId)
    .map(({ type }) => type);

test('every event arrives, of a refund in its order, and the library of Standard Webhooks verifies each', async () => {
  await using receiver = await startReceiver();
  const endpointId = await createEndpoint(receiver.url);
  await using _ = work();
  const refundIds = await Promise.all(Array.from({ length: 5 }, refund));
  await until(async () => (await list(`endpoint_id=${endpointId}&status=pending`)).length === 0);
  const { rows } = await world.pool.query<{ event_id: string }>(
    'SELECT event_id FROM outbox o WHERE occurred_at >= (SELECT created_at FROM event_endpoints WHERE endpoint_id = $1)',
    [endpointId],
  );
  assert.deepEqual(
    receiver.received.map(({ headers }) => headers['webhook-id']).sort(),
    rows.map(({ event_id }) => event_id).sort(),
  );
  const webhook = new Webhook((await secretOf(endpointId)).secret);
  for (const { headers, body } of receiver.received) {
    const verified = webhook.verify(body, headers as Record<string, string>) as { event_id: string };
    assert.equal(verified.event_id, headers['webhook-id']);
  }
  for (const refundId of refundIds) {
    assert.deepEqual(ofRefund(receiver, refundId), IN_ORDER);
  }
});

test('while a secret is rotated the former one verifies too, and a secret that has become known does not', async () => {
  await using receiver = await startReceiver();
  const endpointId = await createEndpoint(receiver.url, ['refund.*']);
  await using _ = work();
  const former = await secretOf(endpointId);
  const verifies = async (secret: string) => {
    const seen = receiver.received.length;
    assert.equal((await operator.post(`${ENDPOINTS}/${endpointId}/test`)).status, 202);
    await until(async () => receiver.received.length > seen);
    const { headers, body } = receiver.received.at(-1) ?? assert.fail();
    try {
      new Webhook(secret).verify(body, headers as Record<string, string>);
      return true;
    } catch {
      return false;
    }
  };
  assert.equal((await operator.post(`${ENDPOINTS}/${endpointId}/rotate-secret`)).status, 200);
  const now = await secretOf(endpointId);
  assert.notEqual(now.secret, former.secret);
  assert.equal(now.former_secret, former.secret);
  assert.ok(await verifies(former.secret));
  assert.ok(await verifies(now.secret));
  await operator.post(`${ENDPOINTS}/${endpointId}/rotate-secret`, { former_lives_hours: 0 });
  assert.equal(await verifies(now.secret), false);
  assert.ok(await verifies((await secretOf(endpointId)).secret));
});

for (const [what, answer, code] of [
  ['answers 500', (_, response) => response.writeHead(500).end(), 'http_error'],
  [
    'redirects',
    (_, response) => response.writeHead(307, { location: 'http://169.254.169.254/' }).end(),
    'redirected',
  ],
  ['hangs up', (request) => request.socket.destroy(), 'connection_lost'],
  ['never answers', () => {}, 'timeout'],
] as const satisfies [string, Parameters<Receiver['answer']>[0], string][]) {
  test(`an event for somebody who ${what} is sent again and not lost, what comes after it of the same refund waits, and others have theirs at once`, async () => {
    await using hostile = await startReceiver();
    await using other = await startReceiver();
    hostile.answer(answer);
    const hostileId = await createEndpoint(hostile.url, ['refund.*']);
    await createEndpoint(other.url, ['refund.*']);
    await using _ = work({ timeout_ms: 300 });
    const refundId = await refund();
    await until(async () => ofRefund(other, refundId).length === 2);
    await until(async () =>
      (await list(`endpoint_id=${hostileId}&entity_id=${refundId}`)).some(({ error }) => error !== null),
    );
    const before = await list(`endpoint_id=${hostileId}&entity_id=${refundId}`);
    assert.deepEqual(
      before.map(({ status, attempts }) => [status, attempts]),
      [
        ['pending', 0],
        ['pending', 1],
      ],
    );
    assert.equal(before.at(-1)?.error?.code, code);
    hostile.answer((_request, response) => response.end());
    await hurry();
    await until(async () => (await list(`endpoint_id=${hostileId}&status=delivered`)).length === 2);
    assert.deepEqual(ofRefund(hostile, refundId).slice(-2), IN_ORDER);
    const first = before.at(-1)?.event_id ?? '';
    const { attempt_log } = await show(hostileId, first);
    assert.deepEqual(
      attempt_log.map(({ attempt, error }) => [attempt, error?.code ?? null]),
      [
        [2, null],
        [1, code],
      ],
    );
    assert.equal((await read(hostileId)).failures, 0, 'what got through makes good for what did not');
  });
}

test('an answer of any size is taken for what its status says, and not kept', async () => {
  await using receiver = await startReceiver();
  const chunk = Buffer.alloc(1024 * 1024);
  receiver.answer((_, response) => {
    response.writeHead(200);
    const more = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', more);
    more();
  });
  const endpointId = await createEndpoint(receiver.url, ['refund.requested.v1']);
  const before = process.memoryUsage().rss;
  await using _ = work();
  await refund();
  await until(async () => (await list(`endpoint_id=${endpointId}&status=delivered`)).length === 1);
  assert.ok(process.memoryUsage().rss - before < 200 * 1024 * 1024);
});

test('an endpoint that says that it is gone is switched off at once, and gets what it is owed when it is switched on', async () => {
  await using receiver = await startReceiver();
  receiver.answer((_, response) => response.writeHead(410).end());
  await using other = await startReceiver();
  const endpointId = await createEndpoint(receiver.url, ['refund.*']);
  await createEndpoint(other.url, ['event_endpoint.*']);
  await using _ = work();
  const refundId = await refund();
  await until(async () => (await read(endpointId)).status === 'disabled');
  assert.equal((await read(endpointId)).disabled_reason, 'gone');
  await until(async () => other.received.length === 1);
  assert.match(
    other.received[0]?.body ?? '',
    /"type":"event_endpoint.disabled.v1".*"disabled_reason":"gone"/,
  );
  receiver.answer((_, response) => response.end());
  const { status } = await operator.post(`${ENDPOINTS}/${endpointId}`, { status: 'enabled' });
  assert.equal(status, 200);
  await hurry();
  await until(async () => ofRefund(receiver, refundId).length >= 3);
  assert.deepEqual(ofRefund(receiver, refundId).slice(-2), IN_ORDER);
});

test('an endpoint to which nothing got through for three days is switched off with a warning; what was given up can be sent again', async () => {
  await using receiver = await startReceiver();
  receiver.answer((_, response) => response.writeHead(503).end());
  const endpointId = await createEndpoint(receiver.url, ['refund.requested.v1']);
  await using worker = work();
  const refundId = await refund();
  for (let attempt = 1; attempt <= 9; attempt += 1) {
    await until(async () => (await list(`endpoint_id=${endpointId}`))[0]?.error !== null);
    await until(async () => {
      await unpause();
      await hurry();
      return ((await list(`endpoint_id=${endpointId}`))[0]?.attempts ?? 0) > attempt;
    });
  }
  await until(async () => (await list(`endpoint_id=${endpointId}`))[0]?.status === 'failed');
  assert.equal((await list(`endpoint_id=${endpointId}`))[0]?.attempts, 10);
  assert.match(await worker.registry.metrics(), /event_endpoints_failing 1/);
  assert.match(world.logged(), /nothing gets through to an endpoint for events/);

  await world.pool.query(
    `UPDATE event_endpoints SET failing_since = failing_since - interval '3 days', paused_until = NULL WHERE endpoint_id = $1`,
    [endpointId],
  );
  const again = `${ENDPOINTS}/${endpointId}/resend`;
  const since = new Date(Date.now() - 3_600_000).toISOString();
  assert.deepEqual((await operator.post<{ events: number }>(again, { since })).body, { events: 1 });
  await until(async () => (await read(endpointId)).status === 'disabled');
  assert.equal((await read(endpointId)).disabled_reason, 'failing');
  assert.equal((await operator.post(again, { since })).status, 412, 'first it has to be switched on');

  receiver.answer((_, response) => response.end());
  await operator.post(`${ENDPOINTS}/${endpointId}`, { status: 'enabled' });
  await hurry();
  await until(async () => (await list(`endpoint_id=${endpointId}&status=delivered`)).length === 1);
  assert.equal(ofRefund(receiver, refundId).at(-1), 'refund.requested.v1');
});

test('a receiver that asks for more time is given it', async () => {
  await using receiver = await startReceiver();
  receiver.answer((_, response) => response.writeHead(429, { 'retry-after': '3600' }).end());
  const endpointId = await createEndpoint(receiver.url, ['refund.requested.v1']);
  await using _ = work();
  await refund();
  await until(async () => (await list(`endpoint_id=${endpointId}`))[0]?.error !== null);
  const [delivery] = await list(`endpoint_id=${endpointId}`);
  const waits_s = (Date.parse(delivery?.next_attempt_at ?? '') - Date.now()) / 1_000;
  assert.ok(waits_s > 3_500 && waits_s <= 3_601, String(waits_s));
});

test('nothing is sent to a private address, whatever name leads there and whatever it led to before', async () => {
  await using receiver = await startReceiver();
  const { port } = new URL(receiver.url);
  const endpointId = await createEndpoint(`http://rebinding.example:${port}/events`, ['refund.requested.v1']);
  await using _ = work({
    allow_private: false,
    lookup: (_host, options, callback) => {
      const address = { address: '127.0.0.1', family: 4 };
      if (options.all === true) callback(null, [address]);
      else callback(null, address.address, address.family);
    },
  });
  await refund();
  await until(async () => (await list(`endpoint_id=${endpointId}`))[0]?.error !== null);
  assert.equal((await list(`endpoint_id=${endpointId}`))[0]?.error?.code, 'address_refused');
  assert.equal(receiver.received.length, 0);
});

test('a worker that dies in the middle of an attempt loses nothing: another makes it again', async () => {
  await using receiver = await startReceiver();
  const endpointId = await createEndpoint(receiver.url, ['refund.requested.v1']);
  await refund();
  // Taken by somebody of whom nothing more is heard.
  await world.pool.query(
    `UPDATE event_deliveries SET attempts = 1, round_attempts = 1, due_at = clock_timestamp() + interval '45 seconds'
     WHERE endpoint_id = $1`,
    [endpointId],
  );
  await using _ = work();
  await hurry();
  await until(async () => (await list(`endpoint_id=${endpointId}&status=delivered`)).length === 1);
  assert.equal(receiver.received.length, 1);
});

test('two workers side by side deliver each event once', async () => {
  await using receiver = await startReceiver();
  const endpointId = await createEndpoint(receiver.url, ['refund.*']);
  const refunds = await Promise.all(Array.from({ length: 10 }, refund));
  await using _one = work();
  await using _other = work();
  await until(async () => (await list(`endpoint_id=${endpointId}&status=pending`)).length === 0);
  assert.equal(receiver.received.length, 20);
  for (const refundId of refunds) assert.equal(ofRefund(receiver, refundId).length, 2);
});

test('an event is sent again when somebody asks for it, with the same id and the same bytes, and the log says who asked', async () => {
  await using receiver = await startReceiver();
  const endpointId = await createEndpoint(receiver.url, ['refund.requested.v1']);
  await using _ = work();
  await refund();
  await until(async () => receiver.received.length === 1);
  const [delivery] = await list(`endpoint_id=${endpointId}`);
  const eventId = delivery?.event_id ?? '';
  await until(async () => (await show(endpointId, eventId)).status === 'delivered');
  const { status } = await operator.post(`${ENDPOINTS}/${endpointId}/deliveries/${eventId}/resend`);
  assert.equal(status, 202);
  await until(async () => receiver.received.length === 2);
  const [one, other] = receiver.received;
  assert.equal(one?.headers['webhook-id'], other?.headers['webhook-id']);
  assert.equal(one?.body, other?.body);
  assert.equal((await show(endpointId, eventId)).body, one?.body);
  const { body } = await operator.get<{ entries: { event_type: string; details: { event_id?: string } }[] }>(
    `/v1/admin/audit?entity_id=${endpointId}`,
  );
  assert.ok(JSON.stringify(body).includes('event_endpoint.resent'), JSON.stringify(body));
});

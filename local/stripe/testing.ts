import assert from 'node:assert/strict';
import http from 'node:http';
import type { TestContext } from 'node:test';
import Stripe from 'stripe';
import { type StripeStandIn, type StripeStandInOptions, startStripe } from './server.ts';

export const TEST_KEY = 'sk_test_standin0123456789';

export type Started = {
  standIn: StripeStandIn;
  /** The official SDK over HTTP. It does not retry by itself, except once after a reset connection. */
  stripe: Stripe;
  /** A control endpoint: `control('POST', '/clock', { advance: 60 })`. */
  control(method: string, path: string, body?: object): Promise<Record<string, unknown>>;
  /** A bare request, for what the SDK would not send. */
  request(
    method: string,
    path: string,
    options?: { body?: string; headers?: Record<string, string>; key?: string | null },
  ): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }>;
};

export function sdk(
  standIn: StripeStandIn,
  config: { maxNetworkRetries?: number; timeout?: number } = {},
): Stripe {
  return new Stripe(TEST_KEY, {
    host: standIn.host,
    port: standIn.port,
    protocol: 'http',
    maxNetworkRetries: 0,
    telemetry: false,
    httpAgent: new http.Agent({ keepAlive: false }),
    ...config,
  });
}

/** A stand-in with a frozen clock, stopped when the test ends. */
export async function start(t: TestContext, options: Partial<StripeStandInOptions> = {}): Promise<Started> {
  const standIn = await startStripe({ databaseFile: ':memory:', apiKey: TEST_KEY, ...options });
  t.after(() => standIn.close());
  const request: Started['request'] = async (method, path, { body, headers = {}, key = TEST_KEY } = {}) => {
    const response = await fetch(`${standIn.url}${path}`, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Record<string, unknown>,
    };
  };
  const control: Started['control'] = async (method, path, body = {}) => {
    const sends = method !== 'GET';
    const answer = await request(method, `/_control${path}`, {
      ...(sends ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
    });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body;
  };
  await control('POST', '/clock', { now: Math.floor(Date.now() / 1000) });
  return { standIn, stripe: sdk(standIn), control, request };
}

/** A payment that has succeeded: 100.00 with a card that always works, unless said otherwise. */
export async function pay(
  stripe: Stripe,
  params: Partial<Stripe.PaymentIntentCreateParams> = {},
): Promise<{ intent: Stripe.PaymentIntent; charge: string }> {
  const intent = await stripe.paymentIntents.create({
    amount: 10_000,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
    ...params,
  });
  return { intent, charge: String(intent.latest_charge) };
}

export type Received = { event: Stripe.Event; body: string; signature: string };

/** A webhook endpoint that answers as told and keeps what it was sent, stopped when the test ends. */
export async function receiver(
  t: TestContext,
  answer: (count: number, event: Stripe.Event) => number = () => 200,
): Promise<{ url: string; received: Received[]; types(): string[] }> {
  const received: Received[] = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (part) => {
      body += part;
    });
    request.on('end', () => {
      const event = JSON.parse(body) as Stripe.Event;
      received.push({ event, body, signature: String(request.headers['stripe-signature']) });
      const status = answer(received.length, event);
      if (status > 0) response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    types: () => received.map((one) => one.event.type),
  };
}

/** The error that a call is refused with. */
export async function refusal(call: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof Stripe.errors.StripeError, String(error));
    return error;
  }
  assert.fail('the call was not refused');
}

/** Types of the events so far, oldest first. */
export async function eventTypes(stripe: Stripe): Promise<string[]> {
  const types: string[] = [];
  for await (const event of stripe.events.list({ limit: 100 })) types.unshift(event.type);
  return types;
}

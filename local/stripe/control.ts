import type { FastifyReply } from 'fastify';
import type { Deliverer } from './delivery.ts';
import { StripeFailure } from './errors.ts';
import { emitEvent } from './events.ts';
import {
  FAULT_KINDS,
  type FaultRule,
  type Faults,
  WEBHOOK_FAULT_KINDS,
  type WebhookFaultRule,
} from './faults.ts';
import type { Http } from './http.ts';
import { DISPUTE_STATUSES, type DisputeInput, openDispute, setDisputeStatus } from './resources/disputes.ts';
import { createInvoicePayment, type InvoicePaymentInput } from './resources/invoice_payments.ts';
import { completePaymentAction } from './resources/payment_intents.ts';
import {
  createRefund,
  type FailureReason,
  failRefund,
  type RefundInput,
  requireRefundAction,
  setRefundReference,
  settleRefund,
} from './resources/refunds.ts';
import { rollWebhookSecret } from './resources/webhook_endpoints.ts';
import { advanceClock, prune, readClock, resetClock, setClock } from './time.ts';
import { transact, type World } from './world.ts';

export type ControlDeps = { world: World; faults: Faults; deliverer: Deliverer; http: Http };

type Body = Record<string, unknown>;

const bad = (message: string) => new StripeFailure(400, { type: 'invalid_request_error', message }, false);

function numberIn(body: Body, name: string): number {
  const value = body[name];
  if (typeof value !== 'number' || !Number.isFinite(value)) throw bad(`${name} must be a number`);
  return value;
}

const textIn = (body: Body, name: string): string | undefined =>
  typeof body[name] === 'string' ? body[name] : undefined;

function requiredText(body: Body, name: string): string {
  const value = textIn(body, name);
  if (value === undefined) throw bad(`${name} is missing`);
  return value;
}

function oneOf<T extends string>(body: Body, name: string, values: readonly T[]): T {
  const found = values.find((value) => value === body[name]);
  if (found === undefined) throw bad(`${name} must be one of ${values.join(', ')}`);
  return found;
}

/** Removes an object as if Stripe had never had it; events that speak of it stay. */
export function deleteObject(world: World, id: string): boolean {
  return transact(world, () => world.store.remove(id));
}

/**
 * The control endpoints: JSON in and out, the same API key, under `/_control/`. They are the stand-in's own and have no
 * counterpart at Stripe.
 */
export function addControl(deps: ControlDeps): void {
  const { world, faults, deliverer, http } = deps;
  const { app } = http;

  const on = (
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    handler: (body: Body, id: string, reply: FastifyReply) => unknown,
  ) =>
    app.route({
      method,
      url: `/_control${path}`,
      handler: async (request, reply) => {
        const query = request.query as Body;
        const body = (request.body ?? {}) as Body;
        const result = await handler(
          { ...query, ...body },
          (request.params as { id?: string }).id ?? '',
          reply,
        );
        // Whatever a control call sets going is done when it answers, so that a test need not wait for it.
        if (method !== 'GET' && body.wait !== false) await deliverer.idle();
        return result;
      },
    });

  on('GET', '/clock', () => readClock(world));
  on('POST', '/clock', (body) => {
    if (body.reset === true) return resetClock(world);
    if (body.advance !== undefined) return advanceClock(world, numberIn(body, 'advance'));
    return setClock(world, numberIn(body, 'now'), { frozen: body.frozen !== false });
  });

  on('GET', '/faults', () => faults.list());
  on('POST', '/faults', (body) => {
    return faults.add({ ...(body as FaultRule), kind: oneOf(body, 'kind', FAULT_KINDS) });
  });
  on('POST', '/webhook_faults', (body) => {
    return faults.addWebhook({
      ...(body as WebhookFaultRule),
      kind: oneOf(body, 'kind', WEBHOOK_FAULT_KINDS),
    });
  });
  on('DELETE', '/faults', () => ({ removed: faults.clear() }));
  on('DELETE', '/faults/:id', (_body, id) => ({ removed: faults.clear(id) }));

  on('POST', '/refunds', (body) => createRefund(world, body as RefundInput));
  on('POST', '/refunds/:id/settle', (_body, id) => settleRefund(world, id));
  on('POST', '/refunds/:id/fail', (body, id) =>
    failRefund(world, id, (textIn(body, 'failure_reason') ?? 'unknown') as FailureReason),
  );
  on('POST', '/refunds/:id/require_action', (body, id) =>
    requireRefundAction(world, id, textIn(body, 'email')),
  );
  on('POST', '/refunds/:id/reference', (body, id) =>
    setRefundReference(
      world,
      id,
      textIn(body, 'reference'),
      textIn(body, 'status') === 'unavailable' ? 'unavailable' : 'available',
    ),
  );
  on(
    'POST',
    '/payment_intents/:id/complete_action',
    (body, id) => completePaymentAction(world, id, body.passed !== false).intent,
  );

  on('POST', '/disputes', (body) =>
    openDispute(world, { ...(body as DisputeInput), charge: requiredText(body, 'charge') }),
  );
  on('POST', '/disputes/:id', (body, id) =>
    setDisputeStatus(world, id, oneOf(body, 'status', DISPUTE_STATUSES)),
  );

  on('POST', '/invoice_payments', (body) =>
    createInvoicePayment(world, {
      ...(body as InvoicePaymentInput),
      payment_intent: requiredText(body, 'payment_intent'),
    }),
  );

  on('DELETE', '/objects/:id', (_body, id) => ({ removed: deleteObject(world, id) }));
  on('POST', '/events', (body) =>
    transact(world, () => {
      const object = body.object as { id: string; object: string };
      emitEvent(world, body.type as Parameters<typeof emitEvent>[1], object);
      return { type: body.type };
    }),
  );
  on('POST', '/events/:id/redeliver', (body, id) => ({
    deliveries: deliverer.redeliver(id, textIn(body, 'endpoint')),
  }));
  on('GET', '/deliveries', (body) => {
    const event = textIn(body, 'event');
    const status = textIn(body, 'status');
    return {
      data: deliverer.list({
        ...(event === undefined ? {} : { event }),
        ...(status === undefined ? {} : { status }),
        limit: Number(body.limit ?? 100),
      }),
    };
  });
  on('POST', '/deliveries/flush', () => ({ done: true }));
  on('POST', '/webhook_endpoints/:id/roll', (body, id) =>
    rollWebhookSecret(world, id, typeof body.old_expires_in === 'number' ? body.old_expires_in : undefined),
  );

  on('GET', '/calls', () => Object.fromEntries([...http.calls].sort()));
  on('DELETE', '/calls', () => {
    http.calls.clear();
    return {};
  });
  on('POST', '/rate_limit', (body) => {
    http.limiter.set(typeof body.per_s === 'number' ? body.per_s : undefined);
    return { per_s: body.per_s ?? null };
  });
  on('POST', '/prune', () => prune(world));
}

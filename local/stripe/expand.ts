import { invalidRequest } from './errors.ts';
import type { Kind } from './store.ts';
import type { World } from './world.ts';

/** Which fields of an object hold the id of another one that can be put in its place: https://docs.stripe.com/api/expanding_objects */
const EXPANDABLE: Record<string, Record<string, Kind | 'refunds of charge'>> = {
  balance_transaction: {},
  charge: {
    balance_transaction: 'balance_transaction',
    customer: 'customer',
    failure_balance_transaction: 'balance_transaction',
    payment_intent: 'payment_intent',
    refunds: 'refunds of charge',
  },
  dispute: { charge: 'charge', payment_intent: 'payment_intent' },
  invoice: { customer: 'customer' },
  invoice_payment: { invoice: 'invoice' },
  payment_intent: { customer: 'customer', latest_charge: 'charge', payment_method: 'payment_method' },
  payment_method: { customer: 'customer' },
  refund: {
    balance_transaction: 'balance_transaction',
    charge: 'charge',
    customer: 'customer',
    failure_balance_transaction: 'balance_transaction',
    payment_intent: 'payment_intent',
    payment_method: 'payment_method',
  },
};

/** Fields inside a plain part of an object that can be expanded: `payment.payment_intent` of an invoice payment. */
const NESTED: Record<string, Record<string, Kind>> = {
  'invoice_payment.payment': { charge: 'charge', payment_intent: 'payment_intent' },
};

const MAX_DEPTH = 4;

type Plain = { [name: string]: unknown };
const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The answer with every `expand` path filled in. Unknown paths are refused as Stripe does; more than four levels too.
 * Objects that no longer exist stay ids.
 */
export function expandAnswer<T extends object>(world: World, answer: T, paths: string[] | undefined): T {
  if (paths === undefined || paths.length === 0) return answer;
  const copy = structuredClone(answer);
  for (const path of paths) {
    const steps = path.split('.');
    if (steps.length > MAX_DEPTH + (steps[0] === 'data' ? 1 : 0))
      throw invalidRequest(
        `You cannot expand more than ${MAX_DEPTH} levels of a property. Property: ${path}`,
        {
          code: 'property_cannot_be_expanded',
          param: 'expand',
        },
      );
    if (!follow(world, copy, steps, ''))
      throw invalidRequest(
        `This property cannot be expanded (${path}). You may want to try expanding a different property.`,
        { param: 'expand' },
      );
  }
  return copy;
}

function follow(world: World, target: unknown, steps: string[], context: string): boolean {
  const [step, ...rest] = steps;
  if (step === undefined) return true;
  if (!isPlain(target)) return false;
  if (target.object === 'list') {
    if (step !== 'data' || !Array.isArray(target.data)) return false;
    // An empty page has nothing to tell a right path from a wrong one by.
    return target.data.every((item) => rest.length > 0 && follow(world, item, rest, ''));
  }
  const kind = typeof target.object === 'string' ? target.object : '';
  const known = context === '' ? EXPANDABLE[kind]?.[step] : NESTED[context]?.[step];
  if (known === undefined) {
    const inner = context === '' ? `${kind}.${step}` : `${context}.${step}`;
    if (NESTED[inner] === undefined || rest.length === 0) return false;
    return follow(world, target[step], rest, inner);
  }
  if (known === 'refunds of charge') {
    if (!isPlain(target.refunds)) target.refunds = refundsOfCharge(world, String(target.id));
    return rest.length === 0 || follow(world, target.refunds, rest, '');
  }
  const value = target[step];
  if (typeof value === 'string') {
    const row =
      world.store.find(known, value) ??
      (known === 'customer' ? world.store.find('deleted_customer', value) : undefined);
    if (row !== undefined) target[step] = row.body;
  }
  const next = target[step];
  if (!isPlain(next)) return true;
  return rest.length === 0 || follow(world, next, rest, '');
}

function refundsOfCharge(world: World, charge: string): object {
  const rows = world.store.list('refund', { where: { charge }, created: {}, limit: 10 });
  return {
    object: 'list',
    data: rows.slice(0, 10).map((row) => row.body),
    has_more: rows.length > 10,
    url: `/v1/charges/${charge}/refunds`,
  };
}

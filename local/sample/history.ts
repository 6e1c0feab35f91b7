import { createCustomer } from '../stripe/resources/customers.ts';
import { createInvoicePayment } from '../stripe/resources/invoice_payments.ts';
import { cancelPaymentIntent, createPaymentIntent } from '../stripe/resources/payment_intents.ts';
import type { World } from '../stripe/world.ts';
import { planAftermath } from './aftermath.ts';
import { type Chance, createChance } from './chance.ts';
import { inventAmount, inventPerson, type Person } from './people.ts';
import { createSchedule } from './schedule.ts';

const DAY_MS = 86_400_000;

/** How large the sample world is. */
export interface WorldSize {
  customers: number;
  payments: number;
  days: number;
}

export const SAMPLE: WorldSize = { customers: 400, payments: 3_000, days: 90 };

/**
 * What happened on the platform in the days before `now_ms`: customers, payments in several currencies, refunds in every
 * status that Stripe knows, several on one payment, some that failed late, disputes. The same seed and size give the
 * same events; only their times follow `now_ms`.
 *
 * Returns the schedule: `runUntil` lets everything before a time happen, each thing at its own time of Stripe's clock.
 */
export function inventHistory(world: World, seed: number, now_ms: number, size: WorldSize = SAMPLE) {
  const chance = createChance(seed);
  const schedule = createSchedule(world, now_ms);
  const customers = Array.from({ length: size.customers }, (_, index) => ({
    person: inventPerson(chance, index + 1),
    id: undefined as string | undefined,
  }));

  for (let number = 1; number <= size.payments; number += 1) {
    // Squared: a few customers pay often, most of them once or twice. The exponent below one: business grows.
    const customer = customers[Math.floor(size.customers * chance.between(0, 1) ** 2)];
    if (customer === undefined) continue;
    const at_ms = now_ms - size.days * DAY_MS * (1 - chance.between(0, 1) ** 0.8);
    const payment = inventPayment(chance, customer.person, number);
    schedule.plan(at_ms, () => {
      if (!payment.guest) {
        const { name, email } = customer.person;
        customer.id ??= createCustomer(world, { name, email }).id;
      }
      const intent = carryOut(world, payment, customer.id);
      if (intent.status === 'succeeded' && typeof intent.latest_charge === 'string') {
        planAftermath(chance, schedule, world, {
          charge: intent.latest_charge,
          amount: intent.amount,
          at_ms,
        });
      }
    });
  }
  return schedule;
}

/** Lets an invented payment happen at Stripe. */
export function carryOut(
  world: World,
  { input, guest, abandoned, invoiced }: ReturnType<typeof inventPayment>,
  customer: string | undefined,
) {
  const { intent } = createPaymentIntent(world, { ...input, customer: guest ? null : (customer ?? null) });
  if (abandoned) return cancelPaymentIntent(world, intent.id, 'abandoned');
  if (invoiced !== null && intent.status === 'succeeded')
    createInvoicePayment(world, { payment_intent: intent.id, subscription: invoiced });
  return intent;
}

/** A payment, by chance: who pays what for which order, and whether it comes to anything. */
export function inventPayment(chance: Chance, person: Person, number: number) {
  const guest = chance.happens(0.04);
  const outcome = chance.oneOf([
    [93, 'paid'],
    [3, 'declined'],
    [1, 'held'],
    [1, 'abandoned'],
    [1, 'unauthenticated'],
  ]);
  // A platform that bills by itself names its subscription in metadata; Stripe's own subscriptions pay by invoice.
  const billing = chance.oneOf([
    [84, 'once'],
    [8, 'own'],
    [8, 'stripe'],
  ]);
  const subscription = `sub_${person.email.replaceAll(/[^a-z0-9]/g, '').slice(0, 14)}`;
  const card = {
    paid: person.card,
    declined: 'pm_card_chargeDeclinedInsufficientFunds',
    held: person.card,
    abandoned: person.card,
    unauthenticated: 'pm_card_authenticationRequired',
  }[outcome];
  return {
    guest,
    abandoned: outcome === 'abandoned',
    /** The subscription at Stripe whose invoice this pays; null where it pays none. */
    invoiced: billing === 'stripe' && !guest ? subscription : null,
    input: {
      amount: inventAmount(chance, person.currency),
      currency: person.currency,
      payment_method: card,
      confirm: true,
      capture_method:
        outcome === 'held' || outcome === 'abandoned' ? ('manual' as const) : ('automatic' as const),
      metadata: {
        order_id: `order_${String(number).padStart(6, '0')}`,
        ...(person.brand === null ? {} : { brand_id: person.brand }),
        ...(guest || person.platform_id === null ? {} : { customer_id: person.platform_id }),
        ...(billing === 'own' ? { subscription_id: subscription } : {}),
      },
    },
  };
}

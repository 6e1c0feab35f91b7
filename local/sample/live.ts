import { createCustomer } from '../stripe/resources/customers.ts';
import { createRefund } from '../stripe/resources/refunds.ts';
import { transact, type World } from '../stripe/world.ts';
import { type Desk, refundAtDesk } from './asked.ts';
import { type Chance, createChance } from './chance.ts';
import { carryOut, inventPayment } from './history.ts';
import { inventPerson } from './people.ts';

/** How often something happens, on average. */
const PAUSE_MS = 3_000;

/** Lets the platform go on: a payment or a refund every few seconds, until stopped. */
export function liveOn(world: World, desk: Desk, seed: number): Disposable {
  const chance = createChance(seed);
  let timer: NodeJS.Timeout;
  let number = world.store.count('payment_intent');
  const next = () => {
    timer = setTimeout(() => {
      number += 1;
      happen(world, desk, chance, number);
      next();
    }, PAUSE_MS * chance.between(0.4, 1.6));
  };
  next();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

/** A refund of a recent payment, at the desk or in Stripe's dashboard, or another payment of somebody who paid recently. */
function happen(world: World, desk: Desk, chance: Chance, number: number): void {
  const charge = chance.happens(0.4) ? chooseRefundable(world, chance) : undefined;
  if (charge !== undefined && chance.happens(0.6)) {
    // The service may be stopping, as all of it is.
    refundAtDesk(desk, chance, charge).catch(() => {});
    return;
  }
  transact(world, () => {
    if (charge === undefined) {
      const { person, customer } = chooseCustomer(world, chance, number);
      carryOut(world, inventPayment(chance, person, number), customer);
      return;
    }
    const left = charge.amount_captured - charge.amount_refunded;
    createRefund(world, {
      charge: charge.id,
      amount: chance.happens(0.6) ? left : Math.max(1, Math.floor(left * chance.between(0.1, 0.9))),
      reason: 'requested_by_customer',
      behaviour: chance.oneOf([
        [8, 'succeeded'],
        [2, 'pending_then_succeeded'],
        [1, 'succeeded_then_failed'],
      ]),
    });
  });
}

function chooseCustomer(world: World, chance: Chance, number: number) {
  const stranger = inventPerson(chance, number);
  const recent = world.store.list('payment_intent', { where: {}, created: {}, limit: 100 });
  const intent = recent[chance.whole(0, Math.max(0, recent.length - 1))]?.body;
  const customer = typeof intent?.customer === 'string' ? intent.customer : undefined;
  if (intent === undefined || customer === undefined) {
    const { name, email } = stranger;
    return { person: stranger, customer: createCustomer(world, { name, email }).id };
  }
  const person = {
    ...stranger,
    email: world.store.find('customer', customer)?.body.email ?? stranger.email,
    currency: intent.currency,
    brand: intent.metadata.brand_id ?? null,
    platform_id: intent.metadata.customer_id ?? null,
  };
  return { person, customer };
}

function chooseRefundable(world: World, chance: Chance) {
  const recent = world.store
    .list('charge', { where: {}, created: {}, limit: 100 })
    .map(({ body }) => body)
    .filter(
      (charge) =>
        charge.status === 'succeeded' &&
        charge.captured &&
        !charge.disputed &&
        charge.amount_captured > charge.amount_refunded,
    );
  return recent[chance.whole(0, Math.max(0, recent.length - 1))];
}

import { createPaymentIntent } from '../stripe/resources/payment_intents.ts';
import { createRefund } from '../stripe/resources/refunds.ts';
import { transact, type World } from '../stripe/world.ts';
import { type Chance, createChance } from './chance.ts';
import { inventPayment } from './history.ts';
import { inventPerson } from './people.ts';

/** How often something happens, on average. */
const PAUSE_MS = 3_000;

/** Lets the platform go on: a payment or a refund every few seconds, until stopped. */
export function liveOn(world: World, seed: number): { stop(): void } {
  const chance = createChance(seed);
  let timer: NodeJS.Timeout;
  let number = world.store.count('payment_intent');
  const next = () => {
    timer = setTimeout(() => {
      number += 1;
      happen(world, chance, number);
      next();
    }, PAUSE_MS * chance.between(0.4, 1.6));
  };
  next();
  return { stop: () => clearTimeout(timer) };
}

function happen(world: World, chance: Chance, number: number): void {
  transact(world, () => {
    if (chance.happens(0.4)) {
      const charge = chooseRefundable(world, chance);
      if (charge !== undefined) {
        const left = charge.amount_captured - charge.amount_refunded;
        const amount = chance.happens(0.6) ? left : Math.max(1, Math.floor(left * chance.between(0.1, 0.9)));
        createRefund(world, {
          charge: charge.id,
          amount,
          reason: 'requested_by_customer',
          behaviour: chance.oneOf([
            [8, 'succeeded'],
            [2, 'pending_then_succeeded'],
            [1, 'succeeded_then_failed'],
          ]),
        });
        return;
      }
    }
    const customers = world.store.list('customer', { where: {}, created: {}, limit: 100 });
    const customer = customers[chance.whole(0, Math.max(0, customers.length - 1))]?.body;
    const person = inventPerson(chance, number);
    createPaymentIntent(world, {
      ...inventPayment(chance, person, number).input,
      customer: customer?.id ?? null,
    });
  });
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

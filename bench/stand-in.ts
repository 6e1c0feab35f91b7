import { idOf } from '../local/stripe/resources/charges.ts';
import { createPaymentIntent } from '../local/stripe/resources/payment_intents.ts';
import { createWebhookEndpoint } from '../local/stripe/resources/webhook_endpoints.ts';
import { type StripeStandIn, startStripe } from '../local/stripe/server.ts';
import { TEST_KEY } from '../local/stripe/testing.ts';
import { transact } from '../local/stripe/world.ts';
import { serveParent } from './child.ts';

export type StandInOrder =
  | { make: 'payments'; payments: number; amount_cents: number }
  | { make: 'endpoint'; url: string; secret: string }
  | { make: 'count' };
export interface StandInAnswer {
  url: string;
  /** Of the payments that were made. */
  charges: string[];
  /** Refunds that there are. */
  refunds: number;
}

let standIn: StripeStandIn | undefined;

serveParent(async (order: StandInOrder): Promise<StandInAnswer> => {
  standIn ??= await startStripe({ databaseFile: ':memory:', apiKey: TEST_KEY, seed: 1 });
  const { world, url } = standIn;
  const charges: string[] = [];
  if (order.make === 'payments') {
    transact(world, () => {
      for (let index = 0; index < order.payments; index += 1) {
        const { intent } = createPaymentIntent(world, {
          amount: order.amount_cents,
          currency: 'usd',
          payment_method: 'pm_card_visa',
          confirm: true,
          metadata: { customer_id: `customer_${index % 1_000}` },
        });
        charges.push(idOf(intent.latest_charge) ?? '');
      }
    });
  }
  if (order.make === 'endpoint') {
    const { url: target, secret } = order;
    createWebhookEndpoint(world, { url: target, enabled_events: ['*'], secret });
  }
  return { url, charges, refunds: world.store.count('refund') };
});

import type Stripe from 'stripe';
import type { World } from '../world.ts';

/** Books a movement on the account's balance and returns its id. Fees are a flat 2.9% + 30 on charges, nothing on the rest. */
export function bookBalance(
  world: World,
  entry: {
    type: 'charge' | 'refund' | 'refund_failure' | 'adjustment';
    amount: number;
    currency: string;
    source: string;
    description?: string | null;
    fee?: number;
  },
): Stripe.BalanceTransaction {
  const created = world.clock.now_s();
  const fee = entry.fee ?? 0;
  const transaction: Stripe.BalanceTransaction = {
    id: world.ids.next('txn'),
    object: 'balance_transaction',
    amount: entry.amount,
    available_on: entry.type === 'charge' ? created + 2 * 86_400 : created,
    balance_type: 'payments',
    created,
    currency: entry.currency,
    description: entry.description ?? null,
    exchange_rate: null,
    fee,
    fee_details:
      fee === 0
        ? []
        : [
            {
              amount: fee,
              application: null,
              currency: entry.currency,
              description: 'Stripe processing fees',
              type: 'stripe_fee',
            },
          ],
    net: entry.amount - fee,
    reporting_category: entry.type === 'adjustment' ? 'dispute' : entry.type,
    source: entry.source,
    status: entry.type === 'charge' ? 'pending' : 'available',
    type: entry.type,
  };
  world.store.insert('balance_transaction', transaction);
  world.store
    .sql(
      'INSERT INTO balances (currency, amount) VALUES (?, ?) ON CONFLICT (currency) DO UPDATE SET amount = amount + excluded.amount',
    )
    .run(entry.currency, transaction.net);
  return transaction;
}

export const chargeFee = (amount: number): number => Math.min(amount, Math.round(amount * 0.029) + 30);

/** The account's balance: everything booked counts as available. */
export function balance(world: World): Stripe.Balance {
  const rows = world.store.sql('SELECT currency, amount FROM balances ORDER BY currency').all();
  const available = rows.map((row) => ({
    amount: Number(row.amount),
    currency: String(row.currency),
    source_types: { card: Number(row.amount) },
  }));
  return {
    object: 'balance',
    available,
    livemode: world.livemode,
    pending: available.map((one) => ({ amount: 0, currency: one.currency, source_types: { card: 0 } })),
  };
}

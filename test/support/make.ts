import { type Pool, withTransaction } from '../../service/src/database/pool.ts';
import { observeDispute } from '../../service/src/disputes/observe.ts';
import { observePayment } from '../../service/src/payments/observe.ts';
import type { PaymentObservation } from '../../service/src/payments/payment.ts';
import { observeRefund, type RefundObservation } from '../../service/src/refunds/settle.ts';

let number = 0;

/** What a test says of a payment, and of its refunds and disputes; the rest is made up. */
export interface MadePayment extends Partial<PaymentObservation> {
  refunds?: Partial<RefundObservation>[];
  disputes?: { status?: string; amount_cents?: number }[];
}

/** Puts a payment into the books the way that Stripe's word gets there, and returns its ids. */
export async function makePayment(pool: Pool, { refunds = [], disputes = [], ...given }: MadePayment = {}) {
  number += 1;
  // Its own copy: others may be made while this one waits for the database.
  const serial = number;
  const charge = `ch_made_${serial}`;
  const now = new Date();
  return await withTransaction(pool, async (tx) => {
    let { payment } = await observePayment(
      tx,
      {
        brand_id: 'default',
        customer_id: `customer_${serial}`,
        order_id: `order_${serial}`,
        subscription_id: null,
        amount_cents: 10_000,
        currency: 'usd',
        status: 'succeeded',
        captured_cents: 10_000,
        stripe_payment_intent_id: `pi_made_${serial}`,
        stripe_charge_id: charge,
        created_at: now,
        observed_at: now,
        payment_method_type: 'card',
        payment_method_brand: 'visa',
        payment_method_last4: '4242',
        ...given,
      },
      'test',
    );
    for (const [index, refund] of refunds.entries()) {
      await observeRefund(
        tx,
        payment,
        {
          stripe_refund_id: `re_made_${serial}_${index}`,
          refund_id: null,
          charge_id: charge,
          amount_cents: 1_000,
          currency: payment.currency,
          status: 'succeeded',
          reason: 'requested_by_customer',
          failure_reason: null,
          pending_reason: null,
          bank_reference: null,
          created_at: new Date(now.getTime() + index),
          observed_at: now,
          ...refund,
        },
        { cause: 'test', overdraft: 'refuse' },
      );
      const { rows } = await tx.query('SELECT * FROM payments WHERE payment_id = $1', [payment.payment_id]);
      payment = rows[0];
    }
    for (const [index, dispute] of disputes.entries()) {
      await observeDispute(
        tx,
        payment,
        {
          stripe_dispute_id: `dp_made_${serial}_${index}`,
          stripe_charge_id: charge,
          amount_cents: payment.amount_cents,
          currency: payment.currency,
          reason: 'fraudulent',
          status: 'needs_response',
          evidence_due_by: now,
          created_at: now,
          observed_at: now,
          ...dispute,
        },
        'test',
      );
    }
    const { rows: refundRows } = await tx.query<{ refund_id: string }>(
      'SELECT refund_id FROM refunds WHERE payment_id = $1 ORDER BY created_at, refund_id',
      [payment.payment_id],
    );
    const { rows: disputeRows } = await tx.query<{ dispute_id: string }>(
      'SELECT dispute_id FROM disputes WHERE payment_id = $1 ORDER BY created_at, dispute_id',
      [payment.payment_id],
    );
    return {
      payment,
      refundIds: refundRows.map((row) => row.refund_id),
      disputeIds: disputeRows.map((row) => row.dispute_id),
    };
  });
}

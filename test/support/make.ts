import { type Pool, withTransaction } from '../../service/src/database/pool.ts';
import { observeDispute } from '../../service/src/disputes/observe.ts';
import { newId } from '../../service/src/ids.ts';
import { observePayment } from '../../service/src/payments/observe.ts';
import type { PaymentObservation } from '../../service/src/payments/payment.ts';
import { observeRefund, type RefundObservation } from '../../service/src/refunds/settle.ts';
import type { ReconcileCounts } from '../../service/src/stripe/reconcile/steps.ts';

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

const NO_COUNTS: ReconcileCounts = {
  charges: 0,
  invoice_payments: 0,
  refunds: 0,
  disputes: 0,
  asked: 0,
  imported: 0,
  updated: 0,
  unchanged: 0,
  unmatched: 0,
  mended: 0,
};

/** Puts a difference into the books that a run has left for a person, and returns its id. */
export async function makeDifference(
  pool: Pool,
  { brand_id = 'default', entity_id = newId('refund') }: { brand_id?: string; entity_id?: string } = {},
): Promise<string> {
  const difference_id = newId('difference');
  const run_id = newId('reconcile');
  await pool.query(
    `WITH run AS (
       INSERT INTO reconcile_runs (run_id, window_from, window_until, asked_until, step, counts, started_at, updated_at, finished_at)
       VALUES ($1, now() - interval '1 day', now(), now(), 'unknown_here', $6, clock_timestamp(), now(), now())
       RETURNING run_id
     )
     INSERT INTO reconcile_differences (difference_id, run_id, seen_run_id, brand_id, kind, entity_type, entity_id, stripe_id,
                                        here, at_stripe, done, found_at)
     SELECT $2, run_id, run_id, $3, 'not_at_stripe', 'refund', $4, $5, '{"amount_cents": 100}', NULL, 'left', clock_timestamp()
     FROM run`,
    [
      run_id,
      difference_id,
      brand_id,
      entity_id,
      difference_id.replace('difference_', 're_'),
      JSON.stringify(NO_COUNTS),
    ],
  );
  return difference_id;
}

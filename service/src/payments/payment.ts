/** A payment as the books have it. Amounts in the currency's smallest unit. */
export interface Payment {
  payment_id: string;
  brand_id: string;
  customer_id: string;
  order_id: string | null;
  subscription_id: string | null;
  mode: 'one_shot' | 'subscription';
  amount_cents: number;
  currency: string;
  /** The provider's word: Stripe's PaymentIntent statuses, and `failed` for an attempt that was declined. */
  status: string;
  captured_cents: number;
  /** Asked to be refunded and not settled yet. */
  reserved_cents: number;
  /** Refunded for all that is known today. */
  refunded_cents: number;
  stripe_payment_intent_id: string | null;
  stripe_charge_id: string | null;
  created_at: Date;
  updated_at: Date;
  observed_at: Date;
  /** When its customer was erased; null for all others. */
  erased_at: Date | null;
}

/** What the provider says of a payment, asked at `observed_at`; null where it says nothing. */
export interface PaymentObservation {
  brand_id: string;
  customer_id: string;
  order_id: string | null;
  subscription_id: string | null;
  amount_cents: number;
  currency: string;
  status: string;
  captured_cents: number;
  stripe_payment_intent_id: string | null;
  stripe_charge_id: string | null;
  created_at: Date;
  /** When the request was sent, by the database's clock. */
  observed_at: Date;
}

/** What can still be refunded (smallest unit). */
export function refundableCents(
  payment: Pick<Payment, 'captured_cents' | 'reserved_cents' | 'refunded_cents'>,
): number {
  return payment.captured_cents - payment.reserved_cents - payment.refunded_cents;
}

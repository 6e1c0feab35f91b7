/** With what a payment was made, as far as the provider says; of a person, and never in the audit log or in events. */
export interface PaidWith {
  /** Stripe's word: `card`, `sepa_debit`, `klarna`, … */
  payment_method_type: string | null;
  /** Of a card. */
  payment_method_brand: string | null;
  /** The last digits of a card or an account. */
  payment_method_last4: string | null;
}

/** Nothing is known of it, or nothing any more. */
export const PAID_WITH_UNKNOWN: PaidWith = {
  payment_method_type: null,
  payment_method_brand: null,
  payment_method_last4: null,
};

/** The same as it is shown. */
export interface PaymentMethod {
  type: string;
  brand: string | null;
  last4: string | null;
}

/** With what a payment was made; null where that is not known. */
export const paymentMethodOf = (paid: PaidWith): PaymentMethod | null =>
  paid.payment_method_type === null
    ? null
    : {
        type: paid.payment_method_type,
        brand: paid.payment_method_brand,
        last4: paid.payment_method_last4,
      };

/** A payment as the books have it. Amounts in the currency's smallest unit. */
export interface Payment extends PaidWith {
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
export interface PaymentObservation extends PaidWith {
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

import type { ProviderReason } from './queries.ts';
import type { RefundObservation } from './settle.ts';

/** The payment that a refund is of, as the provider knows it. */
export interface ProviderPayment {
  stripe_payment_intent_id: string | null;
  stripe_charge_id: string | null;
}

/** A refund to be made at the provider; the same every time it is sent. Amount in the currency's smallest unit. */
export interface RefundOrder {
  /** Our id: the idempotency key, and in the refund's metadata. */
  refund_id: string;
  payment: ProviderPayment;
  amount_cents: number;
  reason: ProviderReason | null;
  /**
   * Never sent after this moment of this machine's clock (ms since 1970): a process that was asleep for a day must not
   * wake up and send what the provider's key no longer protects.
   */
  send_before_ms: number;
  /** It may have been sent before: then a refusal of our credentials says nothing of what became of it. */
  again: boolean;
}

/** Why the provider refuses. */
export interface ProviderRefusal {
  /** The provider's code, or one of ours where it gives none: `amount_too_large`, `provider_refused`. */
  code: string;
  /** The provider's sentence, for the caller; not for logs. */
  message: string;
}

/** What has become of a request that changes something. Everything that is not certain is unknown. */
export type ProviderAnswer =
  | { outcome: 'accepted'; refund: RefundObservation }
  | { outcome: 'refused'; refusal: ProviderRefusal }
  | { outcome: 'unknown' };

export type ProviderLookup =
  | { outcome: 'found'; refund: RefundObservation }
  | { outcome: 'missing' }
  | { outcome: 'unknown' };

/** What the provider says now of something, brought into the books. */
export type Refreshed = 'refreshed' | 'missing' | 'unknown';

/**
 * Where the money is moved: the one seam to whoever took it. Answers are values; nothing is thrown for what a provider may
 * say or fail to say. No transaction may be open while it is asked.
 */
export interface RefundProvider {
  name: string;
  /** For how long nothing is sent, because the provider has been failing; 0 where it may be asked now. */
  pausedFor_ms(): number;
  /**
   * Makes a refund, or finds out what the same request did before.
   *
   * @param observed_at when it is asked, by the database's clock
   */
  createRefund(order: RefundOrder, observed_at: Date): Promise<ProviderAnswer>;
  /** Looks for the refund that carries our id among all of its payment's. */
  findRefund(order: Pick<RefundOrder, 'refund_id' | 'payment'>): Promise<ProviderLookup>;
  /** Cancels a refund, where the provider lets it be canceled. */
  cancelRefund(stripeRefundId: string): Promise<ProviderAnswer>;
  /** Asks for a charge that the books do not know; one that they do know, under whichever brand, is left as it is. */
  bringInCharge(chargeId: string, cause: string): Promise<Refreshed>;
  /** Asks for a payment and all of its refunds again. */
  refreshPayment(payment: ProviderPayment, cause: string): Promise<Refreshed>;
  /** Asks for a refund, and for its payment with all of its refunds, again. */
  refreshRefund(stripeRefundId: string, cause: string): Promise<Refreshed>;
}

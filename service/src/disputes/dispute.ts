/** A dispute as the books have it. Amounts in the currency's smallest unit. */
export interface Dispute {
  dispute_id: string;
  payment_id: string;
  brand_id: string;
  customer_id: string;
  amount_cents: number;
  currency: string;
  reason: string | null;
  status: string;
  stripe_dispute_id: string;
  stripe_charge_id: string | null;
  evidence_due_by: Date | null;
  created_at: Date;
  updated_at: Date;
  resolved_at: Date | null;
  observed_at: Date;
}

/** What the provider says of a dispute, asked at `observed_at`. The amount may be larger than the payment's. */
export interface DisputeObservation {
  stripe_dispute_id: string;
  stripe_charge_id: string | null;
  amount_cents: number;
  currency: string;
  reason: string | null;
  /** The provider's word; `warning_…` is an inquiry, which takes no money. */
  status: string;
  evidence_due_by: Date | null;
  created_at: Date;
  observed_at: Date;
}

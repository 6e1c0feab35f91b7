/** What a row of a batch is at: `checked` can be issued, `cannot` never, `running` is being issued, the last two are done. */
export const ROW_STATUSES = ['checked', 'cannot', 'running', 'issued', 'failed'] as const;
export type RowStatus = (typeof ROW_STATUSES)[number];

export const BATCH_STATUSES = ['draft', 'running', 'stopped', 'finished'] as const;
export type BatchStatus = (typeof BATCH_STATUSES)[number];

/** A batch as its row has it. */
export interface Batch {
  batch_id: string;
  brand_id: string;
  /** What a person calls it. */
  name: string | null;
  status: BatchStatus;
  created_by_type: 'user' | 'service';
  created_by_id: string;
  created_at: Date;
  updated_at: Date;
  /** Who has started or resumed it last: as them its rows are issued. */
  started_by_type: 'user' | 'service' | null;
  started_by_id: string | null;
  started_at: Date | null;
  finished_at: Date | null;
  /** Why it does not get on at the moment, though nobody has stopped it. */
  held_up_code: string | null;
  held_up_message: string | null;
}

/** A row as it was asked for. */
export interface AskedRow {
  payment_id?: string | undefined;
  charge_id?: string | undefined;
  /** In the currency's smallest unit; absent: all that is left. */
  amount_cents?: number | undefined;
  /** What the caller takes the payment's currency to be. */
  currency?: string | undefined;
  /** A code of the reasons, or free text. */
  reason: string;
  note?: string | undefined;
}

/** A row as it was checked. */
export interface CheckedRow {
  /** From 1, in the order in which they were given. */
  row_no: number;
  payment_id: string | null;
  charge_id: string | null;
  amount_cents: number | null;
  currency: string | null;
  /** What is left of the payment after this row and those before it. */
  remaining_cents: number | null;
  /** Null, as the note, where the customer was erased. */
  reason: string | null;
  note: string | null;
  status: 'checked' | 'cannot';
  refusal_code: string | null;
  refusal_message: string | null;
}

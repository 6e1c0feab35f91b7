import type { RequestBody } from '@payments/client';
import { RequestFailed } from '../../api/error.ts';

/** What is sent to issue a refund. */
export type IssueBody = RequestBody<'issueRefund'>;

/**
 * A refund that somebody is about to ask for, kept for this tab until the dialog is closed. It has one idempotency key for as long as nobody
 * knows what came of it: a double click, a reload and a lost answer all ask for the same one refund.
 */
export interface Draft {
  key: string;
  payment_id: string;
  /** Whose it is: the same key of somebody else is another key. */
  actor_id: string;
  /** All that is left, whatever that is when it is sent. */
  full: boolean;
  /** As typed. */
  amount: string;
  reason: string | null;
  note: string;
  /** What was sent under the key, where it may have arrived; nothing of it changes until it is known what came of it. */
  sent: IssueBody | null;
}

type Storage = Pick<globalThis.Storage, 'getItem' | 'setItem' | 'removeItem'>;
type Name = Pick<Draft, 'payment_id' | 'actor_id'>;
const nameOf = ({ payment_id, actor_id }: Name) => `refund-draft ${payment_id} ${actor_id}`;

export const newDraft = ({ payment_id, actor_id }: Name): Draft => ({
  key: crypto.randomUUID(),
  payment_id,
  actor_id,
  full: true,
  amount: '',
  reason: null,
  note: '',
  sent: null,
});

/** The draft that this person has begun for a payment, if they have. */
export function findDraft(storage: Storage, name: Name): Draft | undefined {
  const kept = storage.getItem(nameOf(name));
  return kept === null ? undefined : (JSON.parse(kept) as Draft);
}

export const keepDraft = (storage: Storage, draft: Draft): void =>
  storage.setItem(nameOf(draft), JSON.stringify(draft));

export const dropDraft = (storage: Storage, name: Name): void => storage.removeItem(nameOf(name));

/**
 * What becomes of a draft when asking has failed. A refusal that stands is kept by the service under the key, so whoever tries otherwise asks anew.
 * Of everything else it is not known whether this attempt or one before it has arrived, and the same is asked again; also where nobody was signed
 * in any more.
 */
export function afterFailure(draft: Draft, error: unknown): Draft {
  if (!(error instanceof RequestFailed && isRefusal(error))) return draft;
  return { ...draft, key: crypto.randomUUID(), sent: null };
}

/** Whether the service has said no, for good (ADR 0008); what is under way or not available now may be yes in a moment. */
const isRefusal = ({ status, retry_after_s }: RequestFailed): boolean =>
  status === 502 ||
  (status >= 400 && status < 500 && ![401, 408, 429].includes(status) && retry_after_s === undefined);

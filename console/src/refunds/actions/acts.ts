import { api, bodyOf } from '../../api/api.ts';

/** What a person can do to a refund. */
const ACTIONS = ['approve', 'reject', 'cancel', 'resolve'] as const;
export type Action = (typeof ACTIONS)[number];
/** What an address says is to be done. */
export const readAction = (value: unknown): Action | undefined => ACTIONS.find((one) => one === value);

export type Resolution =
  | { resolution: 'refunded_again'; replacement_refund_id: string }
  | { resolution: 'paid_otherwise' | 'not_owed'; reference: string };

/** What each takes; under the same key it happens once, however often it is asked for. */
const parameters = (refund_id: string, key: string) => ({
  params: { path: { refund_id } },
  headers: { 'Idempotency-Key': key },
});
const noted = (note: string) => (note.trim() === '' ? {} : { note: note.trim() });

export const approve = (refund_id: string, key: string, note: string) =>
  bodyOf(
    api.POST('/v1/admin/refunds/{refund_id}/approve', { ...parameters(refund_id, key), body: noted(note) }),
  );
export const reject = (refund_id: string, key: string, note: string) =>
  bodyOf(
    api.POST('/v1/admin/refunds/{refund_id}/reject', { ...parameters(refund_id, key), body: noted(note) }),
  );
export const cancel = (refund_id: string, key: string) =>
  bodyOf(api.POST('/v1/admin/refunds/{refund_id}/cancel', { ...parameters(refund_id, key), body: {} }));
export const resolve = (refund_id: string, key: string, resolution: Resolution) =>
  bodyOf(
    api.POST('/v1/admin/refunds/{refund_id}/resolve', { ...parameters(refund_id, key), body: resolution }),
  );

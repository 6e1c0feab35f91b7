/**
 * The state of a refund, as a pure table: which status may follow which, and what each holds of the payment.
 * `succeeded` is not final: the money may bounce up to 30 days later (Stripe, "Failed refunds").
 */
export const REFUND_STATUSES = [
  'awaiting_approval',
  'rejected',
  'pending',
  'requires_action',
  'succeeded',
  'failed',
  'canceled',
] as const;

export type RefundStatus = (typeof REFUND_STATUSES)[number];

const NEXT: Record<RefundStatus, readonly RefundStatus[]> = {
  awaiting_approval: ['pending', 'rejected', 'canceled'],
  rejected: [],
  pending: ['requires_action', 'succeeded', 'failed', 'canceled'],
  requires_action: ['pending', 'succeeded', 'failed', 'canceled'],
  succeeded: ['failed'],
  failed: [],
  canceled: [],
};

/** Which of the payment's counters a refund of this status stands in, if any. */
const COUNTER: Record<RefundStatus, 'reserved' | 'refunded' | null> = {
  awaiting_approval: 'reserved',
  rejected: null,
  pending: 'reserved',
  requires_action: 'reserved',
  succeeded: 'refunded',
  failed: null,
  canceled: null,
};

/** Statuses in which Stripe may say a refund is; an open set on its side, so anything else is unknown here. */
const PROVIDER_STATUSES: ReadonlySet<string> = new Set<RefundStatus>([
  'pending',
  'requires_action',
  'succeeded',
  'failed',
  'canceled',
]);

export function isProviderStatus(status: string | null): status is RefundStatus {
  return status !== null && PROVIDER_STATUSES.has(status);
}

export function mayFollow(from: RefundStatus, to: RefundStatus): boolean {
  return NEXT[from].includes(to);
}

/**
 * Every step that a refund's history may have: from nothing to where it became known, along the table, and from a status to
 * itself, where its id or what it counts has changed.
 */
export function allowedSteps(): [from: RefundStatus | null, to: RefundStatus][] {
  return REFUND_STATUSES.flatMap((from): [RefundStatus | null, RefundStatus][] => [
    ...(from === 'rejected' ? [] : [[null, from] satisfies [null, RefundStatus]]),
    [from, from],
    ...NEXT[from].map((to): [RefundStatus, RefundStatus] => [from, to]),
  ]);
}

/** Whether a refund of this status takes from what is left of the payment. */
export function counts(status: RefundStatus): boolean {
  return COUNTER[status] !== null;
}

/** What a refund holds of a payment: its status and how much of its amount is counted (smallest unit). */
export interface Holding {
  status: RefundStatus;
  counted_cents: number;
}

/** How a payment's counters change (smallest unit; negative gives back). */
export interface CounterDeltas {
  reserved_delta_cents: number;
  refunded_delta_cents: number;
}

/** What going from one holding to another does to the payment's counters; `null` is a refund that is not there yet. */
export function counterDeltas(from: Holding | null, to: Holding): CounterDeltas {
  const held = (holding: Holding | null, counter: 'reserved' | 'refunded') =>
    holding !== null && COUNTER[holding.status] === counter ? holding.counted_cents : 0;
  return {
    reserved_delta_cents: held(to, 'reserved') - held(from, 'reserved'),
    refunded_delta_cents: held(to, 'refunded') - held(from, 'refunded'),
  };
}

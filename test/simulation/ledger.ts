import type { Reply } from './world.ts';

/** Something that a caller wants done, however often it is sent. */
export interface Wish {
  number: number;
  operation: 'issue' | 'approve' | 'reject' | 'cancel' | 'sync' | 'resolve';
  caller: string;
  path: string;
  body: Record<string, unknown>;
  key: string | null;
  /** By which the refund that comes of it is known: its note, or its reason. */
  tag: string | null;
  /** What was asked for; undefined where it was all that is left. */
  amount_cents: number | undefined;
  /** Which refund it is about, where it is not a new one. */
  refund_id: string | null;
  sends: Send[];
  /** Whether the clock was moved on while it was being sent. */
  took_time: boolean;
}

interface Send {
  /** Undefined where nothing came back. */
  reply: Reply | undefined;
  body: AnswerBody;
}

/** Whatever an answer may have in it. */
interface AnswerBody {
  refund_id?: string;
  payment_id?: string;
  amount_cents?: number;
  status?: string;
  stripe_refund_id?: string | null;
  error?: string;
  message?: string;
  field?: string;
}

export function noteSend(wish: Wish, reply: Reply | undefined): void {
  wish.sends.push({ reply, body: readBody(reply) });
}

function readBody(reply: Reply | undefined): AnswerBody {
  try {
    return JSON.parse(reply?.text ?? '{}') as AnswerBody;
  } catch {
    return {};
  }
}

/** An answer that says how it is, and not only that it may be otherwise in a moment. */
export function isFinal({ reply, body }: Send): boolean {
  if (reply === undefined || reply.status === 503 || reply.status === 500) return false;
  return !(reply.status === 409 && body.field === 'Idempotency-Key' && reply.retry_after !== undefined);
}

/** The key was used for another body. */
export const isOtherBody = ({ reply, body }: Send): boolean =>
  reply?.status === 422 && body.field === 'Idempotency-Key';

/** Whether this sending has certainly brought about nothing. */
export function didNothing(send: Send): boolean {
  const { reply, body } = send;
  if (reply === undefined || reply.status === 500) return false;
  if (reply.status === 503) return body.message?.includes('Nothing was written') === true;
  return reply.status >= 400 && reply.status !== 502 && body.refund_id === undefined;
}

export const isAnswered = (wish: Wish): boolean => wish.sends.some((send) => isFinal(send));
export const scopeOf = ({ caller, operation, key }: Wish): string => `${caller} ${operation} ${key}`;

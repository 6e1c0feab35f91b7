/** What the service answers when it refuses or fails (`{error, message, …}`). */
interface ErrorBody {
  error?: string;
  message?: string;
  field?: string;
  refund_id?: string;
  refundable_cents?: number;
}

/** The service has answered that it will not, or cannot. */
export class PaymentsError extends Error {
  override readonly name = 'PaymentsError';
  /** The HTTP status, e.g. 409. */
  readonly status: number;
  /** The error's code, e.g. `conflict`, `rate_limited`; see the API reference. */
  readonly code: string;
  /** Which parameter, header or field of the body is wrong. */
  readonly field: string | undefined;
  /** The refund that it is about. */
  readonly refund_id: string | undefined;
  /** What can still be refunded, in the currency's smallest unit. */
  readonly refundable_cents: number | undefined;
  /** Which request it was, for whoever runs the service (`X-Request-Id`). */
  readonly request_id: string | undefined;

  /** @param answer the body; anything, as it may not even come from the service */
  constructor(status: number, answer: unknown, headers: Headers) {
    const body: ErrorBody = typeof answer === 'object' && answer !== null ? answer : {};
    super(body.message ?? `The service answered with ${status}.`);
    this.status = status;
    this.code = body.error ?? 'unknown';
    this.field = body.field;
    this.refund_id = body.refund_id;
    this.refundable_cents = body.refundable_cents;
    this.request_id = headers.get('x-request-id') ?? undefined;
  }
}

/**
 * There was no answer: the service could not be reached, or took too long. Whether it has done what was asked for is not known; the same
 * request with the same idempotency key asks again without doing it twice.
 */
export class PaymentsConnectionError extends Error {
  override readonly name = 'PaymentsConnectionError';
  /** What was sent along, to ask again with; undefined where nothing is changed. */
  readonly idempotency_key: string | undefined;

  constructor(message: string, options: { cause: unknown; idempotency_key: string | undefined }) {
    super(message, { cause: options.cause });
    this.idempotency_key = options.idempotency_key;
  }
}

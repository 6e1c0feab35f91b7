/** What came of a request that did not succeed, as it is to be told to a person. */
export class RequestFailed extends Error {
  /** The status of the answer; 0: there was none. */
  readonly status: number;
  /** The catalogue's code; `unreachable` where no answer came. */
  readonly code: string;
  /** Which parameter or field is wrong. */
  readonly field: string | undefined;
  /** By what the service's log knows the request. */
  readonly request_id: string | undefined;
  /** How long to wait before asking again. */
  readonly retry_after_s: number | undefined;
  /** The refund that it is about. */
  readonly refund_id: string | undefined;
  /** What is left of the payment that it is about. */
  readonly refundable_cents: number | undefined;

  constructor(
    message: string,
    facts: {
      status: number;
      code: string;
      field?: string | undefined;
      request_id?: string | undefined;
      retry_after_s?: number | undefined;
      refund_id?: string | undefined;
      refundable_cents?: number | undefined;
      cause?: unknown;
    },
  ) {
    super(message, { cause: facts.cause });
    this.name = 'RequestFailed';
    this.status = facts.status;
    this.code = facts.code;
    this.field = facts.field;
    this.request_id = facts.request_id;
    this.retry_after_s = facts.retry_after_s;
    this.refund_id = facts.refund_id;
    this.refundable_cents = facts.refundable_cents;
  }

  /** Nobody can say whether the service has done what it was asked: the answer is lost, not the request. */
  get isUnknown(): boolean {
    return this.status === 0 || this.status >= 500;
  }
}

/** The error of an answer, whatever its body is. */
export function failureOf(response: Response, body: unknown): RequestFailed {
  const said = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const amount = (value: unknown) => (typeof value === 'number' ? value : undefined);
  const wait = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new RequestFailed(text(said.message) ?? `${response.status} ${response.statusText}`.trim(), {
    status: response.status,
    code: text(said.error) ?? 'unknown',
    field: text(said.field),
    request_id: response.headers.get('x-request-id') ?? undefined,
    retry_after_s: Number.isFinite(wait) ? wait : undefined,
    refund_id: text(said.refund_id),
    refundable_cents: amount(said.refundable_cents),
  });
}

/**
 * The one catalogue of errors: code → status → sentence. A caller gets `{error: code, message: sentence}`; the codes are the
 * platform's. Some codes stand for several statuses, so each entry has a name of its own.
 */
const CATALOGUE = {
  malformed: { code: 'validation_error', status: 400, sentence: 'The request is malformed.' },
  unauthenticated: {
    code: 'unauthenticated',
    status: 401,
    sentence: 'This needs an access token: send it as Authorization: Bearer <token>.',
  },
  invalid_token: {
    code: 'invalid_token',
    status: 401,
    sentence: 'The access token is unknown, expired, revoked or meant for another service.',
  },
  invalid_signature: {
    code: 'unauthenticated',
    status: 401,
    sentence: "The signature is missing, too old, or not made with this endpoint's secret.",
  },
  insufficient_user_authentication: {
    code: 'insufficient_user_authentication',
    status: 401,
    sentence: 'Sign in again to do this: it was too long ago.',
  },
  insufficient_scope: {
    code: 'insufficient_scope',
    status: 403,
    sentence: 'The access token lacks the scope for this.',
  },
  forbidden: { code: 'forbidden', status: 403, sentence: 'The access token is not for this brand.' },
  not_found: {
    code: 'not_found',
    status: 404,
    sentence: 'There is nothing here by that name, or it is not yours to see.',
  },
  method_not_allowed: {
    code: 'method_not_allowed',
    status: 405,
    sentence: 'This address does not take that method.',
  },
  request_timeout: { code: 'request_timeout', status: 408, sentence: 'The request took too long to arrive.' },
  conflict: { code: 'conflict', status: 409, sentence: 'This has already been done.' },
  precondition_failed: {
    code: 'precondition_failed',
    status: 412,
    sentence: 'It is not in a state in which this can be done.',
  },
  payload_too_large: { code: 'payload_too_large', status: 413, sentence: 'The body is larger than 1 MiB.' },
  uri_too_long: { code: 'uri_too_long', status: 414, sentence: 'The address is too long.' },
  unsupported_media_type: {
    code: 'unsupported_media_type',
    status: 415,
    sentence: 'The body has to be application/json.',
  },
  expectation_failed: {
    code: 'expectation_failed',
    status: 417,
    sentence: 'The Expect header asks for what is not done here.',
  },
  unprocessable: { code: 'validation_error', status: 422, sentence: 'The body is not valid.' },
  rate_limited: {
    code: 'rate_limited',
    status: 429,
    sentence: 'Too many requests: wait as long as Retry-After says.',
  },
  headers_too_large: {
    code: 'headers_too_large',
    status: 431,
    sentence: 'The headers are larger than 16 KiB.',
  },
  internal_error: {
    code: 'internal_error',
    status: 500,
    sentence: 'Something went wrong here. The X-Request-Id header tells us which request it was.',
  },
  not_implemented: { code: 'not_implemented', status: 501, sentence: 'No address here takes that method.' },
  upstream_failed: { code: 'upstream_failed', status: 502, sentence: 'Stripe refused or failed.' },
  service_unavailable: {
    code: 'service_unavailable',
    status: 503,
    sentence: 'Not available at the moment: try again in a few seconds.',
  },
} as const;

export type ErrorName = keyof typeof CATALOGUE;

export interface ErrorDetails {
  /** Instead of the catalogue's sentence; for a person to understand, without anything secret or personal. */
  message?: string;
  /** Which parameter, header or field of the body is wrong. */
  field?: string;
  /** What the caller needs besides, as further fields of the body. */
  facts?: Facts;
  /** Headers of the answer, such as `Retry-After`. */
  headers?: Record<string, string>;
  /** What lies behind it; logged, never shown. */
  cause?: unknown;
}

export interface Facts {
  /** The refund that it is about. */
  refund_id?: string;
  /** What can still be refunded of the payment (smallest unit). */
  refundable_cents?: number;
}

/** Thrown by any room; the HTTP layer turns it into the answer. A class, because it must be told from a bug's error. */
export class ServiceError extends Error {
  readonly code: string;
  readonly status: number;
  readonly field: string | undefined;
  readonly facts: Facts;
  readonly headers: Record<string, string>;

  constructor(name: ErrorName, { message, field, facts, headers, cause }: ErrorDetails = {}) {
    const entry = CATALOGUE[name];
    super(message ?? entry.sentence, { cause });
    this.name = 'ServiceError';
    this.code = entry.code;
    this.status = entry.status;
    this.field = field;
    this.facts = facts ?? {};
    this.headers = headers ?? {};
  }
}

/** The body of every error. */
export function errorBody({ code, message, field, facts }: ServiceError): Facts & {
  error: string;
  message: string;
  field?: string;
} {
  return { error: code, message, ...(field === undefined ? {} : { field }), ...facts };
}

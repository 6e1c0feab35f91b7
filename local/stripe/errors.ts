/**
 * Stripe's error bodies: https://docs.stripe.com/api/errors and https://docs.stripe.com/error-codes.
 *
 * A `StripeFailure` is thrown by whatever refuses a request; the HTTP layer turns it into the answer.
 */

type ErrorType =
  | 'api_error'
  | 'authentication_error'
  | 'card_error'
  | 'idempotency_error'
  | 'invalid_request_error';

export type ErrorDetail = {
  type: ErrorType;
  message: string;
  code?: string;
  param?: string;
  decline_code?: string;
  charge?: string;
  payment_intent?: unknown;
  payment_method?: unknown;
};

export type ErrorBody = { error: ErrorDetail & { doc_url?: string; request_log_url?: string } };

/** A refusal. `executed` is false where Stripe refuses before it runs the endpoint: such answers are not kept for an idempotency key. */
export class StripeFailure extends Error {
  readonly status: number;
  readonly detail: ErrorDetail;
  readonly executed: boolean;
  readonly headers: Record<string, string>;

  constructor(status: number, detail: ErrorDetail, executed = true, headers: Record<string, string> = {}) {
    super(detail.message);
    this.name = 'StripeFailure';
    this.status = status;
    this.detail = detail;
    this.executed = executed;
    this.headers = headers;
  }
}

/** The body of an answer, with the links that Stripe adds. `at_s` is the time of the request in seconds. */
export function errorBody(detail: ErrorDetail, requestId: string, at_s: number): ErrorBody {
  const code = detail.code;
  return {
    error: {
      ...detail,
      ...(code === undefined
        ? {}
        : { doc_url: `https://stripe.com/docs/error-codes/${code.replaceAll('_', '-')}` }),
      request_log_url: `https://dashboard.stripe.com/test/logs/${requestId}?t=${at_s}`,
    },
  };
}

/** A 400 found while the endpoint was already running (kept for an idempotency key). */
export function invalidRequest(
  message: string,
  extra: { code?: string; param?: string } = {},
): StripeFailure {
  return new StripeFailure(400, { type: 'invalid_request_error', message, ...extra });
}

/** A 400 about the parameters themselves, found before the endpoint ran (not kept for an idempotency key). */
export function invalidParameter(message: string, extra: { code?: string; param?: string }): StripeFailure {
  return new StripeFailure(400, { type: 'invalid_request_error', message, ...extra }, false);
}

/** 404 `resource_missing` for the object that the path names. */
export function noSuchObject(type: string, id: string, param = 'id'): StripeFailure {
  return new StripeFailure(404, {
    type: 'invalid_request_error',
    code: 'resource_missing',
    message: `No such ${type}: '${id}'`,
    param,
  });
}

/** 400 `resource_missing` for an object that a parameter names. */
export function noSuchParameterObject(type: string, id: string, param: string): StripeFailure {
  return invalidRequest(`No such ${type}: '${id}'`, { code: 'resource_missing', param });
}

/** 501: this stand-in does not do what was asked. Stripe has no such answer; the sentence names the route. */
export function notImplemented(method: string, path: string, what?: string): StripeFailure {
  const subject = what === undefined ? '' : ` with ${what}`;
  return new StripeFailure(
    501,
    {
      type: 'api_error',
      code: 'not_implemented_by_stand_in',
      message: `This stand-in for Stripe does not implement ${method} ${path}${subject}. See FIDELITY.md for what it does.`,
    },
    false,
    { 'stripe-should-retry': 'false' },
  );
}

/** 500 `api_error`. `stored`: the idempotency key keeps it, and sending the key again is of no use. */
export const serverError = (stored: boolean) =>
  new StripeFailure(
    500,
    {
      type: 'api_error',
      message:
        'Sorry! There was an error while processing your request. We have been notified of the problem.',
    },
    stored,
    // Stripe says so with a stored 500: sending the key again would only replay it.
    stored ? { 'stripe-should-retry': 'false' } : {},
  );

/** 429, as above Stripe's rate limit. */
export const rateLimited = () =>
  new StripeFailure(
    429,
    {
      type: 'invalid_request_error',
      code: 'rate_limit',
      message:
        'Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits.',
    },
    false,
    { 'retry-after': '1', 'stripe-rate-limited-reason': 'global-rate' },
  );

import { type TSchema, Type } from 'typebox';

/** No control characters: PostgreSQL takes no NUL, and nobody's identifier has the others. */
export const PRINTABLE = '^[^\\u0000-\\u001f\\u007f]*$';

/** An identifier that is looked up as it is, e.g. a customer's. */
export const Identifier = (description: string) =>
  Type.String({ minLength: 1, maxLength: 500, pattern: PRINTABLE, description });

/** No control characters but ends of lines and tabs; PostgreSQL takes no NUL. */
export const TEXT_PATTERN = '^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f]*$';

/** Free text, over several lines if need be. */
export const Text = (maxLength: number, description: string) =>
  Type.String({
    maxLength,
    pattern: TEXT_PATTERN,
    description,
  });

/** A currency. */
export const Currency = (description: string) =>
  Type.String({ pattern: '^[a-z]{3}$', description: `${description} ISO 4217, lower case.` });

/** A moment, RFC 3339. */
export const Moment = (description: string) =>
  Type.String({ format: 'date-time', maxLength: 40, description });

/** A string or null, written as the page of the API reference writes it. */
export const NullableString = (description?: string) =>
  Type.Unsafe<string | null>({
    type: ['string', 'null'],
    ...(description === undefined ? {} : { description }),
  });

export const NullableMoment = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], format: 'date-time', description });

/** An amount of money. */
export const Cents = (description: string) =>
  Type.Integer({ description: `${description} In the currency's smallest unit.` });

/** The body of an error, word for word the page's. */
export const ErrorBody = Type.Object({ error: Type.String(), message: Type.String() });

/** The body of an error about one field. */
const FieldErrorBody = Type.Object({
  error: Type.String(),
  message: Type.String(),
  field: Type.Optional(
    Type.String({ description: 'Which parameter, header or field of the body is wrong.' }),
  ),
});

/** The body of an error about a refund or what is left of a payment. */
const FactsErrorBody = Type.Object({
  ...FieldErrorBody.properties,
  refund_id: Type.Optional(Type.String({ description: 'The refund that it is about.' })),
  refundable_cents: Type.Optional(
    Type.Integer({ description: "What can still be refunded, in the currency's smallest unit." }),
  ),
});

const RetryAfter = { 'Retry-After': Type.String({ description: 'Seconds to wait before trying again.' }) };
const Challenge = { 'WWW-Authenticate': Type.String({ description: 'RFC 6750.' }) };

const ERRORS = {
  400: {
    description: 'Bad Request',
    schema: FieldErrorBody,
    example: {
      error: 'validation_error',
      message: 'limit has to be a whole number from 1 to 100, in digits.',
      field: 'limit',
    },
  },
  401: {
    description: 'Unauthorized',
    schema: ErrorBody,
    headers: Challenge,
    example: {
      error: 'invalid_token',
      message: 'The access token is unknown, expired, revoked or meant for another service.',
    },
  },
  403: {
    description: 'Forbidden',
    schema: ErrorBody,
    headers: Challenge,
    example: {
      error: 'insufficient_scope',
      message: 'The access token lacks the scope for this: admin:refunds.read.',
    },
  },
  404: {
    description: 'Not Found',
    schema: FieldErrorBody,
    example: {
      error: 'not_found',
      message: 'There is nothing here by that name, or it is not yours to see.',
    },
  },
  409: {
    description: 'Conflict',
    schema: FactsErrorBody,
    example: {
      error: 'conflict',
      message: '60.00 USD is more than what is left to refund: 40.00 USD.',
      field: 'amount_cents',
      refundable_cents: 4000,
    },
  },
  412: {
    description: 'Precondition Failed',
    schema: FactsErrorBody,
    example: {
      error: 'precondition_failed',
      message: 'What is left to refund has changed: it is 40.00 USD.',
      field: 'expected_refundable_cents',
      refundable_cents: 4000,
    },
  },
  413: {
    description: 'Content Too Large',
    schema: ErrorBody,
    example: { error: 'payload_too_large', message: 'The body is larger than 1 MiB.' },
  },
  415: {
    description: 'Unsupported Media Type',
    schema: ErrorBody,
    example: { error: 'unsupported_media_type', message: 'The body has to be application/json.' },
  },
  422: {
    description: 'Unprocessable Content',
    schema: FieldErrorBody,
    example: { error: 'validation_error', message: 'charge_id is missing.', field: 'charge_id' },
  },
  429: {
    description: 'Too Many Requests',
    schema: ErrorBody,
    headers: RetryAfter,
    example: { error: 'rate_limited', message: 'Too many requests: wait as long as Retry-After says.' },
  },
  500: {
    description: 'Internal Server Error',
    schema: ErrorBody,
    example: {
      error: 'internal_error',
      message: 'Something went wrong here. The X-Request-Id header tells us which request it was.',
    },
  },
  502: {
    description: 'Bad Gateway',
    schema: FactsErrorBody,
    example: {
      error: 'upstream_failed',
      message: 'Stripe refused the refund: Insufficient funds in your Stripe balance to refund this amount.',
      refund_id: 'refund_01kar2m0v5fhtb3mx9q2z8d4wn',
    },
  },
  503: {
    description: 'Service Unavailable',
    schema: ErrorBody,
    headers: RetryAfter,
    example: {
      error: 'service_unavailable',
      message: 'Not available at the moment: try again in a few seconds.',
    },
  },
} as const;

/** An answer in JSON, as an OpenAPI response object that the serializer understands too. */
export function json<Schema extends TSchema>(
  description: string,
  schema: Schema,
  example: unknown,
  headers?: Record<string, TSchema>,
) {
  return {
    description,
    ...(headers === undefined ? {} : { headers }),
    content: { 'application/json': { schema, example } },
  };
}

/** The answers of an operation when it fails. */
export function errorResponses(...statuses: (keyof typeof ERRORS)[]) {
  return Object.fromEntries(
    statuses.map((status) => {
      const entry = ERRORS[status];
      return [
        status,
        json(entry.description, entry.schema, entry.example, 'headers' in entry ? entry.headers : undefined),
      ];
    }),
  );
}

/** The key that every operation takes which changes something. */
export const idempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      description:
        'The caller’s name for this one request (draft-ietf-httpapi-idempotency-key-header), best a UUID: sent again with the same body it is answered with the same bytes, and nothing is done twice.',
    }),
  ),
});

/** What an operation that changes something may answer besides. */
export const changeErrors = errorResponses(404, 409, 412, 413, 415, 422);

/** What any operation behind a token may answer instead of succeeding. */
export const guardedErrors = errorResponses(400, 401, 403, 429, 500, 503);

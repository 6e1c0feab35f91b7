import { type TSchema, Type } from 'typebox';

/** No control characters: PostgreSQL takes no NUL, and nobody's identifier has the others. */
const PRINTABLE = '^[^\\u0000-\\u001f\\u007f]*$';

/** An identifier that is looked up as it is, e.g. a customer's. */
export const Identifier = (description: string) =>
  Type.String({ minLength: 1, maxLength: 500, pattern: PRINTABLE, description });

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
const ErrorBody = Type.Object({ error: Type.String(), message: Type.String() });

/** The body of an error about one field. */
const FieldErrorBody = Type.Object({
  error: Type.String(),
  message: Type.String(),
  field: Type.Optional(
    Type.String({ description: 'Which parameter, header or field of the body is wrong.' }),
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
    schema: ErrorBody,
    example: {
      error: 'not_found',
      message: 'There is nothing here by that name, or it is not yours to see.',
    },
  },
  413: {
    description: 'Content Too Large',
    schema: ErrorBody,
    example: { error: 'payload_too_large', message: 'The body is larger than 1 MiB.' },
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

/** What any operation behind a token may answer instead of succeeding. */
export const guardedErrors = errorResponses(400, 401, 403, 429, 500, 503);

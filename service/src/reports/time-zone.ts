import { Type } from 'typebox';
import { ServiceError } from '../errors.ts';

/** In whose days something is counted. */
export const TimeZone = Type.Optional(
  Type.String({
    maxLength: 64,
    pattern: '^(UTC|[A-Za-z_]+(/[A-Za-z0-9_+-]+)+)$',
    default: 'UTC',
    description: 'In whose days: a time zone by its IANA name, e.g. `Europe/Berlin`.',
  }),
);

/** @throws ServiceError where nobody knows the time zone */
export function readTimeZone(name = 'UTC'): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return name;
  } catch {
    throw unknownTimeZone();
  }
}

const unknownTimeZone = () =>
  new ServiceError('malformed', {
    field: 'time_zone',
    message: 'time_zone has to be the name of a time zone such as Europe/Berlin.',
  });

/** What the database says of a time zone that it does not know; its list may be older than ours (invalid_parameter_value). */
export function explainTimeZone(error: unknown): unknown {
  return error instanceof Error && 'code' in error && error.code === '22023' ? unknownTimeZone() : error;
}

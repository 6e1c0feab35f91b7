import { ServiceError } from '../errors.ts';

/** The two ends of a span of time, as filters. */
export function between(
  gte: string | undefined,
  lt: string | undefined,
): { created_at_gte?: Date; created_at_lt?: Date } {
  return {
    ...(gte === undefined ? {} : { created_at_gte: toMoment('created_at_gte', gte) }),
    ...(lt === undefined ? {} : { created_at_lt: toMoment('created_at_lt', lt) }),
  };
}

/**
 * A moment of a parameter as a Date. A leap second is a valid RFC 3339 time that JavaScript has no Date for. The books know
 * milliseconds, so what is finer begins, and ends, with the next one; Date would round it down.
 */
export function toMoment(field: string, text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) {
    throw new ServiceError('malformed', {
      field,
      message: `${field} has to be a time such as 2026-01-31T14:05:00Z.`,
    });
  }
  return /\.\d{3}\d*[1-9]/.test(text) ? new Date(date.getTime() + 1) : date;
}

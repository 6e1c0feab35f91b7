import { InvalidArgumentError } from 'commander';

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const FORM = /^(\d{4}-\d{2}-\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2}))?$/;
const DAY_ms = 24 * 3_600_000;

/**
 * Reads when something begins, in the past: a day (its beginning in UTC) or an RFC 3339 time with its zone.
 *
 * @throws InvalidArgumentError with a sentence that says what to write
 */
export function parseFirstMoment(text: string, now: Date = new Date()): Date {
  const day = FORM.exec(text)?.[1];
  const moment = new Date(text);
  // JavaScript takes 2026-02-30 for the 2nd of March.
  if (
    day === undefined ||
    Number.isNaN(moment.getTime()) ||
    new Date(day).toISOString().slice(0, 10) !== day
  ) {
    throw new InvalidArgumentError(
      'Write a day like 2026-08-01, or a time with its zone like 2026-08-01T09:00:00Z.',
    );
  }
  if (moment > now) throw new InvalidArgumentError('It lies in the future: there is nothing to read yet.');
  return moment;
}

/** Reads when something ends, likewise: a day means to its end, today to the end of today. */
export function parseLastMoment(text: string, now: Date = new Date()): Date {
  const moment = parseFirstMoment(text, now);
  return DAY.test(text) ? new Date(moment.getTime() + DAY_ms - 1) : moment;
}

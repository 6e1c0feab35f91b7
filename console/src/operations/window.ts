import { dayStart, nextDay } from '../time/days.ts';

/**
 * The time that two days mean, both with all of them; without a last one, or where that is not over yet, it goes up to now. A word where
 * they mean none: `incomplete`, `future`, or `backwards`.
 */
export function windowOf(
  from_day: string,
  until_day: string,
  now: Date,
): { from: string; to?: string } | 'incomplete' | 'future' | 'backwards' {
  const from = dayStart(from_day);
  if (from === undefined) return 'incomplete';
  if (Date.parse(from) > now.getTime()) return 'future';
  if (until_day === '') return { from };
  const to = nextDay(until_day);
  if (to === undefined) return 'incomplete';
  if (Date.parse(to) <= Date.parse(from)) return 'backwards';
  return Date.parse(to) > now.getTime() ? { from } : { from, to };
}

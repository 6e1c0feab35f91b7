const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;

/** A length of time in one unit, as a person says it: `41 seconds`, `2 days`; the shortest is a second. */
export function formatDuration(exact_s: number, locale?: string): string {
  const seconds = Math.max(1, exact_s);
  const [unit, length_s] = UNITS.find(([, length]) => seconds >= length) ?? ['second', 1];
  return new Intl.NumberFormat(locale, {
    style: 'unit',
    unit,
    unitDisplay: 'long',
    maximumFractionDigits: seconds / length_s < 10 && unit !== 'second' ? 1 : 0,
  }).format(seconds / length_s);
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;

/** A length of time in one unit, as a person says it: `41 seconds`, `2 days`. */
export function formatDuration(seconds: number, locale?: string): string {
  const [unit, length_s] = UNITS.find(([, length]) => seconds >= length) ?? ['second', 1];
  return new Intl.NumberFormat(locale, {
    style: 'unit',
    unit,
    unitDisplay: 'long',
    maximumFractionDigits: seconds / length_s < 10 && unit !== 'second' ? 1 : 0,
  }).format(seconds / length_s);
}

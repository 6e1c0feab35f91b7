/** What a spreadsheet takes for a formula (OWASP, CSV Injection); also in full width. */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/;
/** What has to stand in quotes (RFC 4180, section 2). */
const QUOTED = /[",\r\n]/;

/**
 * A line of CSV (RFC 4180). A text that a spreadsheet would take for a formula gets an apostrophe in front, which says that it is none;
 * numbers stay numbers.
 */
export function csvLine(values: readonly (string | number | Date | null)[]): string {
  return `${values.map(field).join(',')}\r\n`;
}

function field(value: string | number | Date | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  if (value instanceof Date) return value.toISOString();
  const text = FORMULA.test(value) ? `'${value}` : value;
  return QUOTED.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Days are those of whoever looks, moments in the address are UTC: a colleague elsewhere sees the same rows. */

const pad = (number: number) => String(number).padStart(2, '0');

/** The day of a moment, moved by some milliseconds, as a date field has it; empty for none. */
export function dayText(moment: string | undefined, move_ms = 0): string {
  if (moment === undefined) return '';
  const date = new Date(Date.parse(moment) + move_ms);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

/** When a day begins here; undefined where it is none (yet). */
export function dayStart(day: string): string | undefined {
  const date = new Date(`${day}T00:00:00`);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** When the day after begins: until then it is that day. */
export function nextDay(day: string): string | undefined {
  const date = new Date(`${day}T00:00:00`);
  date.setDate(date.getDate() + 1);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

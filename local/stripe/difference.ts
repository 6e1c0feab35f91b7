type Plain = { [name: string]: unknown };
const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The old values of what `after` changed, as an event's `previous_attributes`: nested objects by their changed fields only, lists as a
 * whole, null for what was not there before. Undefined where nothing changed.
 */
export function difference<T extends object>(before: T, after: T): Record<string, unknown> | undefined {
  return compare(before as Plain, after as Plain);
}

function compare(before: Plain, after: Plain): Plain | undefined {
  const previous: Plain = {};
  for (const name of new Set([...Object.keys(after), ...Object.keys(before)])) {
    const old = before[name];
    const now = after[name];
    if (isPlain(old) && isPlain(now)) {
      const inner = compare(old, now);
      if (inner !== undefined) previous[name] = inner;
    } else if (JSON.stringify(old) !== JSON.stringify(now)) {
      previous[name] = old ?? null;
    }
  }
  return Object.keys(previous).length === 0 ? undefined : previous;
}

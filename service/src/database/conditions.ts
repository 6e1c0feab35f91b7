/** A condition in SQL with `?` for the value, if it takes one; left out where the value is undefined. */
export type Condition = readonly [sql: string, value: unknown];

/**
 * Conditions as `WHERE` has them, and the values of their parameters.
 *
 * @param values those before them: theirs are numbered on from there
 */
export function writeConditions(
  conditions: readonly Condition[],
  values: readonly unknown[] = [],
): { where: string; values: unknown[] } {
  const all = [...values];
  const where = conditions
    .filter(([, value]) => value !== undefined)
    .map(([sql, value]) => (sql.includes('?') ? sql.replace('?', `$${all.push(value)}`) : sql));
  return { where: where.join(' AND '), values: all };
}

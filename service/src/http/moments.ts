/** The two ends of a span of time, as filters. */
export function between(
  gte: string | undefined,
  lt: string | undefined,
): { created_at_gte?: Date; created_at_lt?: Date } {
  return {
    ...(gte === undefined ? {} : { created_at_gte: new Date(gte) }),
    ...(lt === undefined ? {} : { created_at_lt: new Date(lt) }),
  };
}

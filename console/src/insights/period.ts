import { dayText, nextDay } from '../time/days.ts';

/** What the page's address says; what is absent is the default. */
export interface InsightsSearch {
  currency?: string;
  created_at_gte?: string;
  created_at_lt?: string;
}

export const PRESETS_days = [7, 30, 90, 365];
const DAY_ms = 86_400_000;

export function readInsightsSearch(search: Record<string, unknown>): InsightsSearch {
  const read: InsightsSearch = {};
  if (typeof search.currency === 'string' && /^[a-z]{3}$/.test(search.currency))
    read.currency = search.currency;
  for (const name of ['created_at_gte', 'created_at_lt'] as const) {
    const value = search[name];
    if (typeof value === 'string' && !Number.isNaN(Date.parse(value)))
      read[name] = new Date(value).toISOString();
  }
  return read;
}

/** The last so many days, today included, as whole days of whoever looks. */
export function lastDays(days: number, now = new Date()): { created_at_gte: string; created_at_lt: string } {
  const today = dayText(now.toISOString());
  const first = new Date(`${today}T00:00:00`);
  first.setDate(first.getDate() - days + 1);
  return { created_at_gte: first.toISOString(), created_at_lt: nextDay(today) ?? now.toISOString() };
}

/** The period that an address means: the last 30 days where it says none. */
export function periodOf({ created_at_gte, created_at_lt }: InsightsSearch, now = new Date()) {
  const usual = lastDays(30, now);
  return {
    created_at_gte: created_at_gte ?? usual.created_at_gte,
    created_at_lt: created_at_lt ?? usual.created_at_lt,
  };
}

/** Which of the presets a period is; undefined: none. */
export function presetOf(period: ReturnType<typeof periodOf>, now = new Date()): number | undefined {
  return PRESETS_days.find((days) => {
    const preset = lastDays(days, now);
    return preset.created_at_gte === period.created_at_gte && preset.created_at_lt === period.created_at_lt;
  });
}

/** Whether a period can be asked for: it begins before it ends, and is no longer than the service adds up. */
export const isPeriod = ({ created_at_gte, created_at_lt }: ReturnType<typeof periodOf>): boolean => {
  const length_ms = Date.parse(created_at_lt) - Date.parse(created_at_gte);
  return length_ms > 0 && length_ms <= 400 * DAY_ms;
};

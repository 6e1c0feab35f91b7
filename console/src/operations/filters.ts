import type { Query } from '@payments/client';

/** What the events are narrowed by, as the API and the page's address name it. */
export type EventFilters = Omit<Query<'listStripeEvents'>, 'limit' | 'cursor'>;
export type EventStatus = NonNullable<EventFilters['status']>;

/** What the page of events says in its address: also which one is looked at. */
export type EventSearch = EventFilters & { event_id?: string };

export type DifferenceFilters = Omit<Query<'listReconcileDifferences'>, 'limit' | 'cursor'>;

/** The most urgent first. */
export const EVENT_STATUSES = [
  'failed',
  'received',
  'unmatched',
  'processed',
  'ignored',
] as const satisfies EventStatus[];

const texts = <Name extends string>(search: Record<string, unknown>, names: readonly Name[]) =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = search[name];
      return (typeof value === 'string' || typeof value === 'number') && value !== ''
        ? [[name, String(value)]]
        : [];
    }),
  ) as { [Key in Name]?: string };

/** What an address says, as far as it can be meant: a mistyped filter is none. */
export function readEventSearch(search: Record<string, unknown>): EventSearch {
  const read: EventSearch = texts(search, ['event_type', 'object_id', 'event_id']);
  const status = EVENT_STATUSES.find((one) => one === search.status);
  if (status !== undefined) read.status = status;
  for (const name of ['received_at_gte', 'received_at_lt'] as const) {
    const value = search[name];
    if (typeof value === 'string' && !Number.isNaN(Date.parse(value)))
      read[name] = new Date(value).toISOString();
  }
  return read;
}

/** What an address says of which differences are meant. */
export function readDifferenceFilters(search: Record<string, unknown>): DifferenceFilters {
  const read: DifferenceFilters = texts(search, ['run_id', 'entity_id']);
  if (search.open === true || search.open === 'true') read.open = true;
  if (search.open === false || search.open === 'false') read.open = false;
  return read;
}

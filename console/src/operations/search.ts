import { EVENT_STATUSES, type EventStatus } from './queries.ts';

export const TABS = ['events', 'differences', 'runs', 'sent'] as const;

export interface OperationsSearch {
  tab?: (typeof TABS)[number];
  /** Of events. */
  status?: EventStatus;
  /** Of differences: also those that are closed. */
  all?: true;
}

/** What an address says, as far as it can be meant. */
export function readOperationsSearch({ tab, status, all }: Record<string, unknown>): OperationsSearch {
  const [known, of] = [TABS.find((one) => one === tab), EVENT_STATUSES.find((one) => one === status)];
  return {
    ...(known === undefined ? {} : { tab: known }),
    ...(of === undefined ? {} : { status: of }),
    ...(all === true ? { all } : {}),
  };
}

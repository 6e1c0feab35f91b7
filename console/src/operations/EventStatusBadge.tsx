import { Badge } from '@mantine/core';
import { t } from '../texts/texts.ts';
import type { EventStatus } from './filters.ts';

/** Colour only repeats what the word says. */
const COLORS: Record<EventStatus, string> = {
  failed: 'red',
  received: 'blue',
  unmatched: 'orange',
  processed: 'green',
  ignored: 'gray',
};

export function EventStatusBadge({ status }: { status: EventStatus }) {
  return (
    <Badge color={COLORS[status]} variant="light" tt="none" fw={600} fz={12} className="status">
      {t.operations.statuses[status]}
    </Badge>
  );
}

import { Badge } from '@mantine/core';
import { t } from '../texts/texts.ts';
import type { RefundStatus } from './filters.ts';

/** Colour only repeats what the word says. */
const COLORS: Record<RefundStatus, string> = {
  awaiting_approval: 'violet',
  rejected: 'gray',
  pending: 'blue',
  requires_action: 'orange',
  succeeded: 'green',
  failed: 'red',
  canceled: 'gray',
};

export function StatusBadge({ status }: { status: RefundStatus }) {
  return (
    <Badge color={COLORS[status]} variant="light" tt="none" fw={600} fz={12} className="status">
      {t.statuses[status]}
    </Badge>
  );
}

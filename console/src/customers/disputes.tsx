import { Anchor, Group, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { Money } from '../money/Money.tsx';
import type { Column } from '../shell/Listing.tsx';
import { t } from '../texts/texts.ts';
import { Moment } from '../time/Moment.tsx';
import type { ListedDispute } from './queries.ts';

const words = (code: string) => code.replaceAll('_', ' ');

/** What a list of disputes shows. */
export const DISPUTE_COLUMNS: readonly Column<ListedDispute>[] = [
  {
    name: 'made',
    label: t.customer.dispute_made,
    cell: ({ row: { payment_id, created_at } }) => (
      <Anchor component={Link} to={`/payments/${payment_id}`} size="sm">
        <Moment at={created_at} />
      </Anchor>
    ),
  },
  {
    name: 'amount',
    label: t.columns.amount,
    numeric: true,
    cell: ({ row: { amount_cents, currency } }) => <Money cents={amount_cents} currency={currency} />,
  },
  { name: 'status', label: t.customer.dispute_status, cell: ({ row: { status } }) => words(status) },
  {
    name: 'about',
    label: t.customer.dispute_about,
    cell: ({ row: { reason } }) => (reason === null ? t.common.none : words(reason)),
  },
  {
    name: 'evidence',
    label: t.customer.evidence_due,
    cell: ({ row: { evidence_due_by } }) =>
      evidence_due_by === null ? t.common.none : <Moment at={evidence_due_by} />,
  },
];

export function DisputeCard({ row }: { row: ListedDispute }) {
  return (
    <>
      <Group justify="space-between" gap="xs">
        <Text fw={600}>
          <Money cents={row.amount_cents} currency={row.currency} />
        </Text>
        <Text size="sm">{words(row.status)}</Text>
      </Group>
      <Text size="xs" c="dimmed">
        <Moment at={row.created_at} />
      </Text>
    </>
  );
}

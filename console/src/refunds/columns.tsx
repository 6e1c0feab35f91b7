import { Anchor, Badge, Group, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { Money } from '../money/Money.tsx';
import { formatMoney } from '../money/money.ts';
import type { Column } from '../shell/Listing.tsx';
import { t } from '../texts/texts.ts';
import { Moment } from '../time/Moment.tsx';
import type { ListedRefund } from './queries.ts';
import { reasonText } from './reason.ts';
import { StatusBadge } from './StatusBadge.tsx';

export type ColumnName = keyof typeof t.columns;

interface RefundColumn extends Column<ListedRefund> {
  name: ColumnName;
}

const column = (
  name: ColumnName,
  cell: RefundColumn['cell'],
  more: { numeric?: true } = {},
): RefundColumn => ({
  name,
  label: t.columns[name],
  cell,
  ...more,
});
const id = (value: string | null) => (value === null ? t.common.none : <span className="id">{value}</span>);

/** What the list can show of a refund. */
export const COLUMNS: readonly RefundColumn[] = [
  column('created_at', ({ row: refund }) => (
    <Anchor component={Link} to={`/refunds/${refund.refund_id}`} size="sm">
      <Moment at={refund.created_at} />
    </Anchor>
  )),
  column('amount', ({ row: refund }) => <Money cents={refund.amount_cents} currency={refund.currency} />, {
    numeric: true,
  }),
  column('status', ({ row: refund }) => (
    <Group gap={6} wrap="nowrap">
      <StatusBadge status={refund.status} />
      {refund.owed_cents > 0 && (
        <Badge color="red" variant="filled" tt="none" className="status" title={t.refunds.attention_text}>
          {t.refunds.still_owed}
        </Badge>
      )}
    </Group>
  )),
  column('customer', ({ row: refund }) => (
    <Anchor component={Link} to={`/customers/${encodeURIComponent(refund.customer_id)}`} size="sm">
      {refund.customer_id}
    </Anchor>
  )),
  column('reason', ({ row: refund }) => (
    <Text size="sm" truncate maw={200} c={refund.reason === null ? 'dimmed' : undefined}>
      {reasonText(refund.reason)}
    </Text>
  )),
  column('requested_by', ({ row: refund }) =>
    refund.origin === 'external' ? (
      <Text size="sm" c="dimmed" className="whole">
        {t.refunds.external}
      </Text>
    ) : (
      refund.requested_by_id
    ),
  ),
  column('payment', ({ row: refund }) => (
    <Anchor component={Link} to={`/payments/${refund.payment_id}`} size="sm" className="id">
      {refund.payment_id}
    </Anchor>
  )),
  column('refund', ({ row: refund }) => id(refund.refund_id)),
  column('charge', ({ row: refund }) => id(refund.charge_id)),
  column('stripe_refund', ({ row: refund }) => id(refund.stripe_refund_id)),
  column('bank_reference', ({ row: refund }) => id(refund.bank_reference)),
  column('updated_at', ({ row: refund }) => <Moment at={refund.updated_at} />),
];

export const DEFAULT_COLUMNS: ColumnName[] = [
  'created_at',
  'amount',
  'status',
  'customer',
  'reason',
  'requested_by',
];

export const columnsNamed = (names: readonly ColumnName[]) =>
  COLUMNS.filter(({ name }) => names.includes(name));

/** What matters of a refund, where there is room for little. */
export function RefundCard({ row: refund }: { row: ListedRefund }) {
  return (
    <>
      <Group justify="space-between" gap="xs">
        <Text fw={600}>
          <Money cents={refund.amount_cents} currency={refund.currency} />
        </Text>
        <StatusBadge status={refund.status} />
      </Group>
      <Text size="sm">{refund.customer_id}</Text>
      <Text size="xs" c="dimmed">
        <Moment at={refund.created_at} /> · {reasonText(refund.reason)}
      </Text>
      {refund.owed_cents > 0 && (
        <Text size="sm" fw={600} c="red">
          {t.refunds.owed(formatMoney(refund.owed_cents, refund.currency))}
        </Text>
      )}
    </>
  );
}

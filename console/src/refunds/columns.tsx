import { Anchor, Badge, Group, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ComponentType } from 'react';
import { Money } from '../money/Money.tsx';
import { t } from '../texts/texts.ts';
import { Moment } from '../time/Moment.tsx';
import type { ListedRefund } from './queries.ts';
import { reasonText } from './reason.ts';
import { StatusBadge } from './StatusBadge.tsx';

export type ColumnName = keyof typeof t.columns;

export interface Column {
  name: ColumnName;
  label: string;
  numeric?: true;
  cell: ComponentType<{ refund: ListedRefund }>;
}

const column = (name: ColumnName, cell: Column['cell'], more: { numeric?: true } = {}): Column => ({
  name,
  label: t.columns[name],
  cell,
  ...more,
});
const id = (value: string | null) => (value === null ? t.common.none : <span className="id">{value}</span>);

/** What the list can show of a refund. */
export const COLUMNS: readonly Column[] = [
  column('created_at', ({ refund }) => (
    <Anchor component={Link} to={`/refunds/${refund.refund_id}`} size="sm">
      <Moment at={refund.created_at} />
    </Anchor>
  )),
  column('amount', ({ refund }) => <Money cents={refund.amount_cents} currency={refund.currency} />, {
    numeric: true,
  }),
  column('status', ({ refund }) => (
    <Group gap={6} wrap="nowrap">
      <StatusBadge status={refund.status} />
      {refund.owed_cents > 0 && (
        <Badge color="red" variant="filled" tt="none" className="status" title={t.refunds.attention_text}>
          {t.refunds.still_owed}
        </Badge>
      )}
    </Group>
  )),
  column('customer', ({ refund }) => (
    <Anchor component={Link} to={`/customers/${encodeURIComponent(refund.customer_id)}`} size="sm">
      {refund.customer_id}
    </Anchor>
  )),
  column('reason', ({ refund }) => (
    <Text size="sm" truncate maw={200} c={refund.reason === null ? 'dimmed' : undefined}>
      {reasonText(refund.reason)}
    </Text>
  )),
  column('requested_by', ({ refund }) =>
    refund.origin === 'external' ? (
      <Text size="sm" c="dimmed" className="whole">
        {t.refunds.external}
      </Text>
    ) : (
      refund.requested_by_id
    ),
  ),
  column('payment', ({ refund }) => (
    <Anchor component={Link} to={`/payments/${refund.payment_id}`} size="sm" className="id">
      {refund.payment_id}
    </Anchor>
  )),
  column('refund', ({ refund }) => id(refund.refund_id)),
  column('charge', ({ refund }) => id(refund.charge_id)),
  column('stripe_refund', ({ refund }) => id(refund.stripe_refund_id)),
  column('bank_reference', ({ refund }) => id(refund.bank_reference)),
  column('updated_at', ({ refund }) => <Moment at={refund.updated_at} />),
];

export const DEFAULT_COLUMNS: ColumnName[] = [
  'created_at',
  'amount',
  'status',
  'customer',
  'reason',
  'requested_by',
];

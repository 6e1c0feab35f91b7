import { Anchor, Badge, Group, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { Money } from '../money/Money.tsx';
import type { Column } from '../shell/Listing.tsx';
import { t } from '../texts/texts.ts';
import { Moment } from '../time/Moment.tsx';
import type { ListedPayment } from './queries.ts';

/** Stripe's word for where a payment is, as people say it. */
export const paymentStatus = (status: string): string =>
  t.payments.statuses[status] ?? status.replaceAll('_', ' ');

function PaymentStatus({ status }: { status: string }) {
  return (
    <Badge color={status === 'succeeded' ? 'green' : 'gray'} variant="light" tt="none" className="status">
      {paymentStatus(status)}
    </Badge>
  );
}

const customerColumn: Column<ListedPayment> = {
  name: 'customer',
  label: t.payments.customer,
  cell: ({ row: { customer_id } }) => (
    <Anchor component={Link} to={`/customers/${encodeURIComponent(customer_id)}`} size="sm">
      {customer_id}
    </Anchor>
  ),
};

const COLUMNS_OF_ONE: readonly Column<ListedPayment>[] = [
  {
    name: 'made',
    label: t.payments.made,
    cell: ({ row: { payment_id, created_at } }) => (
      <Anchor component={Link} to={`/payments/${payment_id}`} size="sm">
        <Moment at={created_at} />
      </Anchor>
    ),
  },
  {
    name: 'paid',
    label: t.payments.paid,
    numeric: true,
    cell: ({ row: { captured_cents, currency } }) => <Money cents={captured_cents} currency={currency} />,
  },
  {
    name: 'refunded',
    label: t.payments.refunded,
    numeric: true,
    cell: ({ row: { refunded_cents, reserved_cents, currency } }) =>
      refunded_cents + reserved_cents === 0 ? (
        t.common.none
      ) : (
        <Money cents={refunded_cents + reserved_cents} currency={currency} />
      ),
  },
  {
    name: 'left',
    label: t.payments.left,
    numeric: true,
    cell: ({ row: { refundable_cents, currency } }) => <Money cents={refundable_cents} currency={currency} />,
  },
  {
    name: 'status',
    label: t.payments.status,
    cell: ({ row: { status } }) => <PaymentStatus status={status} />,
  },
  {
    name: 'order',
    label: t.payments.order,
    cell: ({ row: { order_id } }) =>
      order_id === null ? t.common.none : <span className="id">{order_id}</span>,
  },
];

/** What a list of payments shows; where all are of one customer, without whose they are. */
export const columnsOf = ({ oneCustomer }: { oneCustomer: boolean }): readonly Column<ListedPayment>[] =>
  oneCustomer ? COLUMNS_OF_ONE : ALL_COLUMNS;
const ALL_COLUMNS = [...COLUMNS_OF_ONE.slice(0, 1), customerColumn, ...COLUMNS_OF_ONE.slice(1)];

export function PaymentCard({ row }: { row: ListedPayment }) {
  return (
    <>
      <Group justify="space-between" gap="xs">
        <Text fw={600}>
          <Money cents={row.captured_cents} currency={row.currency} />
        </Text>
        <PaymentStatus status={row.status} />
      </Group>
      <Text size="sm">{row.customer_id}</Text>
      <Text size="xs" c="dimmed">
        <Moment at={row.created_at} /> · {t.payments.left}{' '}
        <Money cents={row.refundable_cents} currency={row.currency} />
      </Text>
    </>
  );
}

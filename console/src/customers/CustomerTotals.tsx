import { Group, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { Money } from '../money/Money.tsx';
import { Facts } from '../shell/Facts.tsx';
import { t } from '../texts/texts.ts';
import type { Customer } from './queries.ts';

/** What a customer paid and got back in one currency. */
export function CustomerTotals({ total }: { total: Customer['totals'][number] }) {
  const { currency } = total;
  const line = (label: string, cents: number, count?: number): [string, ReactNode][] =>
    cents === 0 && label !== t.customer.paid
      ? []
      : [
          [
            label,
            <Group key={label} gap={6}>
              <Money cents={cents} currency={currency} />
              {count !== undefined && (
                <Text span size="sm" c="dimmed">
                  {t.customer.count(count)}
                </Text>
              )}
            </Group>,
          ],
        ];
  return (
    <Facts
      facts={[
        ...line(t.customer.paid, total.paid_cents, total.payment_count),
        ...line(t.customer.refunded, total.refunded_cents, total.refund_count),
        ...line(t.customer.reserved, total.reserved_cents),
        ...line(t.customer.owed, total.owed_cents),
        ...line(t.customer.disputed, total.disputed_cents, total.dispute_count),
      ]}
    />
  );
}

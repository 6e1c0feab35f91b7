import { Group, Progress, Stack, Text } from '@mantine/core';
import { Money } from '../money/Money.tsx';
import { t } from '../texts/texts.ts';

interface Amounts {
  captured_cents: number;
  reserved_cents: number;
  refunded_cents: number;
  refundable_cents: number;
  currency: string;
}

/** What was taken, and what of it has gone back, is going back, is left; the same in words, since a bar alone says nothing to many. */
export function PaymentBar({ payment }: { payment: Amounts }) {
  const { captured_cents, reserved_cents, refunded_cents, refundable_cents, currency } = payment;
  const share = (cents: number) => (captured_cents === 0 ? 0 : (100 * cents) / captured_cents);
  const parts = [
    { label: t.payment.refunded, cents: refunded_cents, color: 'teal' },
    { label: t.payment.reserved, cents: reserved_cents, color: 'blue' },
    { label: t.payment.refundable, cents: refundable_cents, color: 'gray' },
  ];
  return (
    <Stack gap={6}>
      <Progress.Root size={14} aria-hidden="true">
        {parts.slice(0, 2).map(({ label, cents, color }) => (
          <Progress.Section key={label} value={share(cents)} color={color} />
        ))}
      </Progress.Root>
      <Group gap="lg">
        <Text size="sm">
          {t.payment.captured} <Money cents={captured_cents} currency={currency} />
        </Text>
        {parts.map(({ label, cents }) => (
          <Text key={label} size="sm" c="dimmed">
            {label} <Money cents={cents} currency={currency} />
          </Text>
        ))}
      </Group>
    </Stack>
  );
}

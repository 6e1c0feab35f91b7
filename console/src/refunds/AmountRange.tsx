import { Group, TextInput } from '@mantine/core';
import { amountDigits } from '@payments/service/payments/money.ts';
import { useEffect, useState } from 'react';
import { CurrencySelect } from '../money/CurrencySelect.tsx';
import { parseMoney } from '../money/money.ts';
import { t } from '../texts/texts.ts';
import type { RefundFilters } from './filters.ts';

interface Props {
  filters: RefundFilters;
  set: (change: { [Name in keyof RefundFilters]?: RefundFilters[Name] | undefined }) => void;
}

/** A currency, and amounts in its own decimals. */
export function AmountRange({ filters, set }: Props) {
  const { currency } = filters;
  return (
    <Group gap="xs" align="end" wrap="nowrap">
      <CurrencySelect
        value={currency}
        onChange={(code) => set({ currency: code, amount_cents_gte: undefined, amount_cents_lte: undefined })}
      />
      {currency !== undefined && (
        <>
          <Bound
            label={t.refunds.amount_from}
            currency={currency}
            cents={filters.amount_cents_gte}
            onChange={(cents) => set({ amount_cents_gte: cents })}
          />
          <Bound
            label={t.refunds.amount_to}
            currency={currency}
            cents={filters.amount_cents_lte}
            onChange={(cents) => set({ amount_cents_lte: cents })}
          />
        </>
      )}
    </Group>
  );
}

interface BoundProps {
  label: string;
  currency: string;
  cents: number | undefined;
  onChange: (cents: number | undefined) => void;
}

function Bound({ label, currency, cents, onChange }: BoundProps) {
  const shown = cents === undefined ? '' : amountDigits(cents, currency);
  const [typed, setTyped] = useState(shown);
  useEffect(() => setTyped(shown), [shown]);
  const parsed = parseMoney(typed, currency);
  const problem = 'problem' in parsed && parsed.problem !== 'empty' ? parsed.problem : undefined;
  const take = () => {
    if (problem !== undefined) return;
    const next = 'cents' in parsed ? parsed.cents : undefined;
    if (next !== cents) onChange(next);
  };
  return (
    <TextInput
      label={label}
      inputMode="decimal"
      value={typed}
      onChange={(event) => setTyped(event.currentTarget.value)}
      onBlur={take}
      onKeyDown={({ key }) => key === 'Enter' && take()}
      error={problem === undefined ? undefined : t.money[problem](currency.toUpperCase())}
      w={130}
    />
  );
}

import { Group, Select, TextInput } from '@mantine/core';
import { amountDigits } from '@payments/service/payments/money.ts';
import { useEffect, useState } from 'react';
import { parseMoney } from '../money/money.ts';
import { t } from '../texts/texts.ts';
import type { RefundFilters } from './filters.ts';

interface Props {
  filters: RefundFilters;
  set: (change: { [Name in keyof RefundFilters]?: RefundFilters[Name] | undefined }) => void;
}

/** What is asked for most; any other stands in the address and is shown as well. */
const CURRENCIES = ['eur', 'usd', 'gbp', 'jpy', 'chf', 'sek', 'cad', 'aud', 'kwd'];

/** A currency, and amounts in its own decimals. */
export function AmountRange({ filters, set }: Props) {
  const { currency } = filters;
  const known =
    currency === undefined || CURRENCIES.includes(currency) ? CURRENCIES : [...CURRENCIES, currency];
  return (
    <Group gap="xs" align="end" wrap="nowrap">
      <Select
        label={t.refunds.currency}
        placeholder={t.common.all}
        clearable
        searchable
        data={known.map((code) => ({ value: code, label: code.toUpperCase() }))}
        value={currency ?? null}
        onChange={(code) =>
          set({ currency: code ?? undefined, amount_cents_gte: undefined, amount_cents_lte: undefined })
        }
        w={92}
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

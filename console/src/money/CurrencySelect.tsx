import { Select } from '@mantine/core';
import { t } from '../texts/texts.ts';

/** What is asked for most; any other stands in the address and is shown as well. */
const CURRENCIES = ['eur', 'usd', 'gbp', 'jpy', 'chf', 'sek', 'cad', 'aud', 'kwd'];

interface Props {
  value: string | undefined;
  onChange: (currency: string | undefined) => void;
}

/** One currency, or all. */
export function CurrencySelect({ value, onChange }: Props) {
  const known = value === undefined || CURRENCIES.includes(value) ? CURRENCIES : [...CURRENCIES, value];
  return (
    <Select
      label={t.common.currency}
      placeholder={t.common.all}
      clearable
      searchable
      data={known.map((code) => ({ value: code, label: code.toUpperCase() }))}
      value={value ?? null}
      onChange={(code) => onChange(code ?? undefined)}
      w={92}
    />
  );
}

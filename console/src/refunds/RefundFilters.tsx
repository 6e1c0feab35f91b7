import { Checkbox, Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { FilterBar } from '../shell/FilterBar.tsx';
import { TextFilter } from '../shell/TextFilter.tsx';
import { t } from '../texts/texts.ts';
import { DayRange } from '../time/DayRange.tsx';
import { AmountRange } from './AmountRange.tsx';
import { type RefundFilters, STATUSES } from './filters.ts';
import { reasonsQuery } from './queries.ts';
import { reasonText } from './reason.ts';

interface Props {
  filters: RefundFilters;
  onChange: (filters: RefundFilters) => void;
}

/** By what the list is narrowed. Each takes effect as soon as it is whole; together they are the page's address. */
export function RefundFilterBar({ filters, onChange }: Props) {
  const { data: reasons = [] } = useQuery(reasonsQuery);
  const set = (change: { [Name in keyof RefundFilters]?: RefundFilters[Name] | undefined }) =>
    onChange(
      Object.fromEntries(
        Object.entries({ ...filters, ...change }).filter(([, value]) => value !== undefined && value !== ''),
      ),
    );
  const codes = reasons.map(({ code }) => ({ value: code, label: reasonText(code) }));
  const chosen = filters.reason;
  if (chosen !== undefined && !codes.some(({ value }) => value === chosen)) {
    codes.push({ value: chosen, label: chosen });
  }
  return (
    <FilterBar label={t.refunds.filters} set={Object.keys(filters).length} onClear={() => onChange({})}>
      <TextFilter
        label={t.refunds.customer}
        value={filters.customer_id}
        onChange={(customer_id) => set({ customer_id })}
      />
      <Select
        label={t.refunds.status}
        placeholder={t.common.all}
        clearable
        data={STATUSES.map((status) => ({ value: status, label: t.statuses[status] }))}
        value={filters.status ?? null}
        onChange={(status) => set({ status: status ?? undefined })}
        w={155}
      />
      <Select
        label={t.refunds.reason}
        placeholder={t.common.all}
        clearable
        data={codes}
        value={chosen ?? null}
        onChange={(reason) => set({ reason: reason ?? undefined })}
        w={165}
      />
      <AmountRange filters={filters} set={set} />
      <DayRange period={filters} set={set} />
      <Checkbox
        label={t.refunds.attention}
        checked={filters.needs_attention === true}
        onChange={({ currentTarget }) => set({ needs_attention: currentTarget.checked || undefined })}
        pb={8}
      />
      {filters.unknown !== undefined && (
        <Checkbox
          label={t.refunds.unknown}
          checked={filters.unknown}
          onChange={({ currentTarget }) => set({ unknown: currentTarget.checked || undefined })}
          pb={8}
        />
      )}
    </FilterBar>
  );
}

import { Button, Checkbox, Group, Loader, Select, Stack } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { SELECTION } from '../bulk/selection.ts';
import { CurrencySelect } from '../money/CurrencySelect.tsx';
import { useMay } from '../session/session.ts';
import { Empty } from '../shell/Empty.tsx';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { FilterBar } from '../shell/FilterBar.tsx';
import { Listing } from '../shell/Listing.tsx';
import { More } from '../shell/More.tsx';
import { Page } from '../shell/Page.tsx';
import { TextFilter } from '../shell/TextFilter.tsx';
import { t } from '../texts/texts.ts';
import { DayRange } from '../time/DayRange.tsx';
import { columnsOf, PaymentCard, paymentStatus } from './columns.tsx';
import type { PaymentFilters } from './filters.ts';
import { paymentListQuery } from './queries.ts';

const route = getRouteApi('/payments');

/** Payments, newest first, narrowed by what the address says. */
export function PaymentList() {
  const filters = route.useSearch();
  const navigate = useNavigate();
  const setFilters = (search: PaymentFilters) => void navigate({ to: '/payments', search });
  return (
    <Page title={t.payments.title}>
      <PaymentFilterBar filters={filters} onChange={setFilters} />
      <Rows filters={filters} onClear={() => setFilters({})} />
    </Page>
  );
}

function PaymentFilterBar({
  filters,
  onChange,
}: {
  filters: PaymentFilters;
  onChange: (filters: PaymentFilters) => void;
}) {
  const set = (change: { [Name in keyof PaymentFilters]?: PaymentFilters[Name] | undefined }) =>
    onChange(
      Object.fromEntries(
        Object.entries({ ...filters, ...change }).filter(([, value]) => value !== undefined),
      ),
    );
  const { status } = filters;
  const statuses = Object.keys(t.payments.statuses);
  if (status !== undefined && !statuses.includes(status)) statuses.push(status);
  return (
    <FilterBar label={t.payments.filters} set={Object.keys(filters).length} onClear={() => onChange({})}>
      <TextFilter
        label={t.payments.customer}
        value={filters.customer_id}
        onChange={(customer_id) => set({ customer_id })}
      />
      <TextFilter
        label={t.payments.order}
        value={filters.order_id}
        onChange={(order_id) => set({ order_id })}
      />
      <Select
        label={t.payments.status}
        placeholder={t.common.all}
        clearable
        data={statuses.map((value) => ({ value, label: paymentStatus(value) }))}
        value={status ?? null}
        onChange={(value) => set({ status: value ?? undefined })}
        w={165}
      />
      <CurrencySelect value={filters.currency} onChange={(currency) => set({ currency })} />
      <DayRange period={filters} set={set} />
      <Checkbox
        label={t.payments.only_refunded}
        checked={filters.refunded === true}
        onChange={({ currentTarget }) => set({ refunded: currentTarget.checked || undefined })}
        pb={8}
      />
    </FilterBar>
  );
}

function Rows({ filters, onClear }: { filters: PaymentFilters; onClear: () => void }) {
  const list = useInfiniteQuery(paymentListQuery(filters));
  const may = useMay('admin:refunds.issue');
  const navigate = useNavigate();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const refundSelected = () => {
    sessionStorage.setItem(SELECTION, JSON.stringify([...selected]));
    void navigate({ to: '/bulk/new' });
  };
  if (list.isPending) return <Loader aria-label={t.common.loading} mx="auto" my="xl" />;
  if (list.data === undefined) return <ErrorNotice error={list.error} retry={() => void list.refetch()} />;

  const payments = list.data.pages.flatMap((page) => page.payments);
  if (payments.length === 0) {
    if (Object.keys(filters).length === 0)
      return <Empty title={t.payments.empty} text={t.payments.empty_text} />;
    return (
      <Empty title={t.payments.empty_filtered} text={t.payments.empty_filtered_text}>
        <Button variant="default" onClick={onClear}>
          {t.common.clear}
        </Button>
      </Empty>
    );
  }
  return (
    <Stack gap="sm">
      {selected.size > 0 && (
        <Group>
          <Button size="xs" onClick={refundSelected}>
            {t.bulk.selected(selected.size)}
          </Button>
        </Group>
      )}
      <Listing
        label={t.payments.title}
        rows={payments}
        keyOf={({ payment_id }) => payment_id}
        columns={columnsOf({ oneCustomer: filters.customer_id !== undefined })}
        addressOf={({ payment_id }) => `/payments/${payment_id}`}
        card={PaymentCard}
        selection={
          may
            ? { selected, onSelect: setSelected, label: t.bulk.select, label_all: t.bulk.select_all }
            : undefined
        }
      />
      <More list={list} count={payments.length} />
    </Stack>
  );
}

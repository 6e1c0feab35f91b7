import { Button, Checkbox, Group, Loader, Popover, Stack, Text } from '@mantine/core';
import { useLocalStorage } from '@mantine/hooks';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useMemo } from 'react';
import { formatMoney } from '../money/money.ts';
import { Empty } from '../shell/Empty.tsx';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { Listing } from '../shell/Listing.tsx';
import { More } from '../shell/More.tsx';
import { Page } from '../shell/Page.tsx';
import { t } from '../texts/texts.ts';
import { COLUMNS, type ColumnName, columnsNamed, DEFAULT_COLUMNS, RefundCard } from './columns.tsx';
import type { RefundFilters } from './filters.ts';
import {
  exportAddress,
  type ListedRefund,
  newestRefundsQuery,
  refundListQuery,
  totalsQuery,
} from './queries.ts';
import { RefundFilterBar } from './RefundFilters.tsx';

const route = getRouteApi('/refunds');

/** Refunds, newest first, narrowed by what the address says. */
export function RefundList() {
  const filters = route.useSearch();
  const navigate = useNavigate();
  const [shown, setShown] = useLocalStorage<ColumnName[]>({
    key: 'refund-columns',
    defaultValue: DEFAULT_COLUMNS,
  });
  const setFilters = (search: RefundFilters) => void navigate({ to: '/refunds', search });
  return (
    <Page
      title={t.refunds.title}
      actions={
        <Group gap="xs">
          <Button component="a" href={exportAddress(filters)} download variant="default" size="xs">
            {t.refunds.csv}
          </Button>
          <ColumnPicker shown={shown} onChange={setShown} />
        </Group>
      }
    >
      <RefundFilterBar filters={filters} onChange={setFilters} />
      <Totals filters={filters} />
      <Rows filters={filters} shown={shown} onClear={() => setFilters({})} />
    </Page>
  );
}

/** What all of them come to, also those that are not shown yet. */
function Totals({ filters }: { filters: RefundFilters }) {
  const { data: totals, isError } = useQuery(totalsQuery(filters));
  return (
    <Text size="sm" role="status" mih={22}>
      {isError && t.refunds.no_totals}
      {totals
        ?.map(({ currency, count, amount_cents }) =>
          t.refunds.total(count, formatMoney(amount_cents, currency)),
        )
        .join(' · ')}
    </Text>
  );
}

interface RowsProps {
  filters: RefundFilters;
  shown: readonly ColumnName[];
  onClear: () => void;
}

function Rows({ filters, shown, onClear }: RowsProps) {
  const list = useInfiniteQuery(refundListQuery(filters));
  const newest = useQuery({ ...newestRefundsQuery(filters), enabled: list.isSuccess });
  if (list.isPending) return <Loader aria-label={t.common.loading} mx="auto" my="xl" />;
  if (list.isError && list.data === undefined)
    return <ErrorNotice error={list.error} retry={() => void list.refetch()} />;

  // A row that has changed since is shown as it is now, in its place.
  const now = new Map(newest.data?.map((refund) => [refund.refund_id, refund]));
  const refunds = (list.data?.pages ?? [])
    .flatMap((page) => page.refunds)
    .map((refund) => now.get(refund.refund_id) ?? refund);
  const known = new Set(refunds.map(({ refund_id }) => refund_id));
  const unseen = newest.data?.filter(({ refund_id }) => !known.has(refund_id)).length ?? 0;

  return (
    <Stack gap="sm">
      <div role="status">
        {unseen > 0 && (
          <Button variant="light" size="xs" onClick={() => void list.refetch()}>
            {t.refunds.new_rows(unseen)}
          </Button>
        )}
      </div>
      {refunds.length === 0 ? (
        <Nothing filtered={Object.keys(filters).length > 0} onClear={onClear} />
      ) : (
        <RefundRows refunds={refunds} shown={shown} />
      )}
      <More list={list} count={refunds.length} />
    </Stack>
  );
}

interface RefundRowsProps {
  refunds: readonly ListedRefund[];
  shown: readonly ColumnName[];
}

function RefundRows({ refunds, shown }: RefundRowsProps) {
  const columns = useMemo(() => columnsNamed(shown), [shown]);
  return (
    <Listing
      label={t.refunds.title}
      rows={refunds}
      keyOf={({ refund_id }) => refund_id}
      columns={columns}
      addressOf={({ refund_id }) => `/refunds/${refund_id}`}
      card={RefundCard}
    />
  );
}

function Nothing({ filtered, onClear }: { filtered: boolean; onClear: () => void }) {
  if (!filtered) return <Empty title={t.refunds.empty} text={t.refunds.empty_text} />;
  return (
    <Empty title={t.refunds.empty_filtered} text={t.refunds.empty_filtered_text}>
      <Group>
        <Button variant="default" onClick={onClear}>
          {t.common.clear}
        </Button>
        <Button component={Link} to="/payments" variant="subtle">
          {t.navigation.payments}
        </Button>
      </Group>
    </Empty>
  );
}

interface ColumnPickerProps {
  shown: readonly ColumnName[];
  onChange: (shown: ColumnName[]) => void;
}

function ColumnPicker({ shown, onChange }: ColumnPickerProps) {
  return (
    <Popover position="bottom-end" trapFocus returnFocus>
      <Popover.Target>
        <Button variant="default" size="xs" visibleFrom="sm">
          {t.common.columns}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Checkbox.Group
          aria-label={t.common.columns}
          value={[...shown]}
          onChange={(names) => onChange(names as ColumnName[])}
        >
          <Stack gap="xs">
            {COLUMNS.map(({ name, label }) => (
              <Checkbox key={name} value={name} label={label} />
            ))}
          </Stack>
        </Checkbox.Group>
      </Popover.Dropdown>
    </Popover>
  );
}

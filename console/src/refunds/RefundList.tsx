import { Button, Checkbox, Group, Loader, Paper, Popover, Stack, Table, Text } from '@mantine/core';
import { useLocalStorage, useMediaQuery } from '@mantine/hooks';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { memo, useMemo } from 'react';
import { Money } from '../money/Money.tsx';
import { formatMoney } from '../money/money.ts';
import { Empty } from '../shell/Empty.tsx';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { Page } from '../shell/Page.tsx';
import { PHONE } from '../shell/phone.ts';
import { t } from '../texts/texts.ts';
import { Moment } from '../time/Moment.tsx';
import { COLUMNS, type Column, type ColumnName, DEFAULT_COLUMNS } from './columns.tsx';
import type { RefundFilters } from './filters.ts';
import {
  exportAddress,
  type ListedRefund,
  newestRefundsQuery,
  refundListQuery,
  totalsQuery,
} from './queries.ts';
import { RefundFilterBar } from './RefundFilters.tsx';
import { reasonText } from './reason.ts';
import { StatusBadge } from './StatusBadge.tsx';

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
      {list.isError && <ErrorNotice error={list.error} retry={() => void list.fetchNextPage()} />}
      <Group justify="space-between">
        <Text size="sm" c="dimmed">
          {t.refunds.shown(refunds.length)}
        </Text>
        {list.hasNextPage && (
          <Button
            variant="default"
            loading={list.isFetchingNextPage}
            onClick={() => void list.fetchNextPage()}
          >
            {t.common.more}
          </Button>
        )}
      </Group>
    </Stack>
  );
}

interface RefundRowsProps {
  refunds: readonly ListedRefund[];
  shown: readonly ColumnName[];
}

function RefundRows(props: RefundRowsProps) {
  return useMediaQuery(PHONE) === true ? <RefundCards {...props} /> : <RefundTable {...props} />;
}

/** Refunds one below the other, for a phone: what matters of each. */
function RefundCards({ refunds }: RefundRowsProps) {
  return (
    <Stack gap="xs" component="ul" className="cards">
      {refunds.map((refund) => (
        <Paper key={refund.refund_id} component="li" withBorder radius="md">
          <Link to="/refunds/$refund_id" params={{ refund_id: refund.refund_id }} className="card-link">
            <Group justify="space-between" gap="xs">
              <Text fw={600}>
                <Money cents={refund.amount_cents} currency={refund.currency} />
              </Text>
              <StatusBadge status={refund.status} />
            </Group>
            <Text size="sm">{refund.customer_id}</Text>
            <Text size="xs" c="dimmed">
              <Moment at={refund.created_at} /> · {reasonText(refund.reason)}
            </Text>
            {refund.owed_cents > 0 && (
              <Text size="sm" fw={600} c="red">
                {t.refunds.owed(formatMoney(refund.owed_cents, refund.currency))}
              </Text>
            )}
          </Link>
        </Paper>
      ))}
    </Stack>
  );
}

/** Refunds as a table, one line each. */
function RefundTable({ refunds, shown }: RefundRowsProps) {
  const columns = useMemo(() => COLUMNS.filter(({ name }) => shown.includes(name)), [shown]);
  return (
    <Paper withBorder radius="md" className="table">
      <Table.ScrollContainer minWidth={600} tabIndex={0} role="region" aria-label={t.refunds.title}>
        <Table highlightOnHover verticalSpacing="xs" horizontalSpacing="md">
          <Table.Thead>
            <Table.Tr>
              {columns.map(({ name, label, numeric }) => (
                <Table.Th key={name} scope="col" ta={numeric === true ? 'right' : 'left'}>
                  {label}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {refunds.map((refund) => (
              <RefundRow key={refund.refund_id} refund={refund} columns={columns} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Paper>
  );
}

/** Drawn once, however many rows come after it. */
const RefundRow = memo(({ refund, columns }: { refund: ListedRefund; columns: readonly Column[] }) => (
  <Table.Tr>
    {columns.map(({ name, numeric, cell: Cell }) => (
      <Table.Td key={name} ta={numeric === true ? 'right' : 'left'}>
        <Cell refund={refund} />
      </Table.Td>
    ))}
  </Table.Tr>
));

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

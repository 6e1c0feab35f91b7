import { Anchor, Badge, Button, Group, Loader, Stack, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Money } from '../money/Money.tsx';
import { useMay } from '../session/session.ts';
import { Empty } from '../shell/Empty.tsx';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { type Column, Listing } from '../shell/Listing.tsx';
import { Page } from '../shell/Page.tsx';
import { t } from '../texts/texts.ts';
import { Moment } from '../time/Moment.tsx';
import { type Batch, batchListQuery } from './queries.ts';

/** Batches of refunds, newest first. */
export function BatchList() {
  const list = useInfiniteQuery(batchListQuery);
  const may = useMay('admin:refunds.issue');
  const actions = may && (
    <Button component={Link} to="/bulk/new">
      {t.bulk.new}
    </Button>
  );
  if (list.isPending) return <Loader aria-label={t.common.loading} mx="auto" my="xl" />;
  const batches = list.data?.pages.flatMap((page) => page.batches) ?? [];
  return (
    <Page title={t.bulk.title} actions={actions}>
      {list.isError && <ErrorNotice error={list.error} retry={() => void list.refetch()} />}
      {list.isSuccess && batches.length === 0 && <Empty title={t.bulk.empty} text={t.bulk.empty_text} />}
      {batches.length > 0 && (
        <Stack gap="sm">
          <Listing
            label={t.bulk.title}
            rows={batches}
            keyOf={({ batch_id }) => batch_id}
            columns={COLUMNS}
            addressOf={({ batch_id }) => `/bulk/${batch_id}`}
            card={BatchCard}
          />
          {list.hasNextPage && (
            <Button
              variant="default"
              loading={list.isFetchingNextPage}
              onClick={() => void list.fetchNextPage()}
            >
              {t.common.more}
            </Button>
          )}
        </Stack>
      )}
    </Page>
  );
}

const COLORS = { draft: 'gray', running: 'blue', stopped: 'orange', finished: 'green' } as const;

export function BatchStatus({ status }: Pick<Batch, 'status'>) {
  return (
    <Badge color={COLORS[status]} variant="light" tt="none" className="status">
      {t.bulk.statuses[status]}
    </Badge>
  );
}

const nameOf = ({ name, batch_id }: Batch) => name ?? batch_id;

function Totals({ totals }: Pick<Batch, 'totals'>) {
  return (
    <Group gap="sm" justify="flex-end">
      {totals.map(({ currency, amount_cents }) => (
        <Money key={currency} cents={amount_cents} currency={currency} />
      ))}
    </Group>
  );
}

const COLUMNS: readonly Column<Batch>[] = [
  {
    name: 'name',
    label: t.bulk.name,
    cell: ({ row }) => (
      <Anchor component={Link} to={`/bulk/${row.batch_id}`} size="sm">
        {nameOf(row)}
      </Anchor>
    ),
  },
  { name: 'status', label: t.bulk.status, cell: ({ row }) => <BatchStatus status={row.status} /> },
  {
    name: 'rows',
    label: t.bulk.row,
    numeric: true,
    cell: ({ row }) => row.row_count.toLocaleString(),
  },
  {
    name: 'amount',
    label: t.columns.amount,
    numeric: true,
    cell: ({ row }) => <Totals totals={row.totals} />,
  },
  { name: 'by', label: t.bulk.by, cell: ({ row }) => row.created_by_id ?? t.common.none },
  { name: 'made', label: t.bulk.made, cell: ({ row }) => <Moment at={row.created_at} /> },
];

function BatchCard({ row }: { row: Batch }) {
  return (
    <>
      <Group justify="space-between" gap="xs">
        <Text fw={600}>{nameOf(row)}</Text>
        <BatchStatus status={row.status} />
      </Group>
      <Text size="sm" c="dimmed">
        {t.bulk.rows(row.row_count)} · <Moment at={row.created_at} />
      </Text>
    </>
  );
}

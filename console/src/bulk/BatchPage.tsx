import { Alert, Anchor, Button, Card, Group, Loader, Progress, Select, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { api, bodyOf } from '../api/api.ts';
import { Money } from '../money/Money.tsx';
import { formatMoney } from '../money/money.ts';
import { ActionDialog } from '../refunds/actions/ActionDialog.tsx';
import { reasonText } from '../refunds/reason.ts';
import { useMay } from '../session/session.ts';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { type Column, Listing } from '../shell/Listing.tsx';
import { Page } from '../shell/Page.tsx';
import { t } from '../texts/texts.ts';
import { BatchStatus } from './BatchList.tsx';
import {
  type Batch,
  batchQuery,
  type CheckedRow,
  ROW_STATUSES,
  readRowStatus,
  rowsQuery,
} from './queries.ts';

const route = getRouteApi('/bulk/$batch_id');

/** A batch: what each row will do, how far it is, and the ways to run and to stop it. */
export function BatchPage() {
  const { batch_id } = route.useParams();
  const { data: batch, error, isPending, refetch } = useQuery(batchQuery(batch_id));
  if (isPending) return <Loader aria-label={t.common.loading} mx="auto" my="xl" />;
  if (batch === undefined) {
    return (
      <Page title={t.bulk.title}>
        <ErrorNotice error={error} retry={() => void refetch()} />
      </Page>
    );
  }
  return (
    <Page title={batch.name ?? t.bulk.title} actions={<Controls batch={batch} />}>
      <State batch={batch} />
      <Rows batch={batch} />
    </Page>
  );
}

const amountsOf = ({ totals }: Batch) =>
  totals.map(({ currency, amount_cents }) => formatMoney(amount_cents, currency)).join(' + ');

function Controls({ batch }: { batch: Batch }) {
  const may = useMay('admin:refunds.issue');
  const queries = useQueryClient();
  const [asking, { open, close }] = useDisclosure();
  const { batch_id, status, counts } = batch;
  const stop = useMutation({
    mutationFn: () =>
      bodyOf(api.POST('/v1/admin/refund-batches/{batch_id}/stop', { params: { path: { batch_id } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ['batches'] }),
  });
  if (!may) return null;
  const left = counts.checked;
  return (
    <Group gap="sm">
      {stop.isError && <ErrorNotice error={stop.error} />}
      {status === 'running' && (
        <Button color="red" loading={stop.isPending} onClick={() => stop.mutate()}>
          {t.bulk.stop}
        </Button>
      )}
      {(status === 'draft' || status === 'stopped') && left > 0 && (
        <Button onClick={open}>{status === 'draft' ? t.bulk.run(left) : t.bulk.resume}</Button>
      )}
      {asking && (
        <ActionDialog
          title={status === 'draft' ? t.bulk.run(left) : t.bulk.resume}
          text={t.bulk.run_text(t.bulk.rows(left), amountsOf(batch))}
          act={(key) =>
            bodyOf(
              api.POST('/v1/admin/refund-batches/{batch_id}/run', {
                params: { path: { batch_id } },
                headers: { 'Idempotency-Key': key },
              }),
            )
          }
          onClose={close}
        >
          {batch.needs_approval_count > 0 && (
            <Text size="sm" fw={600}>
              {t.bulk.needs_approval(batch.needs_approval_count)}
            </Text>
          )}
        </ActionDialog>
      )}
    </Group>
  );
}

function State({ batch }: { batch: Batch }) {
  const { counts, row_count, held_up, status } = batch;
  const done = counts.issued + counts.failed;
  const all = row_count - counts.cannot;
  return (
    <Card withBorder padding="lg">
      <Stack gap="sm">
        <Group gap="sm" role="status">
          <BatchStatus status={status} />
          <Text>{t.bulk.progress(done, all)}</Text>
          <Text c="dimmed">{amountsOf(batch)}</Text>
        </Group>
        <Progress
          value={all === 0 ? 0 : (100 * done) / all}
          aria-label={t.bulk.progress(done, all)}
          color={counts.failed > 0 ? 'orange' : 'teal'}
        />
        {batch.needs_approval_count > 0 && (
          <Text size="sm">{t.bulk.needs_approval(batch.needs_approval_count)}</Text>
        )}
        {held_up !== null && (
          <Alert color="orange" title={t.bulk.held_up}>
            {held_up.message}
          </Alert>
        )}
      </Stack>
    </Card>
  );
}

function Rows({ batch }: { batch: Batch }) {
  const { batch_id, counts } = batch;
  const { status } = route.useSearch();
  const navigate = useNavigate();
  const list = useInfiniteQuery(rowsQuery(batch_id, status, batch.updated_at));
  const rows = list.data?.pages.flatMap((page) => page.rows) ?? [];
  return (
    <Stack gap="sm">
      <Select
        label={t.bulk.filter}
        placeholder={t.common.all}
        clearable
        data={ROW_STATUSES.map((one) => ({
          value: one,
          label: `${t.bulk.row_statuses[one]} (${counts[one].toLocaleString()})`,
        }))}
        value={status ?? null}
        onChange={(value) => {
          const next = readRowStatus(value);
          void navigate({
            to: '/bulk/$batch_id',
            params: { batch_id },
            search: next === undefined ? {} : { status: next },
          });
        }}
        w={240}
      />
      {list.isPending && <Loader aria-label={t.common.loading} mx="auto" />}
      {list.isError && <ErrorNotice error={list.error} retry={() => void list.refetch()} />}
      {rows.length > 0 && (
        <Listing
          label={t.bulk.title}
          rows={rows}
          keyOf={({ row }) => String(row)}
          columns={COLUMNS}
          addressOf={({ refund_id, payment_id }) =>
            refund_id === null ? `/payments/${payment_id}` : `/refunds/${refund_id}`
          }
          card={RowCard}
        />
      )}
      {list.hasNextPage && (
        <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          {t.common.more}
        </Button>
      )}
    </Stack>
  );
}

function Outcome({ row }: { row: CheckedRow }) {
  const status = row.refund_status as keyof typeof t.statuses | null;
  return (
    <>
      {row.refund_id === null ? (
        <Text size="sm" span>
          {row.needs_approval && row.status === 'checked'
            ? t.bulk.waits_for_approval
            : t.bulk.row_statuses[row.status]}
        </Text>
      ) : (
        <Anchor component={Link} to={`/refunds/${row.refund_id}`} size="sm">
          {(status !== null && t.statuses[status]) || t.bulk.row_statuses[row.status]}
        </Anchor>
      )}
      {row.refusal !== null && (
        <Text size="xs" c="dimmed">
          {row.refusal.message}
        </Text>
      )}
    </>
  );
}

const COLUMNS: readonly Column<CheckedRow>[] = [
  { name: 'row', label: t.bulk.row, numeric: true, cell: ({ row: { row } }) => row.toLocaleString() },
  {
    name: 'payment',
    label: t.columns.payment,
    cell: ({ row: { payment_id, charge_id, customer_id } }) =>
      customer_id === null ? (
        <span className="id">{payment_id ?? charge_id}</span>
      ) : (
        <Anchor component={Link} to={`/payments/${payment_id}`} size="sm" className="id">
          {payment_id}
        </Anchor>
      ),
  },
  {
    name: 'customer',
    label: t.columns.customer,
    cell: ({ row: { customer_id } }) => customer_id ?? t.common.none,
  },
  {
    name: 'amount',
    label: t.columns.amount,
    numeric: true,
    cell: ({ row: { amount_cents, currency } }) =>
      amount_cents === null || currency === null ? (
        t.common.none
      ) : (
        <Money cents={amount_cents} currency={currency} />
      ),
  },
  {
    name: 'remaining',
    label: t.bulk.remains,
    numeric: true,
    cell: ({ row: { remaining_cents, currency } }) =>
      remaining_cents === null || currency === null ? (
        t.common.none
      ) : (
        <Money cents={remaining_cents} currency={currency} />
      ),
  },
  { name: 'reason', label: t.columns.reason, cell: ({ row: { reason } }) => reasonText(reason) },
  { name: 'outcome', label: t.bulk.outcome, cell: ({ row }) => <Outcome row={row} /> },
];

function RowCard({ row }: { row: CheckedRow }) {
  return (
    <>
      <Group justify="space-between">
        <Text fw={600}>
          {row.amount_cents !== null && row.currency !== null && (
            <Money cents={row.amount_cents} currency={row.currency} />
          )}
        </Text>
        <Text size="sm">{t.bulk.row_statuses[row.status]}</Text>
      </Group>
      <Text size="sm">{row.customer_id ?? row.payment_id ?? row.charge_id}</Text>
      {row.refusal !== null && (
        <Text size="xs" c="dimmed">
          {row.refusal.message}
        </Text>
      )}
    </>
  );
}

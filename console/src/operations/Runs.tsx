import { Button, Group, Stack, Text } from '@mantine/core';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, bodyOf } from '../api/api.ts';
import { useMay } from '../session/session.ts';
import { Empty } from '../shell/Empty.tsx';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import type { Column } from '../shell/Listing.tsx';
import { t } from '../texts/texts.ts';
import { Moment } from '../time/Moment.tsx';
import { type Run, runsQuery } from './queries.ts';
import { Rows } from './Rows.tsx';

const DAY_ms = 86_400_000;

/** When the books were held against Stripe, and what was found. */
export function Runs() {
  const list = useInfiniteQuery(runsQuery);
  const may = useMay('admin:operations');
  const queries = useQueryClient();
  const start = useMutation({
    mutationFn: () =>
      bodyOf(
        api.POST('/v1/admin/reconcile-runs', {
          body: { from: new Date(Date.now() - DAY_ms).toISOString() },
          headers: { 'Idempotency-Key': crypto.randomUUID() },
        }),
      ),
    onSettled: () => queries.invalidateQueries({ queryKey: ['operations'] }),
  });
  return (
    <Stack gap="sm">
      {may && (
        <Group>
          <Button variant="default" loading={start.isPending} onClick={() => start.mutate()}>
            {t.operations.run}
          </Button>
        </Group>
      )}
      {start.isError && <ErrorNotice error={start.error} />}
      <Rows
        list={list}
        label={t.operations.tabs.runs}
        keyOf={({ run_id }) => run_id}
        columns={COLUMNS}
        card={RunCard}
        empty={<Empty title={t.operations.no_runs} text={t.operations.no_runs_text} />}
      />
    </Stack>
  );
}

const compared = ({ counts }: Run) =>
  counts.charges + counts.invoice_payments + counts.refunds + counts.disputes;

const COLUMNS: readonly Column<Run>[] = [
  { name: 'started', label: t.operations.received_at, cell: ({ row }) => <Moment at={row.started_at} /> },
  {
    name: 'window',
    label: t.operations.window,
    cell: ({ row }) => (
      <>
        <Moment at={row.window_from} /> – <Moment at={row.window_until} />
      </>
    ),
  },
  { name: 'status', label: t.operations.status, cell: ({ row }) => t.operations.run_statuses[row.status] },
  {
    name: 'compared',
    label: t.operations.compared,
    numeric: true,
    cell: ({ row }) => compared(row).toLocaleString(),
  },
  {
    name: 'repaired',
    label: t.operations.repaired,
    numeric: true,
    cell: ({ row }) => (row.found.imported + row.found.repaired).toLocaleString(),
  },
  {
    name: 'left',
    label: t.operations.left,
    numeric: true,
    cell: ({ row }) => row.found.left.toLocaleString(),
  },
];

function RunCard({ row }: { row: Run }) {
  return (
    <>
      <Group justify="space-between">
        <Text fw={600}>
          <Moment at={row.started_at} />
        </Text>
        <Text size="sm">{t.operations.run_statuses[row.status]}</Text>
      </Group>
      <Text size="sm" c="dimmed">
        {t.operations.compared}: {compared(row).toLocaleString()} · {t.operations.left}: {row.found.left}
      </Text>
    </>
  );
}

import { Button, Group, Select, Stack, Text, Title } from '@mantine/core';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, bodyOf } from '../api/api.ts';
import { useMay } from '../session/session.ts';
import { Empty } from '../shell/Empty.tsx';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import type { Column } from '../shell/Listing.tsx';
import { t } from '../texts/texts.ts';
import { Moment } from '../time/Moment.tsx';
import { DELIVERY_STATUSES, type Delivery, type DeliveryStatus, deliveriesQuery } from './queries.ts';
import { Rows } from './Rows.tsx';

/** What was sent, is to be sent, or was given up. */
export function Deliveries() {
  const [status, setStatus] = useState<DeliveryStatus>();
  const list = useInfiniteQuery(deliveriesQuery(status));
  return (
    <Stack gap="sm">
      <Title order={2} size="h4">
        {t.operations.deliveries}
      </Title>
      <Select
        label={t.operations.status}
        placeholder={t.common.all}
        clearable
        data={DELIVERY_STATUSES.map((value) => ({ value, label: t.operations.delivery_states[value] }))}
        value={status ?? null}
        onChange={(value) => setStatus(DELIVERY_STATUSES.find((one) => one === value))}
        w={180}
      />
      <Rows
        list={list}
        label={t.operations.deliveries}
        keyOf={({ endpoint_id, event_id }) => `${endpoint_id} ${event_id}`}
        columns={COLUMNS}
        card={DeliveryCard}
        empty={<Empty title={t.operations.no_deliveries} text={t.operations.no_deliveries_text} />}
      />
    </Stack>
  );
}

function SendAgain({ delivery: { endpoint_id, event_id, status } }: { delivery: Delivery }) {
  const may = useMay('admin:events');
  const queries = useQueryClient();
  const sending = useMutation({
    mutationFn: () =>
      bodyOf(
        api.POST('/v1/admin/event-endpoints/{endpoint_id}/deliveries/{event_id}/resend', {
          params: { path: { endpoint_id, event_id } },
          body: {},
        }),
      ),
    onSettled: () => queries.invalidateQueries(),
  });
  if (!may || status === 'canceled') return null;
  return (
    <>
      <Button
        variant="default"
        size="compact-sm"
        loading={sending.isPending}
        onClick={() => sending.mutate()}
      >
        {t.operations.send_again}
      </Button>
      {sending.isError && <ErrorNotice error={sending.error} />}
    </>
  );
}

function Why({ delivery: { error, next_attempt_at } }: { delivery: Delivery }) {
  if (error === null) return t.common.none;
  return (
    <Text size="sm" maw={320} component="div">
      {error.message}
      {next_attempt_at !== null && (
        <Text size="xs" c="dimmed" component="div">
          {t.operations.next_attempt}: <Moment at={next_attempt_at} />
        </Text>
      )}
    </Text>
  );
}

const COLUMNS: readonly Column<Delivery>[] = [
  { name: 'happened', label: t.operations.happened, cell: ({ row }) => <Moment at={row.created_at} /> },
  {
    name: 'event',
    label: t.operations.event,
    cell: ({ row }) => (
      <>
        {row.event_type}
        <Text size="xs" c="dimmed" className="id">
          {row.event_id}
        </Text>
      </>
    ),
  },
  {
    name: 'about',
    label: t.operations.about,
    cell: ({ row }) => (
      <>
        <span className="id">{row.entity_id}</span>
        <Text size="xs" c="dimmed" className="id">
          {row.endpoint_id}
        </Text>
      </>
    ),
  },
  { name: 'status', label: t.operations.status, cell: ({ row }) => t.operations.delivery_states[row.status] },
  { name: 'attempts', label: t.operations.attempts, numeric: true, cell: ({ row }) => row.attempts },
  { name: 'why', label: t.operations.why, cell: ({ row }) => <Why delivery={row} /> },
  { name: 'again', label: t.operations.send_again, cell: ({ row }) => <SendAgain delivery={row} /> },
];

function DeliveryCard({ row }: { row: Delivery }) {
  return (
    <Stack gap={4}>
      <Group justify="space-between">
        <Text fw={600} className="id">
          {row.event_type}
        </Text>
        <Text size="sm">{t.operations.delivery_states[row.status]}</Text>
      </Group>
      <Text size="xs" c="dimmed" className="id">
        {row.entity_id} · <Moment at={row.created_at} />
      </Text>
      {row.error !== null && <Why delivery={row} />}
      <SendAgain delivery={row} />
    </Stack>
  );
}

import { Button, Group, Select, Stack, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { createContext, useContext, useState } from 'react';
import { api, bodyOf } from '../api/api.ts';
import { ActionDialog } from '../refunds/actions/ActionDialog.tsx';
import { useMay } from '../session/session.ts';
import { Empty } from '../shell/Empty.tsx';
import type { Column } from '../shell/Listing.tsx';
import { t } from '../texts/texts.ts';
import { Moment } from '../time/Moment.tsx';
import { EVENT_STATUSES, type EventStatus, eventsQuery, type StripeEvent } from './queries.ts';
import { Rows } from './Rows.tsx';

interface Props {
  status: EventStatus | undefined;
  onStatus: (status: EventStatus | undefined) => void;
}

const Replaying = createContext<(event: StripeEvent) => void>(() => {});

/** What Stripe has told of, and what has become of it. */
export function Events({ status, onStatus }: Props) {
  const list = useInfiniteQuery({ ...eventsQuery(status), refetchInterval: 5_000 });
  const [replayed, setReplayed] = useState<StripeEvent>();
  const [outcome, setOutcome] = useState<string>();
  return (
    <Replaying value={setReplayed}>
      <Stack gap="sm">
        <Select
          label={t.operations.status}
          placeholder={t.common.all}
          clearable
          data={EVENT_STATUSES.map((value) => ({ value, label: t.operations.statuses[value] }))}
          value={status ?? null}
          onChange={(value) => onStatus(EVENT_STATUSES.find((one) => one === value))}
          w={180}
        />
        <Text size="sm" role="status">
          {outcome}
        </Text>
        <Rows
          list={list}
          label={t.operations.tabs.events}
          keyOf={({ event_id }) => event_id}
          columns={COLUMNS}
          card={EventCard}
          empty={<Empty title={t.operations.no_events} text={t.operations.no_events_text} />}
        />
      </Stack>
      {replayed !== undefined && (
        <ActionDialog
          title={t.operations.replay}
          text={t.operations.replay_text(replayed.event_type)}
          act={async (key) => {
            setOutcome(undefined);
            const { stripe_event_id, status: became } = await bodyOf(
              api.POST('/v1/admin/webhooks/replay', {
                body: { event_id: replayed.event_id },
                headers: { 'Idempotency-Key': key },
              }),
            );
            setOutcome(`${stripe_event_id}: ${t.operations.replayed[became]}`);
          }}
          onClose={() => setReplayed(undefined)}
        />
      )}
    </Replaying>
  );
}

function Replay({ event }: { event: StripeEvent }) {
  const replay = useContext(Replaying);
  if (!useMay('admin:webhooks', 'admin:operations')) return null;
  return (
    <Button variant="default" size="compact-sm" onClick={() => replay(event)}>
      {t.operations.replay}
    </Button>
  );
}

const COLUMNS: readonly Column<StripeEvent>[] = [
  { name: 'came', label: t.operations.received_at, cell: ({ row }) => <Moment at={row.received_at} /> },
  {
    name: 'event',
    label: t.operations.event,
    cell: ({ row }) => (
      <>
        {row.event_type}
        <Text size="xs" c="dimmed" className="id">
          {row.stripe_event_id}
        </Text>
      </>
    ),
  },
  {
    name: 'about',
    label: t.operations.about,
    cell: ({ row }) => <span className="id">{row.object_id ?? t.common.none}</span>,
  },
  { name: 'status', label: t.operations.status, cell: ({ row }) => t.operations.statuses[row.status] },
  { name: 'attempts', label: t.operations.attempts, numeric: true, cell: ({ row }) => row.attempts },
  {
    name: 'why',
    label: t.operations.why,
    cell: ({ row }) => (
      <Text size="sm" maw={320}>
        {row.error?.message ?? row.note ?? t.common.none}
      </Text>
    ),
  },
  { name: 'replay', label: t.operations.replay, cell: ({ row }) => <Replay event={row} /> },
];

function EventCard({ row }: { row: StripeEvent }) {
  return (
    <Stack gap={4}>
      <Group justify="space-between">
        <Text fw={600} className="id">
          {row.event_type}
        </Text>
        <Text size="sm">{t.operations.statuses[row.status]}</Text>
      </Group>
      <Text size="xs" c="dimmed" className="id">
        {row.object_id} · <Moment at={row.received_at} />
      </Text>
      {row.error !== null && <Text size="sm">{row.error.message}</Text>}
      <Replay event={row} />
    </Stack>
  );
}

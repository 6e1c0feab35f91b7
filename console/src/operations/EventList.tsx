import { Button, Group, Loader, Modal, Paper, Select, Stack, Table, Text } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useRef } from 'react';
import { useMay } from '../session/session.ts';
import { Copyable } from '../shell/Copyable.tsx';
import { Empty } from '../shell/Empty.tsx';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { Facts } from '../shell/Facts.tsx';
import { FilterBar } from '../shell/FilterBar.tsx';
import { PageLink } from '../shell/links.tsx';
import { PHONE } from '../shell/phone.ts';
import { TextFilter } from '../shell/TextFilter.tsx';
import { t } from '../texts/texts.ts';
import { DayRange } from '../time/DayRange.tsx';
import { Moment } from '../time/Moment.tsx';
import { EventStatusBadge } from './EventStatusBadge.tsx';
import { EVENT_STATUSES, type EventFilters, type EventStatus } from './filters.ts';
import { eventsQuery, type StripeEvent } from './queries.ts';
import { Replay, ReplayById } from './Replay.tsx';
import { Room } from './Room.tsx';

const route = getRouteApi('/operations/events');

/** What Stripe has told and what has become of it: the inbox and the shelf, narrowed by what the address says. */
export function EventList() {
  const { event_id, ...filters } = route.useSearch();
  const navigate = useNavigate();
  const mayReplay = useMay('admin:webhooks', 'admin:operations');
  const setFilters = (search: EventFilters) => void navigate({ to: '/operations/events', search });
  return (
    <Room title={t.operations.events}>
      <EventFilterBar filters={filters} onChange={setFilters} />
      <Rows filters={filters} event_id={event_id} onClear={() => setFilters({})} />
      {mayReplay && <ReplayById />}
    </Room>
  );
}

function EventFilterBar({
  filters,
  onChange,
}: {
  filters: EventFilters;
  onChange: (filters: EventFilters) => void;
}) {
  const set = (change: { [Name in keyof EventFilters]?: EventFilters[Name] | undefined }) =>
    onChange(
      Object.fromEntries(
        Object.entries({ ...filters, ...change }).filter(([, value]) => value !== undefined),
      ),
    );
  return (
    <FilterBar label={t.operations.filters} set={Object.keys(filters).length} onClear={() => onChange({})}>
      <Select
        label={t.operations.status}
        placeholder={t.common.all}
        clearable
        data={EVENT_STATUSES.map((status) => ({ value: status, label: t.operations.statuses[status] }))}
        value={filters.status ?? null}
        onChange={(status) => set({ status: (status as EventStatus | null) ?? undefined })}
        w={165}
      />
      <TextFilter
        label={t.operations.type}
        value={filters.event_type}
        onChange={(event_type) => set({ event_type })}
        w={160}
      />
      <TextFilter
        label={t.operations.object_id}
        value={filters.object_id}
        onChange={(object_id) => set({ object_id })}
        w={200}
      />
      <DayRange
        period={{ created_at_gte: filters.received_at_gte, created_at_lt: filters.received_at_lt }}
        set={(period) =>
          set({
            ...('created_at_gte' in period ? { received_at_gte: period.created_at_gte } : {}),
            ...('created_at_lt' in period ? { received_at_lt: period.created_at_lt } : {}),
          })
        }
      />
    </FilterBar>
  );
}

interface RowsProps {
  filters: EventFilters;
  event_id: string | undefined;
  onClear: () => void;
}

function Rows({ filters, event_id, onClear }: RowsProps) {
  const list = useInfiniteQuery(eventsQuery(filters));
  const isPhone = useMediaQuery(PHONE);
  const navigate = useNavigate();
  if (list.isPending) return <Loader aria-label={t.common.loading} mx="auto" my="xl" />;
  if (list.data === undefined) return <ErrorNotice error={list.error} retry={() => void list.refetch()} />;
  const events = list.data.pages.flatMap((page) => page.events);
  return (
    <Stack gap="sm">
      {events.length === 0 && <Nothing filtered={Object.keys(filters).length > 0} onClear={onClear} />}
      {events.length > 0 &&
        (isPhone === true ? (
          <Cards events={events} filters={filters} />
        ) : (
          <Lines events={events} filters={filters} />
        ))}
      {list.isError && <ErrorNotice error={list.error} retry={() => void list.fetchNextPage()} />}
      {events.length > 0 && (
        <Group justify="space-between">
          <Text size="sm" c="dimmed">
            {t.operations.shown(events.length)}
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
      )}
      {event_id !== undefined && (
        <EventDialog
          key={event_id}
          event_id={event_id}
          found={events.find((event) => event.event_id === event_id)}
          onClose={() => void navigate({ to: '/operations/events', search: filters })}
        />
      )}
    </Stack>
  );
}

function Nothing({ filtered, onClear }: { filtered: boolean; onClear: () => void }) {
  if (!filtered) return <Empty title={t.operations.no_events} text={t.operations.no_events_text} />;
  return (
    <Empty title={t.operations.no_events_filtered} text={t.operations.no_events_filtered_text}>
      <Button variant="default" onClick={onClear}>
        {t.common.clear}
      </Button>
    </Empty>
  );
}

const objectOf = (event: StripeEvent) => event.object_id ?? event.object_type ?? t.common.none;

interface ListedProps {
  events: readonly StripeEvent[];
  /** Stay as they are where one of them is looked at. */
  filters: EventFilters;
}

function Lines({ events, filters }: ListedProps) {
  const { received, status, type, object, why, attempts } = t.operations;
  return (
    <Paper withBorder radius="md" className="table">
      <Table.ScrollContainer minWidth={760} tabIndex={0} role="region" aria-label={t.operations.events}>
        <Table highlightOnHover verticalSpacing="xs" horizontalSpacing="md">
          <Table.Thead>
            <Table.Tr>
              {[received, type, status, object, why].map((label) => (
                <Table.Th key={label} scope="col">
                  {label}
                </Table.Th>
              ))}
              <Table.Th scope="col" ta="right">
                {attempts}
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {events.map((event) => (
              <Table.Tr key={event.event_id}>
                <Table.Td>
                  <Moment at={event.received_at} />
                </Table.Td>
                <Table.Td>
                  <PageLink
                    to="/operations/events"
                    search={{ ...filters, event_id: event.event_id }}
                    size="sm"
                    className="id"
                  >
                    {event.event_type}
                  </PageLink>
                </Table.Td>
                <Table.Td>
                  <EventStatusBadge status={event.status} />
                </Table.Td>
                <Table.Td className="id">{objectOf(event)}</Table.Td>
                <Table.Td>{event.error?.message ?? t.common.none}</Table.Td>
                <Table.Td ta="right">{event.attempts}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Paper>
  );
}

/** Events one below the other, for a phone. */
function Cards({ events, filters }: ListedProps) {
  return (
    <Stack gap="xs" component="ul" className="cards">
      {events.map((event) => (
        <Paper key={event.event_id} component="li" withBorder radius="md">
          <PageLink
            to="/operations/events"
            search={{ ...filters, event_id: event.event_id }}
            className="card-link"
            underline="never"
          >
            <Group justify="space-between" gap="xs">
              <Text fw={600} size="sm" className="id">
                {event.event_type}
              </Text>
              <EventStatusBadge status={event.status} />
            </Group>
            <Text size="sm" className="id">
              {objectOf(event)}
            </Text>
            {event.error !== null && <Text size="sm">{event.error.message}</Text>}
            <Text size="xs" c="dimmed">
              <Moment at={event.received_at} />
            </Text>
          </PageLink>
        </Paper>
      ))}
    </Stack>
  );
}

interface DialogProps {
  event_id: string;
  found: StripeEvent | undefined;
  onClose: () => void;
}

function EventDialog({ event_id, found, onClose }: DialogProps) {
  const mayReplay = useMay('admin:webhooks', 'admin:operations');
  // What was replayed may leave the list under its filter: it stays as it was seen last.
  const seen = useRef(found);
  if (found !== undefined) seen.current = found;
  const event = seen.current;
  return (
    <Modal
      opened
      onClose={onClose}
      closeButtonProps={{ 'aria-label': t.common.close }}
      title={event?.event_type ?? t.operations.event}
      size="lg"
    >
      <Stack gap="lg">
        {event === undefined ? (
          <Empty title={t.operations.event_gone} text={t.operations.event_gone_text} />
        ) : (
          <EventFacts event={event} />
        )}
        {mayReplay && <Replay event_id={event_id} onClose={onClose} />}
      </Stack>
    </Modal>
  );
}

function EventFacts({ event }: { event: StripeEvent }) {
  const { status, object, why, attempts, note, made, received, done_at, stripe_id, our_id } = t.operations;
  return (
    <Facts
      facts={[
        [status, <EventStatusBadge key="status" status={event.status} />],
        [why, event.error?.message],
        [
          object,
          event.object_id === null ? (
            event.object_type
          ) : (
            <Copyable key="object" value={event.object_id} what={object} />
          ),
        ],
        [attempts, event.attempts],
        [note, event.note],
        [made, <Moment key="made" at={event.stripe_created_at} />],
        [received, <Moment key="received" at={event.received_at} />],
        [done_at, event.processed_at && <Moment key="done" at={event.processed_at} />],
        [stripe_id, <Copyable key="stripe" value={event.stripe_event_id} what={stripe_id} />],
        [our_id, <Copyable key="ours" value={event.event_id} what={our_id} />],
      ]}
    />
  );
}

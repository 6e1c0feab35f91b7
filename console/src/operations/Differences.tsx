import {
  Badge,
  Button,
  Group,
  Loader,
  Paper,
  Select,
  Stack,
  Table,
  Text,
  Textarea,
  Title,
} from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { ActionDialog } from '../refunds/actions/ActionDialog.tsx';
import { useMay } from '../session/session.ts';
import { Copyable } from '../shell/Copyable.tsx';
import { Empty } from '../shell/Empty.tsx';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { FilterBar } from '../shell/FilterBar.tsx';
import { PageLink } from '../shell/links.tsx';
import { TextFilter } from '../shell/TextFilter.tsx';
import { t } from '../texts/texts.ts';
import { Moment } from '../time/Moment.tsx';
import type { DifferenceFilters } from './filters.ts';
import { closeDifference, type Difference, differencesQuery } from './queries.ts';
import { Room } from './Room.tsx';
import { compareSides } from './sides.ts';

const route = getRouteApi('/operations/differences');

/** Where the books and Stripe did not agree, with both sides; what is left for a person is closed here. */
export function Differences() {
  const filters = route.useSearch();
  const navigate = useNavigate();
  const setFilters = (search: DifferenceFilters) => void navigate({ to: '/operations/differences', search });
  const set = (change: { [Name in keyof DifferenceFilters]?: DifferenceFilters[Name] | undefined }) =>
    setFilters(
      Object.fromEntries(
        Object.entries({ ...filters, ...change }).filter(([, value]) => value !== undefined),
      ),
    );
  return (
    <Room title={t.operations.differences}>
      <FilterBar
        label={t.operations.filters}
        set={Object.keys(filters).length}
        onClear={() => setFilters({})}
      >
        <Select
          label={t.operations.state}
          placeholder={t.common.all}
          clearable
          data={[
            { value: 'true', label: t.operations.open },
            { value: 'false', label: t.operations.settled },
          ]}
          value={filters.open === undefined ? null : String(filters.open)}
          onChange={(open) => set({ open: open === null ? undefined : open === 'true' })}
          w={190}
        />
        <TextFilter
          label={t.operations.entity}
          value={filters.entity_id}
          onChange={(entity_id) => set({ entity_id })}
          w={200}
        />
        <TextFilter
          label={t.operations.run}
          value={filters.run_id}
          onChange={(run_id) => set({ run_id })}
          w={200}
        />
      </FilterBar>
      <Rows filters={filters} onClear={() => setFilters({})} />
    </Room>
  );
}

function Rows({ filters, onClear }: { filters: DifferenceFilters; onClear: () => void }) {
  const list = useInfiniteQuery(differencesQuery(filters));
  const [closing, setClosing] = useState<Difference>();
  if (list.isPending) return <Loader aria-label={t.common.loading} mx="auto" my="xl" />;
  if (list.data === undefined) return <ErrorNotice error={list.error} retry={() => void list.refetch()} />;
  const differences = list.data.pages.flatMap((page) => page.differences);
  return (
    <Stack gap="sm">
      {differences.length === 0 && <Nothing filters={filters} onClear={onClear} />}
      <Stack gap="sm" component="ul" className="cards">
        {differences.map((difference) => (
          <Paper key={difference.difference_id} component="li" withBorder radius="md" p="lg">
            <One difference={difference} onClose={() => setClosing(difference)} />
          </Paper>
        ))}
      </Stack>
      {list.isError && <ErrorNotice error={list.error} retry={() => void list.fetchNextPage()} />}
      {differences.length > 0 && (
        <Group justify="space-between">
          <Text size="sm" c="dimmed">
            {t.operations.shown(differences.length)}
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
      {closing !== undefined && <CloseDialog difference={closing} onClose={() => setClosing(undefined)} />}
    </Stack>
  );
}

function Nothing({ filters, onClear }: { filters: DifferenceFilters; onClear: () => void }) {
  const { open, ...others } = filters;
  if (open !== false && Object.keys(others).length === 0) {
    return (
      <Empty
        title={open === true ? t.operations.none_open : t.operations.no_differences}
        text={t.operations.no_differences_text}
      />
    );
  }
  return (
    <Empty title={t.operations.no_differences_filtered} text={t.operations.no_differences_filtered_text}>
      <Button variant="default" onClick={onClear}>
        {t.common.clear}
      </Button>
    </Empty>
  );
}

const idOf = ({ entity_id, stripe_id, difference_id }: Difference) => entity_id ?? stripe_id ?? difference_id;
const titleOf = ({ kind, entity_type }: Difference) =>
  t.operations.titled(t.operations.kinds[kind] ?? kind, t.operations.entities[entity_type]);

function One({ difference, onClose }: { difference: Difference; onClose: () => void }) {
  const mayClose = useMay('admin:operations');
  const isOpen = difference.done === 'left' && difference.closed_at === null;
  return (
    <Stack gap="sm">
      <Group justify="space-between" gap="sm">
        <Title order={2} size="h5">
          {titleOf(difference)}
        </Title>
        <Badge color={isOpen ? 'red' : 'gray'} variant="light" tt="none" className="status">
          {isOpen || difference.done !== 'left' ? t.operations.done[difference.done] : t.operations.settled}
        </Badge>
      </Group>
      <Ids difference={difference} />
      <Sides difference={difference} />
      <Group justify="space-between" align="end" gap="sm">
        <Text size="sm" c="dimmed" component="div">
          {t.operations.found_at} <Moment at={difference.found_at} />
          {difference.closed_at !== null && (
            <>
              {' · '}
              {t.operations.closed} <Moment at={difference.closed_at} />{' '}
              {difference.closed_by_id === null
                ? t.operations.closed_by_run
                : t.operations.closed_by(difference.closed_by_id)}
            </>
          )}
        </Text>
        {isOpen && mayClose && (
          <Button variant="default" onClick={onClose} aria-label={t.operations.close_of(idOf(difference))}>
            {t.operations.close}
          </Button>
        )}
      </Group>
      {difference.note !== null && <Text size="sm">{difference.note}</Text>}
    </Stack>
  );
}

/** Of what it is; a way there for whoever may go there. */
function Ids({ difference: { entity_type, entity_id, stripe_id } }: { difference: Difference }) {
  const maySee = {
    payment: useMay('admin:payments.read'),
    refund: useMay('admin:refunds.read'),
    dispute: false,
  };
  return (
    <Group gap="2px 16px">
      {entity_id !== null && maySee[entity_type] && entity_type === 'refund' && (
        <PageLink to="/refunds/$refund_id" params={{ refund_id: entity_id }} className="id" size="sm">
          {entity_id}
        </PageLink>
      )}
      {entity_id !== null && maySee[entity_type] && entity_type === 'payment' && (
        <PageLink to="/payments/$payment_id" params={{ payment_id: entity_id }} className="id" size="sm">
          {entity_id}
        </PageLink>
      )}
      {entity_id !== null && !maySee[entity_type] && (
        <Text size="sm" component="div">
          <Copyable value={entity_id} what={t.operations.our_id} />
        </Text>
      )}
      {stripe_id !== null && (
        <Text size="sm" component="div">
          <Copyable value={stripe_id} what={t.operations.stripe_id} />
        </Text>
      )}
    </Group>
  );
}

function Sides({ difference }: { difference: Difference }) {
  const { here, at_stripe } = difference;
  return (
    <Table verticalSpacing={4} horizontalSpacing="xs" className="sides">
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col">{t.operations.fact}</Table.Th>
          <Table.Th scope="col">
            {t.operations.here}
            {here === null && `: ${t.operations.nothing}`}
          </Table.Th>
          <Table.Th scope="col">
            {t.operations.at_stripe}
            {at_stripe === null && `: ${t.operations.nothing}`}
          </Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {compareSides(here, at_stripe).map((compared) => (
          <Table.Tr key={compared.fact}>
            <Table.Th scope="row" fw={400}>
              {compared.fact}
              {compared.differs && (
                <Text span size="xs" fw={600} c="red" ml={6}>
                  {t.operations.differs}
                </Text>
              )}
            </Table.Th>
            <Table.Td>{compared.here}</Table.Td>
            <Table.Td>{compared.at_stripe}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function CloseDialog({ difference, onClose }: { difference: Difference; onClose: () => void }) {
  const [note, setNote] = useState('');
  return (
    <ActionDialog
      title={t.operations.close}
      text={`${titleOf(difference)}, ${idOf(difference)}. ${t.operations.close_text}`}
      ready={note.trim() !== ''}
      act={(key) => closeDifference(difference.difference_id, note.trim(), key)}
      onClose={onClose}
    >
      <Textarea
        label={t.operations.close_note}
        description={t.operations.close_note_text}
        value={note}
        onChange={({ currentTarget }) => setNote(currentTarget.value)}
        required
        maxLength={2_000}
        autosize
        minRows={2}
        data-autofocus
      />
    </ActionDialog>
  );
}
